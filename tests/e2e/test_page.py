"""sonde report --html, opened in headless Chromium and used with pointer, wheel and keys."""

import json
import os
import re
import subprocess

from browser import Browser
from harness import SONDE, equal, expect, until
from test_export import HOSTILE, make_store, sonde


def make_page(case, processes=500):
    path = case.path("run.html")
    sonde("report", "--store", make_store(case, processes), "--html", path)
    return path


class Page:
    """A page that was opened, and what a test asks of it."""

    def __init__(self, case, processes=500, **options):
        self.browser = Browser(case, **options)
        self.browser.requests()  # those of the empty window it began with
        self.path = make_page(case, processes)
        self.browser.open(self.path)

    def axis(self):
        """The times at the left and the right edge, in microseconds."""
        return self.browser.run("return [Number(document.getElementById('timeline').dataset.from), "
                                "Number(document.getElementById('timeline').dataset.to)]")

    def span(self):
        left, right = self.axis()
        return right - left

    def lanes(self):
        return self.browser.box("#lanes")

    def becomes(self, condition, what):
        return until(condition, what, 10)

    def focus(self):
        self.browser.run("const timeline = document.getElementById('timeline');"
                         "timeline.focus(); timeline.scrollIntoView()")

    def ink(self):
        """How many pixels of the bars are drawn, by colour."""
        return self.browser.run("""
            const canvas = document.getElementById("bars");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            const seen = {};
            for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] > 250) {
                    const key = [data[i], data[i + 1], data[i + 2]].join();
                    seen[key] = (seen[key] || 0) + 1;
                }
            return seen;""")

    def quiet(self):
        """Nothing went wrong in the console, nothing was fetched, nothing hostile ran."""
        said = [one for one in self.browser.problems()
                if "willReadFrequently" not in one]  # a hint about how ink() reads
        equal(said, [], "what the console says")
        asked = [url for url in self.browser.requests()
                 if not url.startswith(("data:", "chrome:", "chrome-untrusted:"))]
        equal(set(asked), {"file://" + self.path}, "what was fetched")
        equal(self.browser.run("return [window.pwned === undefined,"
                               "document.querySelectorAll('main img, main script, body > img').length]"),
              [True, 0], "whether a name ran as script")


def test_loads_without_network_or_errors(case):
    page = Page(case)
    browser = page.browser
    equal(browser.text("h1"), "make -j4 all", "title")
    expect("497" in browser.text("#totals"), "the number of processes: " + browser.text("#totals"))
    equal(browser.run("return [...document.querySelectorAll('#modes button')].map((one) => one.textContent)"),
          ["Tasks", "Tools", "Process tree"], "ways to group")
    expect(len(page.ink()) > 1, "nothing is drawn: %s" % page.ink())
    equal(browser.run("return document.querySelectorAll('#findings li').length > 0"), True, "findings")
    for row in ("#path-table tr", "#panel tr"):
        expect(browser.run("return document.querySelectorAll(arguments[0]).length", row) > 4, "rows of " + row)
    # the policy holds: not even a script of the page's own may fetch or be added
    browser.run("const made = document.createElement('script');"
                "made.textContent = 'window.added = 1'; document.body.append(made)")
    equal(browser.run("return window.added === undefined"), True, "a script without the nonce does not run")
    expect(browser.run("return fetch('file:///etc/hostname').then(() => 'fetched', () => 'refused')") == "refused",
           "a fetch was let through")
    expect(any("Content Security Policy" in one for one in browser.problems()), "the policy said nothing")
    page.quiet()


