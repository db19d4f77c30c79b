"""The answers themselves: shapes, streams, what parameters do."""

import json
import math
import unittest

from serving import Server


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--served-model-name", "one,two")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def test_chat(self):
        answer = self.server.chat(max_completion_tokens=9, temperature=0, ignore_eos=True)
        self.assertEqual(answer.headers["content-type"], "application/json")
        body = answer.json()
        self.assertTrue(body["id"].startswith("chatcmpl-"))
        self.assertEqual((body["object"], body["model"]), ("chat.completion", "one"))
        choice = body["choices"][0]
        self.assertEqual((choice["index"], choice["finish_reason"], choice["logprobs"]), (0, "length", None))
        self.assertEqual(choice["message"]["role"], "assistant")
        usage = body["usage"]
        self.assertEqual(usage["completion_tokens"], 9)
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + 9)
        self.assertIn("cached_tokens", usage["prompt_tokens_details"])

    def test_chat_stream_is_the_answer_in_parts(self):
        request = {"messages": [{"role": "user", "content": "abc"}], "max_tokens": 30, "temperature": 0,
                   "ignore_eos": True, "logprobs": True, "top_logprobs": 2}
        whole = self.server.post("/v1/chat/completions", request).json()
        events, headers = self.server.events("/v1/chat/completions",
                                             {**request, "stream_options": {"include_usage": True}})
        self.assertEqual(headers["Content-Type"].split(";")[0], "text/event-stream")
        self.assertEqual(headers["Cache-Control"], "no-cache")
        self.assertEqual(events[-1], "[DONE]")
        chunks, usage = events[:-2], events[-2]
        self.assertEqual((usage["choices"], usage["usage"]["completion_tokens"]), ([], 30))
        self.assertEqual(len({(e["id"], e["created"], e["object"]) for e in events[:-1]}), 1)
        self.assertEqual(chunks[0]["object"], "chat.completion.chunk")
        self.assertEqual(chunks[0]["choices"][0]["delta"], {"role": "assistant", "content": ""})
        self.assertTrue(all(c["usage"] is None for c in chunks))
        self.assertEqual([c["choices"][0]["finish_reason"] for c in chunks[:-1]], [None] * (len(chunks) - 1))
        last = chunks[-1]["choices"][0]
        self.assertEqual((last["delta"], last["finish_reason"]), ({}, "length"))
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks)
        self.assertEqual(text, whole["choices"][0]["message"]["content"])
        log_probs = [t for c in chunks if c["choices"][0]["logprobs"] for t in c["choices"][0]["logprobs"]["content"]]
        self.assertEqual(log_probs, whole["choices"][0]["logprobs"]["content"])
        self.assertEqual(len(log_probs), 30)
        for t in log_probs:
            self.assertEqual(t["top_logprobs"][0]["logprob"], t["logprob"])  # greedy
            self.assertEqual(bytes(t["bytes"]).decode(errors="replace"), t["token"])
            self.assertLess(sum(math.exp(o["logprob"]) for o in t["top_logprobs"]), 1.0001)

    def test_no_usage_in_a_stream_without_asking(self):
        events, _ = self.server.events("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}],
                                                                "max_tokens": 2})
        self.assertTrue(all("usage" not in e for e in events[:-1]))
        self.assertTrue(all(e["choices"] for e in events[:-1]))

    def test_completions(self):
        body = self.server.complete(["abc", "def"], 6, n=2).json()
        self.assertEqual([c["index"] for c in body["choices"]], [0, 1, 2, 3])
        self.assertEqual(body["choices"][0]["text"], body["choices"][1]["text"])  # greedy
        self.assertEqual(body["choices"][2]["text"], self.server.complete("def", 6).json()["choices"][0]["text"])
        self.assertEqual(body["usage"]["completion_tokens"], 24)
        events, _ = self.server.events("/v1/completions", {"prompt": ["abc", "def"], "max_tokens": 6, "n": 2,
                                                           "temperature": 0, "ignore_eos": True})
        texts = [""] * 4
        for e in events[:-1]:
            texts[e["choices"][0]["index"]] += e["choices"][0]["text"]
        self.assertEqual(texts, [c["text"] for c in body["choices"]])

    def test_75_half_a_character_at_the_limit(self):
        character = "\U0001f701"  # of four bytes, for which this tokenizer has no token
        cut = set()
        for tokens in range(1, 9):
            request = {"messages": [{"role": "user", "content": "a"}], "max_tokens": tokens, "temperature": 0,
                       "regex": f"({character}){{9}}"}
            choice = self.server.post("/v1/chat/completions", request).json()["choices"][0]
            whole = choice["message"]["content"]
            self.assertEqual(choice["finish_reason"], "length")
            self.assertRegex(whole, f"^({character})*\ufffd?$")
            cut.add(whole.endswith("\ufffd"))
            events, _ = self.server.events("/v1/chat/completions", request)
            parts = [e["choices"][0]["delta"].get("content", "") for e in events[:-1]]
            self.assertEqual("".join(parts), whole)
            for part in parts:
                self.assertRegex(part, f"^({character})*\ufffd?$")
        self.assertEqual(cut, {True, False})

    def test_ids_and_text_are_the_same_prompt(self):
        tokens = self.server.post("/tokenize", {"prompt": "abc def", "return_token_strs": True}).json()
        self.assertEqual(tokens["count"], len(tokens["tokens"]))
        self.assertEqual(len(tokens["token_strs"]), tokens["count"])
        one = self.server.complete(tokens["tokens"]).json()["choices"][0]["text"]
        self.assertEqual(one, self.server.complete("abc def").json()["choices"][0]["text"])
        plain = self.server.post("/tokenize", {"prompt": "abc def", "add_special_tokens": False}).json()["tokens"]
        self.assertEqual(self.server.post("/detokenize", {"tokens": plain}).json()["prompt"], "abc def")

    def test_echo_and_log_probs(self):
        plain = self.server.complete("abc def", 4, logprobs=2).json()["choices"][0]
        self.assertEqual(len(plain["logprobs"]["tokens"]), 4)
        self.assertEqual("".join(plain["logprobs"]["tokens"]), plain["text"])
        echoed = self.server.complete("abc def", 4, logprobs=2, echo=True).json()["choices"][0]
        self.assertEqual(echoed["text"], "abc def" + plain["text"])
        self.assertIsNone(echoed["logprobs"]["token_logprobs"][0])
        self.assertTrue(all(v < 0 for v in echoed["logprobs"]["token_logprobs"][1:]))
        for a, b in zip(echoed["logprobs"]["token_logprobs"][-4:], plain["logprobs"]["token_logprobs"]):
            self.assertAlmostEqual(a, b, places=3)
        only = self.server.complete("abc def", 0, logprobs=2, echo=True).json()
        self.assertEqual(only["choices"][0]["text"], "abc def")
        self.assertEqual(only["usage"]["completion_tokens"], 0)
        self.assertEqual(only["choices"][0]["logprobs"]["tokens"], echoed["logprobs"]["tokens"][:-4])

    def test_seeds(self):
        def text(**more):
            return self.server.chat(max_tokens=20, temperature=1, ignore_eos=True, **more).json()["choices"]

        self.assertEqual(text(seed=5), text(seed=5))
        self.assertNotEqual(text(seed=5), text(seed=6))
        self.assertNotEqual(text(), text())
        several = text(seed=5, n=3)
        self.assertEqual(several[0], text(seed=5)[0])
        self.assertEqual(len({c["message"]["content"] for c in several}), 3)

    def test_continue_final_message(self):
        messages = [{"role": "user", "content": "abc"}, {"role": "assistant", "content": "Well, "}]
        prompt = self.server.post("/apply-template", {"messages": messages, "continue_final_message": True})
        self.assertEqual(prompt.json()["prompt"], "<user>abc</user>\n<assistant>Well, ")
        prompt = self.server.post("/apply-template", {"messages": messages[:1], "add_generation_prompt": False})
        self.assertEqual(prompt.json()["prompt"], "<user>abc</user>\n")
        prompt = self.server.post("/apply-template", {"messages": messages[:1]})
        self.assertEqual(prompt.json()["prompt"], "<user>abc</user>\n<assistant>")
        answer = self.server.post("/v1/chat/completions", {"messages": messages, "continue_final_message": True,
                                                           "add_generation_prompt": True})
        self.assertEqual(answer.error["param"], "continue_final_message")

    def test_message_parts_and_roles(self):
        parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        prompt = self.server.post("/apply-template", {"messages": [{"role": "developer", "content": parts}]})
        self.assertTrue(prompt.json()["prompt"].startswith("<system>a\nb</system>"))

    def test_responses(self):
        request = {"input": "abc", "max_output_tokens": 12, "temperature": 0, "ignore_eos": True,
                   "instructions": "be brief"}
        body = self.server.post("/v1/responses", request).json()
        self.assertEqual((body["object"], body["status"], body["store"]), ("response", "incomplete", False))
        self.assertEqual(body["incomplete_details"], {"reason": "max_output_tokens"})
        message = body["output"][-1]
        self.assertEqual((message["type"], message["role"]), ("message", "assistant"))
        self.assertEqual(body["usage"]["output_tokens"], 12)
        connection = self.server.connect()
        connection.request("POST", "/v1/responses", json.dumps({**request, "stream": True}),
                           {"Content-Type": "application/json"})
        frames = connection.getresponse().read().decode().removesuffix("\n\n").split("\n\n")
        connection.close()
        events = [json.loads(f.split("\ndata: ", 1)[1]) for f in frames]
        self.assertEqual([f.split("\n")[0] for f in frames], ["event: " + e["type"] for e in events])
        self.assertEqual([e["sequence_number"] for e in events], list(range(len(events))))
        self.assertEqual(events[0]["type"], "response.created")
        self.assertEqual(events[-1]["type"], "response.incomplete")
        text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        self.assertEqual(text, message["content"][0]["text"])
        self.assertEqual(events[-1]["response"]["output"][0]["content"], message["content"])
        conversation = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [
            {"type": "output_text", "text": "b"}]}, {"role": "user", "content": [{"type": "input_text", "text": "c"}]}]
        self.assertEqual(self.server.post("/v1/responses", {"input": conversation, "max_output_tokens": 1}).status, 200)
        for name, value in {"previous_response_id": "resp_1", "store": True, "background": True}.items():
            answer = self.server.post("/v1/responses", {"input": "a", name: value})
            self.assertEqual((answer.status, answer.error["param"]), (400, name))
        self.assertEqual(self.server.post("/v1/responses", {"input": []}).error["param"], "input")

    def test_operations(self):
        self.assertEqual(self.server.get("/health").json(), {"status": "ok"})
        self.assertIn("version", self.server.get("/version").json())
        self.assertEqual([m["id"] for m in self.server.get("/v1/models").json()["data"]], ["one", "two"])
        document = self.server.get("/openapi.json").json()
        self.assertEqual(document["openapi"], "3.1.0")
        for path in document["paths"]:
            self.assertNotEqual(self.server.get(path.replace("{model}", "one")).status, 404, path)
        page = self.server.get("/")
        self.assertEqual((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'", page.headers["content-security-policy"])

    def test_metrics(self):
        before = self.server.metrics()
        prompt = self.server.complete("abc def", 5).json()["usage"]["prompt_tokens"]
        after = self.server.metrics()

        def grown(name):
            return after[name] - before.get(name, 0)

        own = '{model_name="one"}'
        self.assertEqual(grown("ttt_generation_tokens_total" + own), 5)
        self.assertEqual(grown("ttt_prompt_tokens_total" + own) + grown("ttt_prefix_cache_hits_total" + own), prompt)
        self.assertEqual(grown('ttt_request_success_total{model_name="one",finished_reason="length"}'), 1)
        self.assertEqual(grown("ttt_time_to_first_token_seconds_count" + own), 1)
        self.assertEqual(
            grown('ttt_http_requests_total{handler="/v1/completions",method="POST",status="200"}'), 1)
        self.assertGreater(after["process_resident_memory_bytes"], 1e6)

    def test_the_log(self):
        self.server.chat(max_tokens=3, temperature=0, ignore_eos=True)
        line = self.server.wait_for("/v1/chat/completions 200")
        for part in (" id=", " prompt=", " generated=", " finish=", " first_token="):
            self.assertIn(part, line)
        with Server("--log-format", "json") as server:
            server.complete(max_tokens=3)
            entry = json.loads(server.wait_for('"/v1/completions"'))
            self.assertEqual((entry["status"], entry["generated_tokens"], entry["finish_reason"]), (200, 3, "length"))
            for line in server.log():
                json.loads(line)


if __name__ == "__main__":
    unittest.main()
