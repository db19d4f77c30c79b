"""Every parameter is checked before the engine sees it, and errors name it. Numbers as in docs/serving.md."""

import tempfile
import time
import unittest

from serving import BEGIN, END, Server, VOCAB, write_model


class Parameters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def refuses(self, param, path="/v1/completions", **fields):
        base = {"prompt": "abc"} if path == "/v1/completions" else {"messages": [{"role": "user", "content": "a"}]}
        answer = self.server.post(path, {**base, **fields})
        self.assertEqual(answer.status, 400, (fields, answer.body))
        self.assertEqual(answer.error["param"], param, (fields, answer.body))
        self.assertEqual(answer.error["type"], "invalid_request_error")
        self.assertIsInstance(answer.error["code"], str)
        return answer.error

    def refuses_both(self, param, **fields):
        for path in ("/v1/completions", "/v1/chat/completions"):
            self.refuses(param, path, **fields)

    def test_68_empty(self):
        self.refuses("prompt", prompt=[])
        self.refuses("prompt", prompt=None)
        self.refuses("messages", "/v1/chat/completions", messages=[])
        self.refuses("messages", "/v1/chat/completions", messages=None)
        answer = self.server.complete("")  # the begin token alone, where there is one
        self.assertIn(answer.status, (200, 400))

    def test_69_70_text(self):
        bad = b'{"prompt": "\xff\xfe", "max_tokens": 1}'
        self.assertEqual(self.server.post("/v1/completions", bad).status, 400)
        for s in ('"\\u0000"', '"\\uffff"', '"\\u202e\\u202d abc"', '"' + "a\\u0301" * 100 + '"'):
            answer = self.server.post("/tokenize", f'{{"prompt": {s}}}')
            self.assertEqual(answer.status, 200, answer.body)
        self.assertIn(self.server.post("/tokenize", '{"prompt": "\\ud800"}').status, (200, 400))

    def test_71_long_texts(self):
        for text in ("A", "\n", "\U0001F600"):
            begin = time.monotonic()
            answer = self.server.complete(text * (5_000_000 // len(text.encode())))
            self.assertEqual(answer.status, 400)
            self.assertEqual(answer.error["code"], "context_length_exceeded")
            self.assertLess(time.monotonic() - begin, 30)

    def test_72_context(self):
        error = self.refuses("prompt", prompt=[5] * 600, max_tokens=7)
        self.assertEqual(error["code"], "context_length_exceeded")
        for number in ("600", "512", "7"):
            self.assertIn(number, error["message"])
        self.assertEqual(self.refuses("prompt", prompt=[5] * 500, max_tokens=13)["code"], "context_length_exceeded")
        self.assertEqual(self.server.complete([5] * 500, 12).status, 200)
        answer = self.server.complete([5] * 600, 12, truncate_prompt_tokens=-1)
        self.assertEqual(answer.json()["usage"]["prompt_tokens"], 500)
        answer = self.server.complete([5] * 600, 12, truncate_prompt_tokens=7)
        self.assertEqual(answer.json()["usage"]["prompt_tokens"], 7)

    def test_73_control_tokens_in_messages(self):
        token = self.server.post("/detokenize", {"tokens": [BEGIN]}).json()["prompt"]
        ids = self.server.post("/tokenize", {"messages": [{"role": "user", "content": token}]}).json()["tokens"]
        self.assertNotIn(BEGIN, ids)
        self.assertIn(BEGIN, self.server.post("/tokenize", {"prompt": token}).json()["tokens"])

    def test_74_ids(self):
        for ids in ([-1], [2**31], [VOCAB], [3.5], [1, "a"], [True], [None]):
            self.refuses("prompt", prompt=ids)

    def test_76_stop(self):
        self.refuses_both("stop", stop="")
        self.refuses_both("stop", stop=["a", ""])
        self.refuses_both("stop", stop=[str(i) for i in range(10000)])
        self.refuses_both("stop", stop=5)
        self.refuses_both("stop", stop=[5])
        text = self.server.complete(max_tokens=40).json()["choices"][0]["text"]
        cut = text[5:9]  # over the ends of tokens
        answer = self.server.complete(max_tokens=40, stop=cut).json()["choices"][0]
        self.assertEqual((answer["text"], answer["finish_reason"]), (text[:text.index(cut)], "stop"))
        answer = self.server.complete(max_tokens=40, stop=[cut], include_stop_str_in_output=True).json()["choices"][0]
        self.assertEqual(answer["text"], text[:text.index(cut)] + cut)

    def test_77_limit(self):
        answer = self.server.chat(ignore_eos=True).json()
        self.assertEqual(answer["choices"][0]["finish_reason"], "length")
        self.assertEqual(answer["usage"]["total_tokens"], 512)
        self.assertEqual(self.server.post("/v1/completions", {"prompt": "a", "ignore_eos": True})
                         .json()["usage"]["completion_tokens"], 16)

    def test_79_types(self):
        self.refuses_both("temperature", temperature="hot")
        self.refuses_both("stream", stream=1)
        self.refuses_both("n", n="1")
        self.refuses_both("seed", seed="x")
        self.refuses_both("top_p", top_p=[])
        self.refuses_both("logit_bias", logit_bias=[])
        self.refuses_both("ignore_eos", ignore_eos="yes")
        self.refuses_both("stream_options", stream_options={"include_usage": True})
        self.refuses_both("model", model=7)
        self.refuses("messages", "/v1/chat/completions", messages={})
        self.refuses("messages[0]", "/v1/chat/completions", messages=["a"])
        self.refuses("messages[0].role", "/v1/chat/completions", messages=[{"role": "cat", "content": "a"}])
        self.refuses("messages[0].content", "/v1/chat/completions", messages=[{"role": "user"}])
        self.refuses("messages[0].content", "/v1/chat/completions", messages=[{"role": "user", "content": 5}])
        self.refuses("messages[0].content[0].type", "/v1/chat/completions",
                     messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}])
        self.refuses("top_logprobs", "/v1/chat/completions", top_logprobs=2)
        self.assertEqual(self.server.post("/v1/completions", []).status, 400)

    def test_98_99_images_and_audio(self):
        """No model that is served takes either: each way to send one is refused by its field, before it is decoded."""
        for part in ({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                     {"type": "image_url", "image_url": {"url": "data:image/gif;base64,not an image"}},
                     {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
                     {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
                     {"type": "video_url", "video_url": {"url": "x"}}, {"type": "file", "file": {"file_id": "x"}}):
            self.refuses("messages[0].content[1].type", "/v1/chat/completions",
                         messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, part]}])
        for part in ({"type": "input_image", "image_url": "x"}, {"type": "input_audio", "input_audio": {}}):
            self.refuses("input[0].content[0].type", "/v1/responses", input=[{"role": "user", "content": [part]}])
        for path in ("/v1/audio/transcriptions", "/v1/audio/speech", "/v1/images/generations"):
            self.assertEqual(self.server.post(path, {"input": "a"}).status, 404)

    def test_80_ranges(self):
        for name, values in {"temperature": (-1, 1e9, float("nan"), float("inf")), "top_p": (2, -0.1),
                             "top_k": (-5, 1.5, 2**40), "min_p": (-1, 1.1), "presence_penalty": (1e308, -3),
                             "frequency_penalty": (2.5,), "repetition_penalty": (0, -1, 1e308), "seed": (2**65, 1.5),
                             "n": (0, -1, 10**6), "max_tokens": (-1, 2**63, 1.5), "min_tokens": (-1, 10**9)}.items():
            for value in values:
                self.refuses_both(name, **{name: value})
        self.refuses("max_tokens", max_tokens=0)
        self.refuses("logprobs", logprobs=10**6)
        self.refuses("top_logprobs", "/v1/chat/completions", logprobs=True, top_logprobs=10**6)
        self.refuses("max_completion_tokens", "/v1/chat/completions", max_completion_tokens=0)
        self.refuses("n", prompt=["a"] * 100, n=100)

    def test_81_logit_bias(self):
        for bias in ({str(VOCAB): 1}, {"-1": 1}, {"a": 1}, {"1.5": 1}, {"1": "x"}, {"1": 101}, {" 1": 1}, {"": 1},
                     {str(i): 1 for i in range(10**4)}):
            self.refuses_both("logit_bias", logit_bias=bias)
        forced = self.server.complete(max_tokens=3, logit_bias={"64": 100}, logprobs=0).json()["choices"][0]
        self.assertEqual(len(set(forced["logprobs"]["tokens"])), 1)

    def test_82_unsupported_and_unknown(self):
        for name, value in {"best_of": 2, "use_beam_search": True, "bad_words": ["a"],
                            "allowed_token_ids": [1], "prompt_logprobs": 1}.items():
            error = self.refuses(name, **{name: value})
            self.assertEqual(error["code"], "unsupported_parameter")
        self.refuses("suffix", suffix="x")
        for name, value in {"functions": [], "audio": {}, "modalities": ["audio"], "chat_template": "x"}.items():
            self.refuses(name, "/v1/chat/completions", **{name: value})
        self.assertEqual(self.server.complete(something_else=5, best_of=1, user="u", metadata={}).status, 200)
        self.assertEqual(self.server.post("/v1/embeddings", {"input": "a"}).status, 501)
        self.assertEqual(self.server.post("/v1/rerank", {"query": "a", "documents": ["b"]}).status, 501)

    def test_83_models(self):
        answer = self.server.complete(model="other")
        self.assertEqual((answer.status, answer.error["code"]), (404, "model_not_found"))
        self.assertEqual(answer.error["param"], "model")
        for name in ("", None, "small"):
            self.assertEqual(self.server.complete(model=name).status, 200)
        models = self.server.get("/v1/models").json()
        self.assertEqual([m["id"] for m in models["data"]], ["small"])
        self.assertEqual(self.server.get("/v1/models/small").json()["max_model_len"], 512)
        self.assertEqual(self.server.get("/v1/models/other").status, 404)