def test_hostile_names_are_text(case):
    page = Page(case)
    browser = page.browser
    for panel in ("tools", "tasks", "processes", "failures", "peers", "drops", "files"):
        if browser.run("return Boolean(document.getElementById('tab-' + arguments[0]))", panel):
            browser.click("#tab-" + panel)
    browser.click("#tab-tools")
    expect(HOSTILE[0] in browser.text("#panel"), "the name is not shown: " + browser.text("#panel"))
    browser.click("#tab-tasks")
    expect(HOSTILE[1] in browser.text("#panel"), "the task's name is not shown")
    browser.click("#tab-peers")
    expect(r"\xff\xfe broken \xc3" in browser.text("#panel"), "bytes that are no UTF-8: " + browser.text("#panel"))
    with open(page.path, encoding="utf-8") as file:
        source = file.read()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', source, re.S).group(1)
    expect("<" not in data and "\u202e" not in source, "the data could end its block, or turn text around")
    json.loads(data)
    for mode in ("tools", "tree", "tasks"):
        browser.click("[data-mode=%s]" % mode)
        left, top, width, _ = page.lanes()
        for part in (0.3, 0.5, 0.7):
            browser.point(left + width * part, top + 12)
    page.quiet()


def test_zoom_and_pan(case):
    page = Page(case)
    browser = page.browser
    whole = page.span()
    browser.click("#zoom-in")
    page.becomes(lambda: page.span() < whole * 0.6, "zoomed in by the button")
    browser.click("#zoom-fit")
    page.becomes(lambda: page.span() == whole, "the whole run again")
    page.focus()
    browser.type("+", "+")
    page.becomes(lambda: page.span() < whole * 0.5, "zoomed in by keys")
    before = page.axis()
    browser.type("ArrowRight")
    page.becomes(lambda: page.axis()[0] > before[0], "moved to the right")
    expect(abs(page.span() - (before[1] - before[0])) <= 2, "moving does not zoom")
    browser.type("0")
    page.becomes(lambda: page.span() == whole, "the whole run by key")
    left, top, width, _ = page.lanes()
    browser.wheel(left + width * 0.7, top + 20, -300)
    page.becomes(lambda: page.span() < whole * 0.9, "zoomed in by the wheel, having the focus")
    before = page.axis()
    browser.point(left + width * 0.7, top + 60, "down", (left + width * 0.4, top + 60), "up")
    page.becomes(lambda: page.axis()[0] > before[0], "dragged")
    browser.type("0")
    browser.run("document.activeElement.blur()")
    browser.wheel(left + width * 0.7, top + 20, -300, control=True)
    page.becomes(lambda: page.span() < whole * 0.9, "zoomed in by Ctrl and the wheel, without the focus")
    page.quiet()


def test_search_and_step(case):
    page = Page(case)
    browser = page.browser
    browser.click("[data-mode=tools]")
    browser.type("/")
    browser.type(*"part7.c")
    page.becomes(lambda: browser.text("#matches").startswith("3 of "), "what is found: " + browser.text("#matches"))
    browser.type("Enter")
    page.becomes(lambda: "part7.c" in browser.text("#details"), "the first that is found")
    first = browser.text("#details h3")
    page.focus()
    browser.type("n")
    page.becomes(lambda: browser.text("#details h3") != first, "the next")
    browser.type("p")
    page.becomes(lambda: browser.text("#details h3") == first, "the one before")
    expect("part7.c" in browser.text("#details") and first.split()[0] in browser.text("#spoken"),
           "what is said to a screen reader")
    browser.type("Enter")
    page.becomes(lambda: page.span() < 20e6, "zoomed to it")
    browser.click("#tab-processes")
    equal(browser.run("return document.querySelectorAll('#panel tbody tr').length"), 3, "rows of those found")
    page.focus()
    browser.type("Escape")
    page.becomes(lambda: browser.run("return document.querySelectorAll('#panel tbody tr').length") > 3,
                 "all rows again")
    equal(browser.run("return document.getElementById('search').value"), "", "the search is cleared")
    page.quiet()


