#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hard requests to a real shoal-web: each must get the right status, have no effect, and leave it
alive. shoald is made up: it answers on a web.sock of ours what the protocol asks for."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 30  # seconds, for anything that has to happen some time
failures = []


def check(condition, text):
    if not condition:
        failures.append(text)
        print("FAIL", text)


class Shoald(threading.Thread):
    """Answers commands on web.sock; keeps what it was asked."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.asked = []
        self.is_mute = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        for line in client.makefile("rb"):
            question = json.loads(line)
            self.asked.append(question)
            if self.is_mute:
                continue
            try:
                client.sendall(self.answer(question["command"], question["args"]))
            except OSError:
                return

    def answer(self, command, args):
        if command == "beat":
            return line_of({"node": "lb1", "version": "0", "generation": "g", "not_ready": [],
                            "listen": "127.0.0.1:1", "pad": "x" * 2000})
        if command == "metrics":
            text = b"# HELP shoal_x x.\n# TYPE shoal_x gauge\nshoal_x 1\n"
            head = b'{"v":1,"text":{"at":0,"bytes":%d}}\n' % len(text)
            return head + text[:5] + text[5:] + line_of({})
        if command == "vips" and args.get("names") == ["none"]:
            return b'{"v":1,"ok":false,"exit":2,"error":"no VIP \'none\', did you mean \'www\'?"}\n'
        if command == "pools":
            return (b'{"v":1,"part":{"path":["pools"],"at":0,"items":[{"name":"a"},{"name":"b"}]}}\n'
                    b'{"v":1,"part":{"path":["pools"],"at":1,"items":[{"name":"c"}]}}\n'
                    + line_of({"pools": []}))
        return line_of({"command": command, "args": args})


def line_of(result):
    return json.dumps({"v": 1, "ok": True, "result": result}).encode() + b"\n"


def connect():
    peer = socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
    return peer


def read_all(peer):
    data = b""
    try:
        while True:
            more = peer.recv(65536)
            if not more:
                return data
            data += more
    except ConnectionResetError:
        return data


def raw(data):
    """Send bytes, say that there is no more, and read until the other side ends."""
    with connect() as peer:
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return read_all(peer)


def ask(path, method="GET", headers=""):
    request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
    with connect() as peer:
        peer.sendall(request.encode("latin-1"))
        answer = read_all(peer)
    head, _, body = answer.partition(b"\r\n\r\n")
    return status_of(answer), head.decode("latin-1"), body


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def wait_for(text, is_so):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if is_so():
                return
        except OSError:
            pass
        time.sleep(0.05)
    check(False, "in time: " + text)


# ---- what is there -------------------------------------------------------------------------------

def test_paths():
    for path, kind in (("/", "text/html"), ("/metrics", "text/plain"), ("/healthz", "text/plain"),
                       ("/readyz", "application/json"), ("/api/v1/status", "application/json"),
                       ("/api/v1/status?brief", "application/json"),
                       ("/api/v1/openapi.json", "application/json")):
        status, head, _ = ask(path)
        check(status == 200 and f"Content-Type: {kind}" in head, f"{path}: {status} {head}")
        for header in ("Content-Security-Policy: default-src 'none'", "X-Content-Type-Options: nosniff",
                       "Cache-Control: no-store", "X-Frame-Options: DENY"):
            check(header in head, f"{path} lacks {header}")
        status, head, body = ask(path, "HEAD")
        check(status == 200 and body == b"", f"HEAD {path}: {status}, {len(body)} bytes")
    check(json.loads(ask("/api/v1/pools")[2]) == {"pools": [{"name": "a"}, {"name": "c"}]}, "parts are joined")
    check(b"shoal_x 1\n" in ask("/metrics")[2], "text comes through")


def test_names():
    for path, arguments in (("/api/v1/reals/web/web1", {"names": ["web/web1"]}),
                            ("/api/v1/reals/web%2Fweb1", {"names": ["web/web1"]}),
                            ("/api/v1/vips/203.0.113.0%2f24", {"names": ["203.0.113.0/24"]}),
                            ("/api/v1/vips/..%2f..%2fetc", {"names": ["../../etc"]}),
                            ("/api/v1/why/a%20b%22c", {"thing": 'a b"c'})):
        status, _, body = ask(path)
        check(status == 200 and json.loads(body)["args"] == arguments, f"{path}: {status} {body}")
    status, _, body = ask("/api/v1/vips/none")
    check(status == 404 and b"did you mean" in body, f"an unknown name: {status} {body}")


def test_openapi():
    """The document and the server say the same, both ways."""
    document = json.loads(ask("/api/v1/openapi.json")[2])
    for path in document["paths"]:
        if path.endswith("/stream"):
            continue
        status = ask(path.replace("{", "").replace("}", ""))[0]
        check(status in (200, 503), f"{path} is documented: {status}")
    for path in ("/api/v1/why", "/api/v1/vips/", "/api/v1/statuses", "/api/v1", "/api/v1/"):
        check(ask(path)[0] == 404 and path not in document["paths"], f"{path} is no path")


# ---- what is refused -----------------------------------------------------------------------------

def test_methods():
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        for path in ("/", "/api/v1/status", "/metrics", "/nothing"):
            status, head, _ = ask(path, method)
            check(status == 405 and "Allow: GET, HEAD" in head, f"{method} {path}: {status}")
    check(ask("/", "BREW")[0] in (400, 405, 501), "a method that is none")


def test_paths_that_are_none():
    for path in ("/api/v1/../v1/status", "/./", "//", "/..", "/../../etc/passwd", "/%2e%2e/", "/page.js/",
                 "/index.html/..", "/api/v1/status/", "/api/v1/status%00", "/api//v1/status", "/API/v1/status",
                 "/metrics/", "/healthz;x", "/api/v1/version/x", "/" + "a" * 8000):
        status = ask(path)[0]
        check(status in (400, 404), f"{path[:40]}: {status}")
    for path in ("/api/v1/why/%ff", "/api/v1/why/%00", "/api/v1/why/a%00b", "/api/v1/why/%c3%28"):
        check(ask(path)[0] == 400, f"{path}: {ask(path)[0]}")
    for path in ("/api/v1/version?x", "/api/v1/status?brief=2", "/metrics?name=x", "/api/v1/vips?names=x"):
        check(ask(path)[0] == 400, f"{path}: {ask(path)[0]}")


def test_hosts():
    def host(name, version="1.1"):
        return status_of(raw(f"GET /healthz HTTP/{version}\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()))

    for name in ("localhost", f"localhost:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT}", "[::1]:80", "lb1.localhost",
                 "LOCALHOST"):
        check(host(name) == 200, f"host {name}: {host(name)}")
    for name in ("evil.example", "evil.example:9108", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example"):
        check(host(name) == 421, f"host {name}: {host(name)}")


def test_malformed():
    for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n",
                 b"GET / HTTP/1.1\r\nnocolon\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
                 b"GET http://[ HTTP/1.1\r\n\r\n", b"GET \xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nabc",
                 b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\nabc",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"A" * 200000):
        status = status_of(raw(data))
        check(status == 0 or 400 <= status < 600, f"{data[:40]}: {status}")
    for headers in (b"Content-Length: 7\r\n\r\nabcdefg", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        answer = raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + headers + b"GET /metrics HTTP/1.1\r\n\r\n")
        check(status_of(answer) == 400 and answer.count(b"HTTP/1.1 ") == 1, f"a GET with a body: {answer[:60]}")


def test_huge():
    status = ask("/healthz", headers="X-Long: " + "a" * 15000 + "\r\n")[0]
    check(status == 200, f"15 kB of headers: {status}")
    status = ask("/healthz", headers="X-Long: " + "a" * 17000 + "\r\n")[0]
    check(status == 431, f"17 kB of headers: {status}")
    status = ask("/healthz", headers="".join(f"X-{i}: {i}\r\n" for i in range(2000)))[0]
    check(status == 431, f"2,000 headers: {status}")
    for size in (100000, 10000000):
        status = status_of(raw(b"GET / HTTP/1.1\r\nX: " + b"a" * size + b"\r\n\r\n"))
        check(status in (0, 400, 413, 431), f"{size} bytes of header: {status}")


def test_pipelined():
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    mixed = (one + b"GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n" +
             b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n" + one)
    with connect() as peer:
        peer.sendall(mixed + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = read_all(peer)
    found = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    check(found == [200, 200, 405, 200, 404], f"pipelined: {found}")


def test_slow():
    """A byte now and then keeps no place, nor does silence."""
    peers = [connect() for _ in range(4)]
    peers[1].sendall(b"GET / HTT")
    peers[3].sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
    began = time.monotonic()
    peers[2].settimeout(1)
    while time.monotonic() - began < PATIENCE:
        try:
            peers[2].sendall(b"X")
            if not peers[2].recv(1000):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    check(time.monotonic() - began < PATIENCE, "a request that comes byte by byte is ended")
    for peer in (peers[0], peers[1], peers[3]):
        read_all(peer)
    check(time.monotonic() - began < PATIENCE + 5, "connections that are silent are ended")
    for peer in peers:
        peer.close()


def test_many():
    wait_for("no connection is left", lambda: metric("shoal_web_connections") == 1)
    peers = [connect() for _ in range(64)]
    try:
        time.sleep(0.2)
        with connect() as one_more:
            try:
                one_more.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            except OSError:
                pass
            status = status_of(read_all(one_more))
        check(status in (0, 503), f"the 65th connection: {status}")
        peers.pop().close()
        wait_for("a place is free again", lambda: ask("/healthz")[0] == 200)
    finally:
        for peer in peers:
            peer.close()
    wait_for("all places are free again", lambda: metric("shoal_web_connections") == 1)
    check(metric("shoal_web_connections_refused_total") >= 1, "it counts who was refused")


def metric(name):
    body = ask("/metrics")[2].decode()
    return float(next(line.split()[1] for line in body.splitlines() if line.startswith(name + " ")))


def test_streams():
    with connect() as peer:
        peer.sendall(b"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while data.count(b"event: beat") < 2:
            data += peer.recv(65536)
        check(b"Content-Type: text/event-stream" in data, "the type of a stream")
        check(metric("shoal_web_streams") == 1, "one stream is open")
    wait_for("the stream is closed", lambda: metric("shoal_web_streams") == 0)


def test_shared():
    """However many ask the same, shoald is asked about once a second."""
    begin = len(shoald.asked)
    began = time.monotonic()
    for _ in range(200):
        check(ask("/api/v1/peers")[0] == 200, "peers")
    asked = sum(1 for question in shoald.asked[begin:] if question["command"] == "peers")
    check(asked <= time.monotonic() - began + 2, f"200 requests asked shoald {asked} times")


def test_never_a_write():
    allowed = {"beat", "metrics", "status", "version", "vips", "pools", "reals", "peers", "routes", "why", "events"}
    asked = {question["command"] for question in shoald.asked}
    check(asked <= allowed, f"shoald was asked for {asked - allowed}")


def test_mute_shoald():
    """shoald hangs: this process says so, and answers."""
    shoald.is_mute = True
    wait_for("healthz is 503", lambda: ask("/healthz")[0] == 503)
    check(ask("/readyz")[0] == 503, "readyz is 503")
    check(ask("/api/v1/version")[0] == 503, "an answer that does not come is 503")
    shoald.is_mute = False
    wait_for("healthz is 200 again", lambda: ask("/healthz")[0] == 200)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    wait_for("it listens", lambda: ask("/healthz")[0] == 200)
    for test in tests:
        began = time.monotonic()
        test()
        check(web.poll() is None, f"{test.__name__}: it lives")
        print(f"{test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        if web.poll() is not None:
            break
    web.terminate()
    check(web.wait(PATIENCE) == 0, f"it ends with {web.returncode}")
    print("failed" if failures else "passed")
    return 1 if failures else 0


with tempfile.TemporaryDirectory(prefix="shoal-web-test.") as directory:
    PORT = free_port()
    shoald = Shoald(os.path.join(directory, "web.sock"))
    web = subprocess.Popen([sys.argv[1], "--run-dir", directory, "--listen", f"127.0.0.1:{PORT}"])
    try:
        status = main()
    finally:
        web.kill()
sys.exit(status)
