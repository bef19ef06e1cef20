"""A headless Chromium, driven through chromedriver's WebDriver protocol with nothing but the standard library."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from harness import Failure, Skip, until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's key for a reference to an element
KEYS = {"Escape": "\ue00c", "Enter": "\ue007", "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014",
        "ArrowDown": "\ue015", "Tab": "\ue004", "Control": "\ue009"}


class Browser:
    """One session in a window of its own. Ends with the case."""

    def __init__(self, case, width=1300, height=900, dark=False):
        driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
        if not driver or not chromium:
            raise Skip("no headless Chromium here: packages chromium and chromium-driver")
        home = tempfile.mkdtemp(prefix="browser-", dir=case.tmp)
        log = os.path.join(home, "log")
        with open(log, "wb") as file:
            self.process = case.start([driver, "--port=0"], stdout=file, stderr=subprocess.STDOUT)
        port = until(lambda: re.search(rb"started successfully on port (\d+)", open(log, "rb").read()),
                     "chromedriver's port").group(1)
        self.base = "http://127.0.0.1:%d" % int(port)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--window-size=%d,%d" % (width, height), "--no-first-run",
                     "--user-data-dir=" + os.path.join(home, "profile")]
        if dark:
            arguments.append("--force-dark-mode")
        options = {"binary": chromium, "args": arguments}
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.closed = False
        self.base += "/session/" + answer["sessionId"]
        case.defer(self.close)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as error:
            value = json.loads(error.read())["value"]
            raise Failure("the browser: %s: %s" % (value["error"], value["message"].splitlines()[0])) from None

    def close(self):
        if not self.closed:
            self.closed = True
            self.ask("DELETE", "")
            self.process.terminate()

    def open(self, path):
        self.ask("POST", "/url", {"url": "file://" + path})
        until(lambda: self.run("return document.documentElement.dataset.ready"),
              "the page is drawn: %s" % self.problems())

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def click(self, selector):
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        self.ask("POST", "/element/%s/click" % found[ELEMENT], {})

    def type(self, *keys):
        """Keys by name or character, to whatever has the focus. A tuple is pressed together."""
        actions = []
        for key in keys:
            together = [KEYS.get(one, one) for one in (key if isinstance(key, tuple) else (key,))]
            actions += [{"type": "keyDown", "value": one} for one in together]
            actions += [{"type": "keyUp", "value": one} for one in reversed(together)]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def point(self, x, y, *then):
        """Moves the pointer there, then: "down", "up", or a place to move on to."""
        actions = [{"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y)}]
        for one in then:
            actions.append({"type": "pointerMove", "duration": 60, "x": int(one[0]), "y": int(one[1])}
                           if isinstance(one, tuple)
                           else {"type": "pointerDown" if one == "down" else "pointerUp", "button": 0})
        self.ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def wheel(self, x, y, down, control=False):
        keys = [{"type": "keyDown", "value": KEYS["Control"]}, {"type": "pause"},
                {"type": "keyUp", "value": KEYS["Control"]}]
        turn = [{"type": "pause"},
                {"type": "scroll", "x": int(x), "y": int(y), "deltaX": 0, "deltaY": down, "duration": 0},
                {"type": "pause"}]
        self.ask("POST", "/actions",
                 {"actions": ([{"type": "key", "id": "keys", "actions": keys}] if control else []) + [
            {"type": "wheel", "id": "wheel", "actions": turn}]})

    def box(self, selector):
        """Left, top, width and height in the window."""
        return self.run("const box = document.querySelector(arguments[0]).getBoundingClientRect();"
                        "return [box.left, box.top, box.width, box.height]", selector)

    def problems(self):
        """What the console said that is not a mere note."""
        return [entry["message"] for entry in self.ask("POST", "/se/log", {"type": "browser"})
                if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self):
        """The address of everything that was asked for since the last time."""
        found = []
        for entry in self.ask("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("GET", "/screenshot")))
