#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""browser_page.py PAGE-DIRECTORY SERVER.C GOLDENS - the status page in Chromium before made-up answers.

What a real node cannot be asked to show at will: hostile names, 1,000 VIPs, shoald gone, a server
that says nothing. browser_live.py has the real thing.
"""
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request

from browser import Browser, Failed, check, main_of

# For each visible text its contrast against what is behind it, as WCAG counts it.
CONTRAST = r"""
const channel = (c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
const parse = (text) => text.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
const ground = (node) => {
	for (; node; node = node.parentElement) {
		const color = parse(getComputedStyle(node).backgroundColor);
		if (color.length === 3 || color[3] > 0)
			return color;
	}
	return [255, 255, 255];
};
const root = document.querySelector('dialog[open]') ?? document.body;
const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), bad = [];
let n = 0;
for (let text; (text = walker.nextNode());) {
	const node = text.parentElement;
	if (!text.data.trim() || !node.checkVisibility() || node.closest('.unseen, .skip, style, script, noscript'))
		continue;
	const a = luminance(parse(getComputedStyle(node).color)), b = luminance(ground(node));
	const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
	n++;
	if (ratio < 4.5 && !node.disabled)
		bad.push(`${ratio.toFixed(1)} "${text.data.slice(0, 40)}"`);
}
return [n, bad];
"""


class Server:
    def __init__(self, *args):
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = subprocess.Popen([sys.executable, here + "/browser_server.py", *args],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def set(self, **what):
        self.get("set?" + urllib.parse.urlencode(what))


def load(browser, url, *hash_of):
    browser.go("about:blank")
    browser.go(url + "".join(hash_of))


def is_loaded(browser):
    browser.until("the VIPs are shown", "return document.querySelectorAll('#vips tbody tr').length")


def flatten(link):
    """Every text that `shoal why` prints of a chain."""
    texts = [link[key] for key in ("kind", "name", "state", "text", "prefix") if link.get(key)]
    for cause in link.get("causes", []):
        texts += flatten(cause)
    return texts


def printable(text):
    """As the page shows what a screen would obey."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda c: "\\x%02x" % ord(c[0]), text)


def focused(browser):
    return browser.run("const a = document.activeElement; return [a.tagName, a.id, a.textContent]")


