"""Talking: sending, stopping, changing, keeping, and what goes wrong."""

import json
import pathlib
import tempfile
import time

from case import IDLE, PageCase, shared


class Conversation(PageCase):
    def test_messages_and_what_is_sent(self):
        self.tab.type("Hello")
        self.tab.key("Enter", shift=True)
        self.tab.type("there")
        self.tab.key("Enter")
        self.tab.wait_for(IDLE)
        self.assertEqual(self.answer(), "You said: Hellothere")  # a line break has no text
        again = "Again, with some more words than before, so that the speed can be told"
        self.send(again)
        self.assertEqual(self.answer(), f"You said: {again}")
        first, second = self.requests
        self.assertEqual(first, {"model": "fake-1b", "stream": True, "stream_options": {"include_usage": True},
                                 "messages": [{"role": "user", "content": "Hello\nthere"}]})
        self.assertEqual([m["role"] for m in second["messages"]], ["user", "assistant", "user"])
        self.assertEqual(second["messages"][1]["content"], "You said: Hello\nthere")
        self.assertRegex(self.texts(".stats")[-1], r"^[\d.]+ tokens/s · 16 tokens · first after [\d.]+ s$")
        self.assertRegex(self.texts("#meter-text")[0], r"^\d+ of 512 tokens \(\d+ %\)$")
        self.assertEqual(self.texts("#announcer"), [f"You said: {again}"])

    def test_reload_keeps_the_conversation(self):
        self.send("Remember this")
        self.tab.reload()
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.assertEqual(self.texts(".bubble"), ["Remember this"])
        self.assertEqual(self.answer(), "You said: Remember this")
        self.send("And go on")
        self.assertEqual(len(self.requests[-1]["messages"]), 3)

    def test_reload_in_the_middle_of_an_answer_keeps_what_there_was(self):
        self.send("/slow", wait=False)
        self.tab.wait_for("document.querySelectorAll('.message.assistant').length && "
                          "document.querySelector('.message.assistant').textContent.includes('word word')")
        self.tab.reload()
        self.tab.wait_for("document.querySelector('.note > span')?.textContent === 'Stopped.'")
        self.assertIn("word word", self.answer())

    def test_stop_by_key_and_by_button(self):
        for stop in (lambda: self.tab.key("Escape"), lambda: self.tab.click(".send.stop")):
            cancelled = self.server.state.cancelled
            self.send("/slow", wait=False)
            self.tab.wait_for("(document.querySelector('.streaming')?.textContent ?? '').includes('word word')")
            stop()
            self.tab.wait_for(IDLE)
            self.assertEqual(self.texts(".message:last-child .note > span"), ["Stopped."])
            self.assertIn("word word", self.answer())
            deadline = time.monotonic() + 10
            while self.server.state.cancelled == cancelled and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual(self.server.state.cancelled, cancelled + 1)
        self.send("Go on")
        self.assertEqual(self.answer(), "You said: Go on")
        self.assertIn("word", self.requests[-1]["messages"][1]["content"])

    def test_edit_makes_a_version(self):
        self.send("First")
        self.send("Second")
        self.tab.key("ArrowUp")
        self.tab.wait_for("document.activeElement.classList.contains('edit-field')")
        self.tab.key("Escape")
        self.assertEqual(self.count(".edit-field"), 0)
        self.tab.click(".message.user:first-child .body")
        self.press("Edit", ".message.user:first-child")
        self.tab.wait_for("document.activeElement.classList.contains('edit-field')")
        self.tab.type(", changed")
        self.tab.key("Enter")
        self.tab.wait_for(IDLE)
        self.assertEqual(self.texts(".bubble"), ["First, changed"])
        self.assertEqual(self.answer(), "You said: First, changed")
        self.assertEqual(len(self.requests[-1]["messages"]), 1)
        self.assertEqual(self.texts(".message.user .versions > span"), ["2/2"])
        self.press("Earlier version")
        self.assertEqual(self.texts(".bubble"), ["First", "Second"])
        self.tab.reload()
        self.tab.wait_for("document.querySelectorAll('.bubble').length === 2")

    def test_answer_again(self):
        self.send("Once")
        self.press("Answer again")
        self.tab.wait_for(f"document.querySelector('.versions') && {IDLE}")
        self.assertEqual(self.texts(".message.assistant .versions > span"), ["2/2"])
        self.assertEqual(self.requests[0], self.requests[1])
        self.assertEqual(self.count(".message"), 2)

    def test_a_stopped_answer_goes_on(self):
        self.send("/slow", wait=False)
        self.tab.wait_for("(document.querySelector('.streaming')?.textContent ?? '').includes('word word')")
        self.tab.key("Escape")
        self.tab.wait_for(IDLE)
        before = self.answer()
        self.press("Continue")
        self.tab.wait_for(f"{IDLE} && !document.querySelector('.note')")
        self.assertEqual(self.answer(), before + " and so on.")
        request = self.requests[-1]
        self.assertEqual((request["continue_final_message"], request["add_generation_prompt"]), (True, False))
        self.assertEqual(request["messages"][-1]["content"].rstrip(), before)
        self.assertEqual(self.count(".message"), 2)

    def test_reasoning_is_apart(self):
        self.send("/think", wait=False)
        self.tab.wait_for("document.querySelector('.reasoning[open] .thoughts')?.textContent.includes('wants an answer')")
        self.assertEqual(self.texts(".reasoning summary"), ["Thinking…"])
        self.tab.wait_for(IDLE)
        self.assertEqual(self.count(".reasoning[open]"), 0)
        self.assertRegex(self.texts(".reasoning summary")[0], r"^Thought for [\d.]+ s$")
        self.assertEqual(self.answer(), "The answer is 42.")
        self.tab.click(".reasoning summary")
        self.assertEqual(self.count(".reasoning[open] .thoughts strong"), 1)
        self.send("So?")
        self.assertEqual(self.requests[-1]["messages"][1], {"role": "assistant", "content": "The answer is **42**."})

    def test_copy(self):
        self.send("/markdown")
        # What the clipboard would get, without its permission.
        self.tab.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        self.press("Copy", ".message.assistant")
        self.assertTrue(self.tab.wait_for("window.copied").startswith("## A plan\n"))
        self.tab.click(".copy-code")
        self.assertTrue(self.tab.wait_for("window.copied.startsWith('def') && window.copied").endswith("not tokens"))

    def test_the_reader_may_scroll_away(self):
        self.send("/long", wait=False)
        scrolled = "document.getElementById('scroller').scrollTop"
        self.tab.wait_for(f"{scrolled} > 200")
        self.tab.call("Input.dispatchMouseEvent", type="mouseWheel", x=700, y=300, deltaX=0, deltaY=-150)
        self.tab.wait_for("!document.getElementById('to-end').hidden")
        place = self.tab.evaluate(scrolled)
        self.tab.wait_for(IDLE)
        self.assertAlmostEqual(self.tab.evaluate(scrolled), place, delta=5)
        self.tab.click("#to-end")
        self.tab.wait_for("(() => { const s = document.getElementById('scroller');"
                          "return s.scrollHeight - s.scrollTop - s.clientHeight < 3; })()")