def test_tables_sort_and_lead_to_bars(case):
    page = Page(case)
    browser = page.browser
    browser.click("#tab-processes")
    read = ("return [...document.querySelectorAll('#panel tbody tr:not(.filler) td:nth-child(2)')]"
            ".map((cell) => Number(cell.textContent))")
    browser.run("document.querySelectorAll('#panel th button')[1].click()")
    pids = browser.run(read)
    equal((pids[0], pids == sorted(pids, reverse=True)), (1496, True), "sorted by pid, the highest first")
    browser.run("document.querySelectorAll('#panel th button')[1].click()")
    pids = browser.run(read)
    equal((pids[0], pids == sorted(pids)), (1000, True), "and the other way round")
    equal(browser.run("return document.querySelectorAll('#panel th')[1].getAttribute('aria-sort')"), "ascending",
          "aria-sort")
    expect(len(pids) < 200, "%d rows of a long table are there at once" % len(pids))
    browser.run("document.querySelector('#panel .table').scrollTop = 1e6")
    page.becomes(lambda: 1496 in browser.run(read), "the last row, after scrolling")
    browser.run("const table = document.querySelector('#panel .table'); table.scrollTop = 0; table.focus()")
    browser.type("ArrowDown", "ArrowDown", "Enter")
    page.becomes(lambda: "pid 1001" in browser.text("#details"), "the row chosen by keys: " + browser.text("#details"))
    browser.run("document.getElementById('tab-processes').focus()")
    browser.type("ArrowLeft")
    equal(browser.run("return document.activeElement.id"), "tab-tasks", "tabs move by arrow keys")
    browser.click("#panel tbody tr")
    expect(browser.run("return document.querySelector('[data-mode=tasks]').getAttribute('aria-pressed')") == "true",
           "a task leads to tasks")
    page.quiet()


def test_datagrams_and_drops(case):
    page = Page(case)
    browser = page.browser
    read = """
        const heads = [...document.querySelectorAll("#panel th")].map((one) => one.textContent);
        return [...document.querySelectorAll("#panel tbody tr")].map((row) =>
            Object.fromEntries([...row.cells].map((cell, i) => [heads[i], cell.textContent])));"""
    browser.click("#tab-peers")
    rows = browser.run(read)
    equal(sorted(row["Direction"] for row in rows), ["tcp, connected"] * 2 + ["udp, as client"] * 2, "peers")
    datagrams = {"Peer": "fd00::53", "Port": "53", "Tool": "cc1", "Direction": "udp, as client", "Received": "240 B",
                 "Sent": "80 B", "Packets in": "3", "Packets out": "2", "Connections": "–", "Error": "–"}
    for row in rows:
        if row["Direction"].startswith("udp"):
            equal({head: row[head] for head in datagrams}, datagrams, "datagrams")
    browser.click("#tab-drops")
    drop = {"Reason": "NO_SOCKET", "Place": "udp_queue_rcv_skb", "Interface": "–", "Protocol": "udp", "From": "–",
            "To": "[fd00::53]:514", "Tool": "cc1", "Packets": "3", "Size": "300 B"}
    equal(browser.run(read), [dict(drop, Packets="4"), drop], "drops")
    browser.click("#panel tbody tr")
    page.becomes(lambda: "cc1" in browser.text("#details h3"), "whose packets they were")
    page.quiet()


def test_pointing_and_choosing(case):
    page = Page(case)
    browser = page.browser
    browser.click("[data-mode=tree]")
    browser.run("document.getElementById('timeline').scrollIntoView()")
    left, top, width, _ = page.lanes()
    browser.point(left + width * 0.5, top + 12)
    page.becomes(lambda: browser.run("return !document.getElementById('tip').hidden"), "a tip")
    expect("make" in browser.text("#tip") and "1000" in browser.text("#tip"), "the tip says " + browser.text("#tip"))
    browser.point(left + width * 0.5, top + 12, "down", "up")
    page.becomes(lambda: "pid 1000" in browser.text("#details"), "details of the bar")
    browser.run("[...document.querySelectorAll('#details .link')].find((one) => /^sh /.test(one.textContent)).click()")
    page.becomes(lambda: "part0.o" in browser.text("#details"), "a child, by its link: " + browser.text("#details"))
    browser.point(left + width * 0.5, top - 12)
    page.becomes(lambda: "On the path for" in browser.text("#tip"),
                 "a tip of the critical path: " + browser.text("#tip"))
    page.quiet()


