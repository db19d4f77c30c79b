"""The page as `ttt serve` sends it, on a small model with random weights: what the fake server cannot show."""

import json
import os
import pathlib
import sys
import tempfile
import time
import unittest

import fake_server
from case import IDLE, PageCase

sys.path.insert(0, str(fake_server.ROOT / "tests" / "server"))
import serving  # noqa: E402


@unittest.skipUnless("TTT_TOOL" in os.environ, "TTT_TOOL names no tool with the command serve")
class ServerCase(PageCase):
    arguments = ()
    model = None
    settings = {"temperature": 0, "max_completion_tokens": 24}

    def start_server(self):
        server = serving.Server(*self.arguments, model=self.model)
        server.address = f"http://127.0.0.1:{server.port}"
        return server

    def stop_server(self):
        self.assertEqual(self.server.stop(), 0)

    def open_chat(self):
        super().open_chat()
        self.tab.evaluate(f"localStorage.setItem('ttt.settings', JSON.stringify({json.dumps(self.settings)}))")
        self.tab.reload()
        if self.key is None:
            self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")

    def metric(self, name):
        line = next(line for line in self.server.get("/metrics").body.decode().splitlines() if line.startswith(name))
        return float(line.split()[-1])


class Files(ServerCase):
    def test_files_are_sent_whole_and_with_the_policy(self):
        names = {"index.html": "/", "dashboard.html": "/dashboard"}
        for file in sorted(fake_server.PAGE.iterdir()):
            with self.subTest(file.name):
                answer = self.server.get(names.get(file.name, f"/page/{file.name}"))
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.body, file.read_bytes())
                self.assertEqual(answer.headers["content-type"], fake_server.TYPES[file.suffix])
                self.assertEqual(answer.headers["content-security-policy"], fake_server.security_policy())
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff")


    def test_what_the_page_reads_of_the_model(self):
        model = self.server.get("/v1/models").json()["data"][0]
        self.assertEqual((model["max_model_len"], model["default_sampling_params"]), (512, {}))


class Talk(ServerCase):
    expects_failures = True  # of the prompt that is too long

    def test_a_conversation(self):
        self.send("Hello")
        first = self.answer()
        self.assertTrue(first)
        self.assertRegex(self.texts(".stats")[-1], r"tokens · first after ")
        self.assertRegex(self.texts("#meter-text")[0], r"^\d+ of 512 tokens")
        self.tab.reload()
        self.tab.wait_for("document.querySelectorAll('.message').length === 2")
        self.assertEqual(self.answer(), first)

        self.press("Answer again")
        self.tab.wait_for(f"document.querySelector('.versions') && {IDLE}")
        self.assertEqual(self.answer(), first)  # at temperature 0

        self.tab.key("ArrowUp")
        self.tab.wait_for("document.activeElement.classList.contains('edit-field')")
        self.tab.type(" you")
        self.tab.key("Enter")
        self.tab.wait_for(f"document.querySelector('.bubble')?.textContent === 'Hello you' && {IDLE}")
        self.assertNotEqual(self.answer(), first)

        self.send("word " * 700)
        self.assertIn("maximum context length is 512", " ".join(self.texts(".failure")))
        self.assertIn("Start a new one", " ".join(self.texts(".failure")))

    def test_the_dashboard_counts(self):
        self.send("Hello")
        self.tab.open(f"{self.server.address}/dashboard")
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.server.complete("abc", 200)
        value = "document.querySelector('section[aria-label=\"{}\"] .value').textContent"
        self.tab.wait_for(f"document.querySelector('section[aria-label=\"Generated tokens per second\"] .line').getAttribute('d')")
        for card in ("Time to first token", "Between tokens", "Requests", "Pages in use", "Requests per minute", "Prompt tokens per second"):
            self.tab.wait_for(f"/[0-9]/.test({value.format(card)})")


class Stop(ServerCase):
    settings = {"temperature": 1, "seed": 5}

    def start_server(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.model = serving.write_model(pathlib.Path(self.folder.name) / "endless", context=8192)
        # Without an end of its own an answer is long enough to be stopped.
        config = json.loads((self.model / "config.json").read_text())
        del config["eos_token_id"]
        (self.model / "config.json").write_text(json.dumps(config))
        return super().start_server()

    def test_stop_frees_the_request(self):
        self.send("Go on", wait=False)
        self.tab.wait_for("document.querySelector('.message:last-child .body > .markdown')?.textContent")
        self.tab.key("Escape")
        self.tab.wait_for(IDLE)
        self.assertEqual(self.texts(".message:last-child .note > span"), ["Stopped."])
        deadline = time.monotonic() + 10
        while self.metric("ttt_num_requests_running") > 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.metric("ttt_num_requests_running"), 0)
        self.assertEqual(self.metric("ttt_requests_cancelled_total"), 1)


class Key(ServerCase):
    key = "k-1"
    expects_failures = True

    def start_server(self):
        with tempfile.TemporaryDirectory() as folder:
            keys = pathlib.Path(folder) / "keys"
            keys.write_text("k-1\n")
            self.arguments = ("--api-key-file", str(keys))
            return super().start_server()

    def test_a_key_is_asked_for(self):
        self.tab.wait_for("document.querySelector('.notice input[type=password]')")
        self.tab.click(".notice input[type=password]")
        self.tab.type("k-1")
        self.tab.key("Enter")
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.send("Hello")
        self.assertTrue(self.answer())


@unittest.skipUnless(os.environ.get("TTT_SMOLLM2_GGUF"), "TTT_SMOLLM2_GGUF is not set")
class SmolLM2(ServerCase):
    model = os.environ.get("TTT_SMOLLM2_GGUF")

    def test_an_answer(self):
        self.send("What is the capital of France? Answer in one sentence.")
        self.assertIn("Paris", self.answer())