def test_small(browser, server):
    print("the page of a small site", flush=True)
    load(browser, server.url)
    is_loaded(browser)
    browser.until("it says that it is live", "return document.querySelector('#feed-text').textContent === 'live'")
    text = browser.run("return document.body.innerText")
    for word in ("lb1", "mail-v4", "withdrawn", "203.0.113.25/32", "too few healthy reals", "1/3",
                 "tor1", "established", "smtp1", "no answer within the timeout", "vip mail-v4 withdrawn"):
        check(f"it shows '{word}'", word in text)
    check("a VIP has its traffic drawn", browser.run(
        "return document.querySelectorAll('#vips svg[role=img][aria-label*=\"packets a second\"]').length") == 3)
    paints = []
    for _ in range(3):
        load(browser, server.url)
        is_loaded(browser)
        paints.append(browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    print(f"  first paint {min(paints):.0f} ms at best, {sorted(paints)[1]:.0f} ms in the median of 3")


def test_keyboard(browser, server):
    print("by keyboard", flush=True)
    load(browser, server.url)
    is_loaded(browser)
    for _ in range(60):
        browser.press("Tab")
        if "mail-v4 withdrawn" in focused(browser)[2]:
            break
    check("Tab reaches the alarm", "mail-v4 withdrawn" in focused(browser)[2], focused(browser))
    browser.press("Enter")
    browser.until("Enter opens its why chain", "return document.querySelector('dialog[open] .causes')")
    body = browser.run("return document.querySelector('#why-body').textContent")
    why = server.get("api/v1/why/mail-v4")
    lacks = [text for text in flatten(why["why"]) + [n["text"] for n in why["next"]] if printable(text) not in body]
    check("the chain has every text of the JSON", not lacks, lacks or "")
    check("and the command that changes it", why["next"][0]["command"] in body)
    browser.press("Tab")
    browser.press("Tab")
    check("the focus stays in the chain", browser.run("return document.activeElement.closest('dialog') !== null"))
    browser.press("Escape")
    browser.until("Escape closes it", "return !document.querySelector('dialog[open]')")
    check("and the focus is on the alarm again", "mail-v4 withdrawn" in focused(browser)[2], focused(browser))
    browser.press("/")
    check("/ goes to the filter", focused(browser)[1] == "find")
    browser.press(*"www6")
    browser.until("what is typed filters the tables",
                  "return document.querySelectorAll('#vips tbody tr').length === 1")
    check("no element is out of order for Tab", browser.run("return !document.querySelector('[tabindex]:not([tabindex=\"-1\"])')"))


def test_address(browser, server):
    print("an address that was sent by a colleague", flush=True)
    load(browser, server.url, "#why/mail-v4")
    browser.until("it opens the chain", "return document.querySelector('dialog[open] .causes')")
    browser.run("document.querySelector('.causes a').click()")
    browser.until("a link of the chain leads on",
                  "return document.querySelector('#why-title').textContent === 'why mail'")
    browser.run("history.back()")
    browser.until("and back leads back",
                  "return document.querySelector('#why-title').textContent === 'why mail-v4'")


def names_of(browser):
    """(role, name) of everything that a screen reader meets."""
    nodes = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    return [(n.get("role", {}).get("value"), n.get("name", {}).get("value", ""))
            for n in nodes if not n.get("ignored")]


def test_reader(browser, server):
    print("by screen reader", flush=True)
    load(browser, server.url)
    is_loaded(browser)
    nodes = names_of(browser)
    roles = [role for role, _ in nodes]
    for role in ("banner", "main", "status", "searchbox", "table"):
        check(f"there is a {role}", role in roles)
    nameless = [role for role, name in nodes if role in ("button", "link", "table", "image", "searchbox", "region") and not name]
    check("everything that acts or shows has a name", not nameless, nameless or "")
    tables = browser.run("return [...document.querySelectorAll('table')].filter((t) => !t.querySelector('th[scope=col]')).length")
    check("every table has heads", tables == 0)
    check("an alert is ready for stale data", browser.run("return document.querySelector('#stale').getAttribute('role') === 'alert'"))


def fits(browser, what):
    wide = browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    check(f"{what} has no horizontal scroll", wide[0] <= wide[1], wide)


def test_looks(browser, server):
    print("light and dark, wide and narrow", flush=True)
    load(browser, server.url)
    is_loaded(browser)
    for width in (1400, 800, 390, 320):
        browser.window(width)
        fits(browser, f"{width} px")
    for where, least in (("the page", 50), ("the chain", 20)):
        for is_dark in (False, True):
            browser.window(1400, 900, is_dark)
            n, bad = browser.run(CONTRAST)
            check(f"{where} in {'dark' if is_dark else 'light'}: {n} texts have contrast", n > least and not bad, bad or "")
        browser.run("location.hash = '#why/mail-v4'")
        browser.until("the chain is there", "return document.querySelector('dialog[open] .causes')")
    for width in (1400, 390, 320):
        browser.window(width)
        check(f"{width} px: the chain has no horizontal scroll", browser.run(
            "const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth"))
    grounds = [ground_in(browser, dark) for dark in (False, True)]
    check("dark is dark", grounds[0] != grounds[1], grounds)


def ground_in(browser, is_dark):
    browser.window(1400, 900, is_dark)
    return browser.run("return getComputedStyle(document.body).backgroundColor")


def test_hostile(browser, server):
    print("hostile names and evidence", flush=True)
    server.set(sites="hostile")
    for width in (1400, 390):
        browser.window(width)
        load(browser, server.url)
        is_loaded(browser)
        fits(browser, f"{width} px with long names")
        browser.run("document.querySelector('#vips a').click()")
        browser.until("the chain is there", "return document.querySelector('dialog[open] .causes')")
        made = browser.run("return document.querySelectorAll('img, iframe, body script:not(:last-of-type), svg:not([class]), b').length")
        check("no element was made of a string", made == 0)
        shown = browser.run("return document.querySelector('#why-body').textContent")
        check("the evidence is shown as it is", "<script>document.title=2</script>" in shown)
        check("directions and escapes are made visible", "\\u202e" in shown and "\\x1b[31m" in shown and "\u202e" not in shown)
        check("nothing of it ran", browser.run("return !/^[123]$/.test(document.title)"))
    browser.window(1400)
    check("no console message", not (c := browser.complaints()), c or "")
    server.set(sites="small")


def test_policy(browser, server):
    print("the policy of the page", flush=True)
    load(browser, server.url)
    is_loaded(browser)
    refused = browser.run("try { document.body.innerHTML = '<p>'; return 'made' } catch (e) { return e.name }")
    check("a string cannot become HTML", refused == "TypeError", refused)
    ran = browser.run("""const s = document.createElement('style'); s.textContent = 'body{display:none}';
        document.head.append(s); const seen = getComputedStyle(document.body).display; s.remove(); return seen""")
    check("a style that is not the page's own does nothing", ran != "none", ran)
    away = browser.run("return fetch('http://127.0.0.2:9/').then(() => 'went', () => 'refused')")
    check("nothing is asked elsewhere", away == "refused")
    browser.complaints()


def test_large(browser, server):
    print("1,000 VIPs and 10,000 reals", flush=True)
    server.set(sites="large")
    browser.window(1400)
    load(browser, server.url)
    is_loaded(browser)
    browser.until("the whole is counted", "return document.querySelector('#facts').textContent.includes('1000/1000')")
    check("one leaf of each table exists", browser.run("return document.querySelectorAll('tr').length") < 120)
    took = browser.run("const began = performance.now(); const f = document.querySelector('#find'); f.value = 'vip0999'; "
                       "f.dispatchEvent(new Event('input')); return performance.now() - began")
    check("the filter finds the last VIP", browser.run("return document.querySelector('#vips tbody').textContent").startswith("vip0999"))
    print(f"  filtering took {took:.0f} ms")
    browser.run("const f = document.querySelector('#find'); f.value = ''; f.dispatchEvent(new Event('input'))")
    browser.run("document.querySelector('#vips .pager button:nth-child(2)').click()")
    check("the next leaf follows", browser.run("return document.querySelector('#vips tbody').textContent").startswith("vip0050"))
    browser.run("document.querySelector('#pools .unfold').click()")
    browser.until("a pool's reals come with their evidence",
                  "return document.querySelector('#pools .detail')?.textContent.includes('the check passed')", seconds=120)
    check("those in trouble first", browser.run("return document.querySelector('.detail tbody').textContent").startswith("real005"))
    longest = browser.run("""return new Promise((done) => { let last = performance.now(), most = 0, n = 0;
        const tick = () => { const now = performance.now(); most = Math.max(most, now - last); last = now;
        ++n < 250 ? setTimeout(tick, 20) : done(most); }; tick(); })""")
    print(f"  the longest freeze within five seconds of updates: {longest:.0f} ms")
    server.set(sites="small")


def test_gone(browser, server):
    print("shoald is gone, and comes back", flush=True)
    load(browser, server.url)
    is_loaded(browser)
    browser.complaints()
    server.set(state="gone")
    browser.until("it says so, and of when the data is", """const stale = document.querySelector('#stale');
        return !stale.hidden && stale.textContent.includes('shoald is not running') && /\\d\\d:\\d\\d:\\d\\d/.test(stale.textContent)""")
    check("what was so stays readable", browser.run("return document.querySelectorAll('#vips tbody tr').length") == 3)
    fits(browser, "the page with its banner")
    check("the banner has contrast", not browser.run(CONTRAST)[1])
    server.set(state="ok")
    browser.until("it is live again", "return document.querySelector('#stale').hidden && document.querySelector('#feed-text').textContent === 'live'")
    server.set(state="slow")
    browser.until("a server that says nothing is noticed", "return !document.querySelector('#stale').hidden")
    server.set(state="ok")
    browser.until("and forgiven", "return document.querySelector('#stale').hidden")


def main(*args):
    size = sum(os.path.getsize(f"{args[0]}/{name}") for name in os.listdir(args[0]))
    check(f"the page has {size} bytes, less than 100 kB", size < 100_000)
    with Server(*args) as server, Browser() as browser:
        browser.window(1400)
        test_small(browser, server)
        test_keyboard(browser, server)
        test_address(browser, server)
        test_reader(browser, server)
        test_looks(browser, server)
        check("no console message", not (c := browser.complaints()), c or "")
        test_policy(browser, server)
        test_hostile(browser, server)
        test_large(browser, server)
        test_gone(browser, server)
        away = [url for url in browser.requests() if not url.startswith((server.url, "data:", "about:", "chrome:", "http://127.0.0.2:9/"))]
        check("nothing outside was asked for", not away, away or "")
        outside = [path for path in server.get("requests") if not path.startswith("/api/v1/") and path not in ("/", "/page.css", "/page.js", "/requests", "/set")]
        check("no path but the page and its reads", not outside, outside or "")


if __name__ == "__main__":
    main_of(main)