def test_findings_lead_to_their_bars(case):
    page = Page(case)
    browser = page.browser
    before, ink = page.axis(), page.ink()
    found = browser.run("return [...document.querySelectorAll('.finding')]"
                        ".findIndex((one) => one.textContent.includes('crashed'))")
    expect(found >= 0, "no finding about the crash: " + browser.text("#findings"))
    browser.run("document.querySelectorAll('.finding')[arguments[0]].click()", found)
    page.becomes(lambda: page.axis() != before, "zoomed to what the finding speaks of")
    equal(browser.run("return document.querySelectorAll('.finding')[arguments[0]].getAttribute('aria-pressed')", found),
          "true", "pressed")
    page.becomes(lambda: page.ink() != ink, "other bars are faded")
    browser.run("document.querySelectorAll('.finding')[arguments[0]].click()", found)
    equal(browser.run("return document.querySelectorAll('.finding[aria-pressed=true]').length"), 0, "let go of")
    page.quiet()


def test_light_dark_keys_and_names(case):
    page = Page(case)
    browser = page.browser
    background = "return getComputedStyle(document.documentElement).backgroundColor"
    first = browser.run(background)
    browser.click("#theme")
    dark = browser.run(background)
    expect(first != dark, "the theme does not change")
    browser.type("t")
    equal(browser.run(background), first, "changed back by key")
    browser.type("?")
    expect(browser.run("return document.getElementById('help').open"), "no help")
    browser.type("Escape")
    expect(not browser.run("return document.getElementById('help').open"), "help stays")
    page.focus()
    equal(browser.run("return getComputedStyle(document.activeElement).outlineStyle") != "none", True,
          "a visible focus")
    browser.type("c")
    equal(browser.run("return document.getElementById('path').getAttribute('aria-pressed')"), "true",
          "the critical path by key")
    browser.type("g")
    equal(browser.run("return document.querySelector('[data-mode=tools]').getAttribute('aria-pressed')"), "true",
          "grouped by key")
    nameless = browser.run("""
        return [...document.querySelectorAll("button, input, [role], [tabindex='0']")].filter((one) =>
            !one.textContent.trim() && !one.getAttribute("aria-label") && !one.getAttribute("aria-labelledby") &&
            one.role !== "status" &&
            one.checkVisibility()).map((one) => one.outerHTML.slice(0, 100))""")
    equal(nameless, [], "what can be used and has no name")
    page.quiet()


def test_narrow_and_printed(case):
    page = Page(case, width=500, height=800)
    browser = page.browser
    equal(browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), True, "fits a narrow window")
    pdf = browser.ask("POST", "/print", {"shrinkToFit": True})
    expect(len(pdf) > 20000, "nothing is printed")
    expect(browser.run("return document.getElementById('printed').children.length") == 0,
           "what was for paper stays on the screen")
    page.quiet()


def test_many_processes_stay_small_and_fluid(case):
    """The figures are the bench's; here only what must hold on any machine."""
    page = Page(case, processes=50000)
    browser = page.browser
    size = os.path.getsize(page.path)
    expect(size < 8 << 20, "%d bytes for 50,000 processes" % size)
    for mode in ("tools", "tree"):
        browser.click("[data-mode=%s]" % mode)
        page.focus()
        frames = browser.run("""
            const timeline = document.getElementById("timeline");
            return new Promise((done) => {
                const begun = performance.now();
                let frames = 0;
                const next = () => {
                    const key = frames % 20 < 10 ? "+" : "-";
                    timeline.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
                    if (++frames < 20)
                        requestAnimationFrame(next);
                    else
                        done((performance.now() - begun) / frames);
                };
                requestAnimationFrame(next);
            });""")
        expect(frames < 1000, "%d ms a frame grouped by %s" % (frames, mode))
    expect(browser.run("return document.querySelectorAll('*').length") < 20000, "an element for each process")
    page.quiet()


def test_file_is_written_whole(case):
    store = make_store(case)
    path = case.path("run.html")
    with open(path, "w") as file:
        file.write("old")
    done = subprocess.run(["sh", "-c", "ulimit -f 200; trap '' XFSZ; exec \"$@\"", "sh", SONDE, "report", "--store", store,
                           "--html", path], stderr=subprocess.PIPE)
    equal(done.returncode, 1, "exit status when the file may not grow (%s)" % done.stderr)
    with open(path) as file:
        equal(file.read(), "old", "what was there")
