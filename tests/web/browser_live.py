#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""browser_live.py URL - the status page of a real node in Chromium, while things happen to it.

It asks its caller for these: a line "DO COMMAND" on standard output, answered by one line on
standard input when it is done. Every other line is for people.
"""
import json
import sys
import urllib.request

from browser import Browser, Failed, check, main_of

ROW = "const row = [...document.querySelectorAll('%s tr.row')].find((r) => r.textContent.includes(%s));"


def do(command):
    print(f"DO {command}", flush=True)
    if not sys.stdin.readline():
        raise Failed("the test ended")


def ask(url, path):
    with urllib.request.urlopen(url + "api/v1/" + path, timeout=60) as answer:
        return json.load(answer), answer.headers


def has_row(table, name, *words):
    """A row of a table that has all of these words."""
    return (ROW % (table, json.dumps(name)) +
            "return row && %s.every((w) => row.textContent.includes(w))" % json.dumps(words))


def flatten(link):
    texts = [link[key] for key in ("kind", "name", "state") if link.get(key)]
    for cause in link.get("causes", []):
        texts += flatten(cause)
    return texts


def test_loads(browser, url):
    print("a site that is well", flush=True)
    browser.go(url)
    browser.until("both VIPs are announced", has_row("#vips", "www4", "announced", "203.0.113.10/32"))
    browser.until("the second too", has_row("#vips", "www6", "announced"))
    browser.until("the reals are up, with their evidence", has_row("#pools", "web2", "●up", "the check passed"))
    browser.until("the peer is established", has_row("#peers", "tor1", "established"))
    browser.until("it is live", "return document.querySelector('#feed-text').textContent === 'live'")
    browser.until("events are shown", "return document.querySelectorAll('#event-list li[data-seq]').length > 3")
    browser.until("no alarm", "return document.querySelector('#h-alarms').textContent === 'No alarms'")
    paint = browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
    print(f"  first paint {paint:.0f} ms")


def test_real_dies(browser, url):
    print("a real dies", flush=True)
    do("real_dies")
    browser.until("its row turns by itself", has_row("#pools", "web2", "down", "refused"))
    browser.until("an alarm comes", "return document.querySelector('#alarm-list').textContent.includes('web2')")
    browser.until("it is spoken", "return document.querySelector('#said').textContent.includes('pool web')")
    browser.until("an event comes", "return document.querySelector('#event-list').textContent.includes('web2')")
    print("why, by keyboard", flush=True)
    browser.run("document.querySelector('#find').focus()")
    for _ in range(80):
        browser.press("Tab")
        if browser.run("return document.activeElement.textContent") == "web2":
            break
    browser.press("Enter")
    browser.until("Enter opens the chain", "return document.querySelector('dialog[open] .causes')")
    why, _ = ask(url, "why/web/web2")
    shown = browser.run("return document.querySelector('#why-body').textContent")
    lacks = [text for text in flatten(why["why"]) if text not in shown]
    check("it has what the JSON has", not lacks, lacks or "")
    check("and what would change it", why["next"][0]["text"] in shown, why["next"])
    browser.press("Escape")
    browser.until("Escape closes it", "return !document.querySelector('dialog[open]')")


def test_quorum_lost(browser, url):
    print("all reals die, with a hostile answer", flush=True)
    do("reals_answer_evil")
    browser.until("the VIP is withdrawn", has_row("#vips", "www4", "withdrawn", "too few healthy reals"))
    browser.until("the answer of a real is shown as text",
                  "return document.querySelector('#pools').textContent.includes('<img src=x onerror=')")
    check("and made no element", browser.run("return document.querySelectorAll('img').length") == 0)
    browser.run(ROW % ("#vips", '"www4"') + "row.querySelector('a').click()")
    browser.until("its chain names the pool and the reals", """const text = document.querySelector('dialog[open] #why-body')?.textContent ?? '';
        return ['no quorum', 'web1', 'web3', 'comes back when', 'not in its Adj-RIB-Out'].every((w) => text.includes(w))""")
    browser.press("Escape")
    do("reals_are_well")
    browser.until("it comes back", has_row("#vips", "www4", "announced"))
    browser.until("without an alarm", "return document.querySelector('#h-alarms').textContent === 'No alarms'")


def test_shoald_gone(browser, url):
    print("shoald goes and comes", flush=True)
    complaints = browser.complaints()
    check("no console message", not complaints, complaints or "")
    do("stop_shoald")
    browser.until("the page says that shoald is not there", """const stale = document.querySelector('#stale');
        return !stale.hidden && stale.textContent.includes('shoald')""")
    print("  it says: " + browser.run("return document.querySelector('#stale').textContent"))
    check("and keeps what it knew", browser.run(has_row("#vips", "www4", "announced")))
    browser.complaints()  # of the refused reads
    do("begin_shoald")
    browser.until("it is live again", "return document.querySelector('#stale').hidden && document.querySelector('#feed-text').textContent === 'live'")


def test_narrow(browser):
    print("dark and 390 px", flush=True)
    for width, is_dark in ((390, False), (390, True), (1400, True)):
        browser.window(width, 900, is_dark)
        wide = browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        check(f"{width} px, {'dark' if is_dark else 'light'}: no horizontal scroll", wide[0] <= wide[1], wide)


def main(url):
    policy = urllib.request.urlopen(url).headers["Content-Security-Policy"]
    check("the policy is strict", "default-src 'none'" in policy and "unsafe" not in policy, policy)
    check("no handler stands in the page", " on" not in urllib.request.urlopen(url).read().decode().split("<body>")[1].replace(" only", ""))
    with Browser() as browser:
        browser.window(1400)
        test_loads(browser, url)
        test_real_dies(browser, url)
        test_quorum_lost(browser, url)
        test_narrow(browser)
        test_shoald_gone(browser, url)
        away = [u for u in browser.requests() if not u.startswith((url, "data:", "about:", "chrome:"))]
        check("nothing outside was asked for", not away, away or "")


if __name__ == "__main__":
    main_of(main)