class Conversations(PageCase):
    def titles(self):
        return self.texts(".conversations .open")

    def test_several(self):
        self.send("About cats")
        self.tab.key("k", ctrl=True)
        self.assertEqual(self.count(".message"), 0)
        self.send("About dogs")
        self.assertEqual(self.titles(), ["About dogs", "About cats"])
        self.tab.click(".row:not(.current) .open")
        self.assertEqual(self.answer(), "You said: About cats")
        self.assertEqual(self.tab.evaluate("document.title"), "About cats · ttt")

        self.press("Rename “About cats”")
        self.tab.wait_for("document.activeElement.classList.contains('rename')")
        self.tab.evaluate("document.activeElement.value = ''")
        self.tab.type("Felines")
        self.tab.key("Enter")
        self.tab.reload()
        self.tab.wait_for("document.querySelectorAll('.row').length === 2")
        self.assertEqual(self.titles(), ["About dogs", "Felines"])

        self.tab.click(".row.current .open")
        self.press("Delete “Felines”")
        self.press("Cancel", "#confirm")
        self.assertEqual(len(self.titles()), 2)
        self.press("Delete “Felines”")
        self.press("Delete", "#confirm")
        self.assertEqual(self.titles(), ["About dogs"])
        self.assertEqual(self.count(".message"), 0)
        self.tab.reload()
        self.tab.wait_for("document.querySelectorAll('.row').length === 1")

    def test_an_answer_goes_on_behind_another_conversation(self):
        self.send("/long", wait=False)
        self.tab.wait_for("document.querySelector('.streaming')")
        self.tab.key("k", ctrl=True)
        self.send("Meanwhile")
        self.assertEqual(self.answer(), "You said: Meanwhile")
        self.tab.wait_for("!document.querySelector('.row.running')", 60)
        self.tab.click(".row:not(.current) .open")
        self.assertEqual(self.count(".message.assistant p"), 30)

    def test_export_and_import(self):
        self.send("Keep me")
        with tempfile.TemporaryDirectory() as folder:
            self.tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
            self.tab.click("#export-all")
            deadline = time.monotonic() + 10
            while not (files := list(pathlib.Path(folder).glob("*.json"))) and time.monotonic() < deadline:
                time.sleep(0.05)
            exported = json.loads(files[0].read_text())
            self.assertEqual([c["title"] for c in exported["conversations"]], ["Keep me"])
            self.tab.evaluate("localStorage.clear(); location.hash = ''")
            self.tab.reload()
            self.assertEqual(self.titles(), [])
            self.import_file(files[0])
            self.tab.wait_for("document.querySelectorAll('.row').length === 1")
            self.assertEqual(self.answer(), "You said: Keep me")
            circle = {i: {"role": "user", "parent": p, "content": ""} for i, p in (("a", "b"), ("b", "a"))}
            for messages in ({"a": 1}, {"a": {"role": "owner"}}, circle):
                bad = pathlib.Path(folder) / "bad.json"
                bad.write_text(json.dumps({"format": "ttt-conversations",
                                           "conversations": [{"version": 1, "id": "x", "messages": messages}]}))
                self.import_file(bad)
                self.tab.wait_for("document.querySelector('.notice')?.textContent.includes('conversation 1 is damaged')")
                self.press("Close", ".notice")
                self.tab.wait_for("!document.querySelector('.notice')")

    def import_file(self, path):
        root = self.tab.call("DOM.getDocument")["root"]["nodeId"]
        node = self.tab.call("DOM.querySelector", nodeId=root, selector="#import-file")["nodeId"]
        self.tab.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def test_full_storage_is_said_and_mended(self):
        self.send("An old conversation")
        self.tab.key("k", ctrl=True)
        fill = """let room = 1 << 22;
                  while (room >= 1) {
                    try { localStorage.setItem('filler' + room + Math.random(), 'x'.repeat(room)); } catch { room >>= 1; }
                  }"""
        self.run_in_page(fill)
        self.send("/long")
        self.tab.wait_for("document.querySelector('[data-notice=\"storage\"]')?.textContent.includes('storage is full')")
        self.screenshot("full_storage")
        self.tab.evaluate("for (const key of Object.keys(localStorage)) if (key.startsWith('filler')) localStorage.removeItem(key)")
        self.press("Delete the oldest")
        self.press("Delete", "#confirm")
        self.tab.wait_for("!document.querySelector('[data-notice=\"storage\"]')")
        self.tab.reload()
        self.tab.wait_for("document.querySelectorAll('.row').length === 1")
        self.assertEqual(self.titles(), ["/long"])

    def test_two_tabs(self):
        self.send("In both")
        other = shared["browser"].tab()
        try:
            other.open(self.tab.evaluate("location.href"))
            other.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
            self.send("From the first")
            other.wait_for("document.querySelectorAll('.message').length === 4")
        finally:
            other.close()