class Templates(unittest.TestCase):
    def serve(self, template):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        return Server(model=write_model(self.directory.name + "/model", template))

    def test_63_template_that_does_not_parse(self):
        with self.serve("a\n{% if %}") as server:
            answer = server.chat()
            self.assertEqual(answer.status, 400)
            self.assertIn("line 2", answer.error["message"])
            self.assertEqual(server.complete().status, 200)

    def test_64_65_66_templates(self):
        with self.serve("{% for i in range(10**9) %}a{% endfor %}") as server:
            begin = time.monotonic()
            self.assertEqual((server.chat().status, server.chat().error["param"]), (400, "messages"))
            self.assertLess(time.monotonic() - begin, 5)
        with self.serve("{{ raise_exception('only questions') }}") as server:
            self.assertIn("only questions", server.chat().error["message"])
        with self.serve("{{ messages | unknown_filter }}") as server:
            self.assertIn("unknown_filter", server.chat().error["message"])

    def test_no_template_and_strict(self):
        with self.serve(None) as server:
            answer = server.chat()
            self.assertEqual((answer.status, answer.error["code"]), (400, "no_chat_template"))
        with Server("--strict-requests") as server:
            answer = server.complete(something_else=5)
            self.assertEqual((answer.status, answer.error["param"]), (400, "something_else"))
            self.assertEqual(server.complete(user="u").status, 200)


if __name__ == "__main__":
    unittest.main()
