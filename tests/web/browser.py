# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven through WebDriver with the standard library only.

    with Browser() as browser:
        browser.go("http://127.0.0.1:8080/")
        browser.until("the list is there", "return document.querySelector('li')")

Everything it starts is ended with it, and its profile is a new empty directory.
"""
import base64
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

DEADLINE_S = 60  # a busy machine is no failure
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage", "--no-proxy-server"]
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c"}


class Failed(Exception):
    pass


def check(what, is_so, shown=""):
    if not is_so:
        raise Failed(f"{what}{': ' if shown != '' else ''}{shown}")
    print(f"  {what}", flush=True)


class Browser:
    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="shoal-browser.")
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0", "--log-level=SEVERE"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**os.environ, "HOME": self.profile})
        try:
            self.url = f"http://127.0.0.1:{self.port()}"
            self.url += "/session/" + self.call("POST", "/session", self.wishes())["sessionId"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if "/session/" in getattr(self, "url", ""):
                self.call("DELETE", "")
        except (OSError, Failed):
            pass
        try:
            os.killpg(self.driver.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.driver.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def port(self):
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if select.select([self.driver.stdout], [], [], 1)[0]:
                line = self.driver.stdout.readline()
                found = re.search(r"started successfully on port (\d+)", line)
                if found:
                    return found[1]
                if not line:
                    break
        raise Failed("chromedriver did not start")

    def wishes(self):
        return {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"script": DEADLINE_S * 1000, "pageLoad": DEADLINE_S * 1000},
            "goog:chromeOptions": {"binary": "/usr/bin/chromium",
                                   "args": FLAGS + [f"--user-data-dir={self.profile}/data"]}}}}

    def call(self, method, path, body=None):
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"},
                                         method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=2 * DEADLINE_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Failed(f"{path}: {value['error']}: {value['message'].splitlines()[0]}") from None

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def until(self, what, script, *args, seconds=DEADLINE_S):
        end = time.monotonic() + seconds
        while True:
            value = self.run(script, *args)
            if value:
                check(what, True)
                return value
            if time.monotonic() > end:
                page = self.run("return document.body.innerText")
                raise Failed(f"not within {seconds} s: {what}; the page reads:\n{page[:4000]}")
            time.sleep(0.1)

    def press(self, *keys):
        actions = []
        for key in keys:
            key = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def window(self, width, height=900, is_dark=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])

    def log(self, kind):
        """What was logged since the last call."""
        return self.call("POST", "/se/log", {"type": kind})

    def complaints(self):
        return [entry["message"] for entry in self.log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self):
        """The addresses that pages asked for since the last call."""
        urls = []
        for entry in self.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

    def shoot(self, file, is_whole=False):
        """What is seen, as a PNG file."""
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        with open(file, "wb") as out:
            out.write(base64.b64decode(shot["data"]))


def main_of(test):
    """Run a test's main; a failure in words, not as a stack."""
    try:
        test(*sys.argv[1:])
    except Failed as failed:
        print(f"FAILED: {failed}", file=sys.stderr)
        sys.exit(1)
