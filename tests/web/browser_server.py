#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""browser_server.py PAGE-DIRECTORY SERVER.C GOLDENS - the status page before answers that are made up.

For what a real node cannot be asked to show at will: 1,000 VIPs, hostile names, shoald gone. The
answers are those of the golden transcripts, changed. It serves what shoal-web serves, with its
policy, on a free loopback port that it prints first. GET /set?sites=large|small|hostile changes
the site, /set?state=ok|gone|slow its life; /requests lists the paths that were asked for.
"""
import copy
import http.server
import json
import re
import sys
import threading
import time
import urllib.parse

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>' \
          '"\'><svg onload=document.title=3>{{7*7}}\u202egnp.exe\x1b[31m&lt;b&gt;'


TYPES = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"}


def goldens(directory, scenario):
    """The answers of a transcript, by command."""
    with open(f"{directory}/{scenario}.json", encoding="utf-8") as file:
        parts = re.split(r"^\$ shoal (.*) --json\n", file.read(), flags=re.M)[1:]
    return {command: json.loads(answer) for command, answer in zip(parts[::2], parts[1::2])}


class Site:
    def __init__(self, directory):
        self.directory = directory
        self.kind, self.state, self.began = "small", "ok", time.time()
        self.asked, self.lock = [], threading.Lock()
        self.make("small")

    def make(self, kind):
        self.answers = goldens(self.directory, "quorum-lost")
        self.status = self.answers["status"]
        self.reals = {pool["name"]: [self.real(pool["name"], real) for real in pool["reals"]]
                      for pool in self.status["pools"]}
        if kind == "large":
            self.grow(1000, 100, 100)
        if kind == "hostile":
            self.poison()
        self.kind = kind

    def real(self, pool, brief):
        for answer in self.answers.values():
            for real in answer.get("reals", []) if isinstance(answer, dict) else []:
                if (real["pool"], real["name"]) == (pool, brief["name"]):
                    return real
        full = copy.deepcopy(next(a for c, a in self.answers.items() if c.startswith("reals"))["reals"][-1])
        full.update(pool=pool, name=brief["name"], state=brief["state"], reason=brief["reason"])
        return full

    def grow(self, n_vips, n_pools, n_reals):
        vip, pool = self.status["vips"][0], self.status["pools"][0]
        states = lambda i: "down" if i % 97 == 5 else "up"
        self.status["pools"] = [copy.deepcopy(pool) | {
            "name": f"pool{i:03}", "usable": n_reals, "total": n_reals, "up": n_reals,
            "reals": [{"name": f"real{j:03}", "state": states(i + j), "reason": "ok"}
                      for j in range(n_reals)]} for i in range(n_pools)]
        self.status["vips"] = []
        for i in range(n_vips):
            more = copy.deepcopy(vip)
            more["name"], more["prefix"] = f"vip{i:04}", f"203.0.{i // 250}.{i % 250}/32"
            more["pools"][0].update(name=f"pool{i % n_pools:03}", usable=n_reals, total=n_reals)
            self.status["vips"].append(more)
        self.reals = {p["name"]: [self.real(p["name"], r) for r in p["reals"]]
                      for p in self.status["pools"]}

    def poison(self):
        vip, pool, peer = self.status["vips"][2], self.status["pools"][1], self.status["peers"][0]
        vip["sentence"] = vip["name"] = pool["name"] = peer["name"] = HOSTILE
        self.status["node"] = HOSTILE
        self.status["alarms"][0].update(text=HOSTILE, thing=HOSTILE, command="shoal why " + HOSTILE)
        self.reals[HOSTILE] = self.reals["mail"]
        for real in self.reals[HOSTILE]:
            real["evidence"] = HOSTILE
            real["pool"] = HOSTILE

    def answer(self, path):
        """The result of a read, or None."""
        age_s = time.time() - self.began
        if path == "status":
            for vip in self.status["vips"]:
                vip["pps"] = int(1e5 + 9e4 * ((hash(vip["prefix"]) + int(age_s)) % 7) / 7)
            return self.status
        if path == "events":
            return {"events": [{"seq": 1, "at_us": 1795335055000000, "level": "notice", "event": "vip_state",
                                "text": HOSTILE if self.kind == "hostile" else "vip mail-v4 withdrawn"}]}
        if path.startswith("reals/"):
            return {"reals": self.reals[path[6:]]} if path[6:] in self.reals else None
        if path.startswith("why/"):
            chain = copy.deepcopy(self.answers["why mail-v4"])
            if self.kind == "hostile":
                chain["why"].update(name=HOSTILE, text=HOSTILE, state=HOSTILE)
                chain["why"]["causes"][0]["causes"][0].update(text=HOSTILE, output=HOSTILE)
            return chain
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, kind, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status, value):
        self.send(status, "application/json", json.dumps(value).encode())

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path, site = urllib.parse.unquote(url.path), self.server.site
        with site.lock:
            site.asked.append(path)
        if path in TYPES:
            with open(self.server.page + (path if path != "/" else "/index.html"), "rb") as file:
                return self.send(200, TYPES[path] + "; charset=utf-8", file.read(),
                                 **{"Content-Security-Policy": self.server.policy})
        if path == "/requests":
            return self.send_json(200, site.asked)
        if path == "/set":
            return self.set(dict(urllib.parse.parse_qsl(url.query)))
        if path == "/api/v1/events/stream":
            return self.stream()
        while site.state == "slow":
            time.sleep(0.1)
        if site.state == "gone":
            return self.send_json(503, {"error": "shoald is not running"})
        answer = site.answer(path.removeprefix("/api/v1/"))
        if answer is None:
            return self.send_json(404, {"error": "no such path"})
        return self.send_json(200, answer)

    def set(self, wanted):
        if "sites" in wanted:
            self.server.site.make(wanted["sites"])
        if "state" in wanted:
            self.server.site.state = wanted["state"]
        self.send_json(200, {})

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        while self.server.site.state == "ok":
            self.wfile.write(b'event: beat\ndata: {"last_event": 1}\n\n')
            self.wfile.flush()
            time.sleep(0.5)
        self.close_connection = True


def main(page, server_c, directory):
    http.server.ThreadingHTTPServer.daemon_threads = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.page = page
    with open(server_c, encoding="utf-8") as file:
        said = re.search(r'"Content-Security-Policy",((?:\s*"[^"]*")+)', file.read())[1]
    server.policy = "".join(re.findall(r'"([^"]*)"', said))
    server.site = Site(directory)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
