"""Errors are shown where they happened, and can be tried again."""

from case import IDLE, PageCase


class Failures(PageCase):
    expects_failures = True

    def failure(self):
        return " ".join(self.texts(".failure .notice-text"))

    def test_an_error_and_another_try(self):
        self.send("/status 500")
        self.assertEqual(self.failure(), "Status 500 was asked for.")
        self.press("Try again")
        self.tab.wait_for(f"{IDLE} && document.querySelector('.failure')")
        self.assertEqual(len(self.requests), 2)
        self.assertEqual(self.count(".versions"), 0)  # an answer that never began is not kept
        self.assertEqual(self.count(".message"), 2)

    def test_a_busy_server(self):
        self.server.state.down = True
        self.send("Hello")
        self.assertIn("The server is busy", self.failure())
        self.server.state.down = False
        self.press("Try again")
        self.tab.wait_for(f"document.querySelector('.message.assistant .markdown p') && {IDLE}")
        self.assertEqual(self.answer(), "You said: Hello")
        self.assertEqual(self.count(".failure"), 0)

    def test_a_full_context(self):
        self.send("/full")
        self.assertIn("The prompt has 600 tokens", self.failure())
        self.assertIn("Start a new one", self.failure())

    def test_a_lost_connection_keeps_what_there_was(self):
        self.send("/cut after three")
        self.assertIn("connection was lost", self.failure())
        self.assertEqual(self.answer(), "You said: /cut")
        self.press("Try again")
        self.tab.wait_for(f"document.querySelector('.versions') && {IDLE}")
        self.assertEqual(self.texts(".versions > span"), ["2/2"])

    def test_an_error_in_the_stream(self):
        self.send("/broken after three")
        self.assertEqual(self.failure(), "The engine has failed.")
        self.assertEqual(self.answer(), "You said: /broken")

    def test_no_answer_from_the_server(self):
        self.stop_server()
        self.send("Is anybody there?")
        self.assertIn("The server cannot be reached.", self.failure())
        self.tab.wait_for("document.querySelector('[data-notice=\"connection\"]')")
        self.assertEqual(self.tab.evaluate("document.querySelector('#status-dot').dataset.state"), "failed")

    def test_a_server_that_is_loading(self):
        self.server.state.down = True
        self.tab.reload()
        self.tab.wait_for("document.querySelector('[data-notice=\"connection\"]')?.textContent.includes('being loaded')")
        self.server.state.down = False
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.assertEqual(self.count(".notice"), 0)

    def test_an_empty_answer(self):
        self.send("/empty")
        self.assertEqual(self.texts(".note"), ["The answer is empty."])


class Key(PageCase):
    key = "secret-1"
    expects_failures = True

    def enter(self, key, within):
        self.tab.click(f"{within} input[type=password]")
        self.tab.type(key)
        self.tab.key("Enter")

    def test_a_key_is_asked_for_and_kept_for_the_tab(self):
        self.tab.wait_for("document.querySelector('[data-notice=\"connection\"]')?.textContent.includes('API key')")
        self.enter("wrong", ".notice")
        self.tab.wait_for("document.querySelector('.notice input')?.value === ''")
        self.enter("secret-1", ".notice")
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.send("Hello")
        self.assertEqual(self.answer(), "You said: Hello")
        self.tab.reload()
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
        self.assertFalse(self.tab.evaluate("JSON.stringify({...localStorage}).includes('secret-1')"))

    def test_a_key_that_is_wanted_in_the_middle(self):
        self.tab.wait_for("document.querySelector('.notice')")
        self.send("Hello")
        self.tab.wait_for("document.querySelector('.failure input[type=password]')")
        self.enter("secret-1", ".failure")
        self.tab.wait_for(f"document.querySelector('.message.assistant .markdown p') && {IDLE}")
        self.assertEqual(self.answer(), "You said: Hello")

    def test_the_dashboard_asks_too(self):
        self.tab.open(f"{self.server.address}/dashboard")
        self.tab.wait_for("document.querySelector('.notice input')")
        self.enter("secret-1", ".notice")
        self.tab.wait_for("document.querySelector('#status-dot').dataset.state === 'ready'")
