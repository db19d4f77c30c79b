"""What the tests of the page share: one browser, and for each test a server and a tab of its own."""

import json
import os
import pathlib
import unittest

import browser
import fake_server

shared = {"browser": None, "screenshots": os.environ.get("TTT_PAGE_SCREENSHOTS")}

# As the page shows them: the last answer, and whether one is being written.
ANSWER = "[...document.querySelectorAll('.message.assistant .body > .markdown')].at(-1)?.textContent ?? ''"
IDLE = "!document.querySelector('.streaming') && !document.querySelector('.send.stop')"
FAILED_REQUEST = "Failed to load resource"


class PageCase(unittest.TestCase):
    key = None
    expects_failures = False  # of requests, which the browser then complains of

    def setUp(self):
        self.server = self.start_server()
        self.tab = shared["browser"].tab()
        self.tab.size(1280, 800)
        self.tab.colours("light")
        self.open_chat()

    def start_server(self):
        return fake_server.Server(key=self.key).start()

    @property
    def requests(self):
        return self.server.state.requests

    def tearDown(self):
        self.screenshot(self.id().split(".")[-1])
        complaints = [c for c in self.tab.complaints if not (self.expects_failures and c.startswith(FAILED_REQUEST))]
        self.tab.close()
        self.stop_server()
        self.assertEqual(complaints, [])

    def stop_server(self):
        if not self.server.stopped:
            self.server.stop()

    def screenshot(self, name):
        if shared["screenshots"]:
            self.tab.screenshot(pathlib.Path(shared["screenshots"]) / f"{name}.png")

    def open_chat(self):
        self.tab.open(f"{self.server.address}/")
        if self.key is None:
            self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")

    def send(self, text, wait=True):
        self.tab.evaluate("document.getElementById('message').focus()")
        self.tab.type(text)
        self.tab.key("Enter")
        if wait:
            self.tab.wait_for(IDLE, 60)

    def answer(self):
        return self.tab.evaluate(ANSWER)

    def texts(self, selector):
        return self.tab.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)")

    def count(self, selector):
        return self.tab.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    def button(self, label, within="body"):
        """The selector of the last button with this label."""
        mark = f"test-{label.replace(' ', '-')}"
        self.tab.wait_for(f"(() => {{ const all = [...document.querySelectorAll({json.dumps(within)} + ' button')].filter((b) =>"
                          f" (b.getAttribute('aria-label') ?? b.textContent) === {json.dumps(label)});"
                          f"all.at(-1)?.setAttribute('data-test', {json.dumps(mark)}); return all.length; }})()")
        return f'[data-test="{mark}"]'

    def press(self, label, within="body"):
        self.tab.click(self.button(label, within))

    def run_in_page(self, body):
        """The value of an async function's body, evaluated in the page."""
        return self.tab.evaluate(f"(async () => {{ {body} }})()")


def start_browser():
    shared["browser"] = browser.Browser(browser.find_chromium())


def stop_browser():
    shared["browser"].close()
