"""Clients that others wrote, as users run them."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import unittest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # nothing is fetched
import litellm
import openai
import pydantic
import tokenizers
from prometheus_client.parser import text_string_to_metric_families

from serving import Server

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"],
        "additionalProperties": False}}}]


class Clients(unittest.TestCase):
    """On SmolLM2 where it is there, else on random weights."""

    @classmethod
    def setUpClass(cls):
        cls.real = os.environ.get("TTT_SMOLLM2_GGUF")
        cls.server = Server("--max-model-len", 512, "--served-model-name", "model",
                            model=pathlib.Path(cls.real) if cls.real else None)
        cls.base = f"http://127.0.0.1:{cls.server.port}/v1"
        cls.client = openai.OpenAI(base_url=cls.base, api_key="none", max_retries=0, timeout=120)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def test_openai(self):
        self.assertEqual([m.id for m in self.client.models.list()], ["model"])
        answer = self.client.chat.completions.create(model="model", messages=QUESTION, temperature=0, max_tokens=24,
                                                     logprobs=True, top_logprobs=3)
        choice = answer.choices[0]
        self.assertIn(choice.finish_reason, ("stop", "length"))
        self.assertEqual(len(choice.logprobs.content), answer.usage.completion_tokens)
        if self.real:
            self.assertIn("Paris", choice.message.content)
        text, usage = "", None
        for chunk in self.client.chat.completions.create(model="model", messages=QUESTION, temperature=0, max_tokens=24,
                                                         stream=True, stream_options={"include_usage": True}):
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
            usage = chunk.usage or usage
        self.assertEqual(text, choice.message.content)
        self.assertEqual(usage.completion_tokens, answer.usage.completion_tokens)
        with self.client.chat.completions.stream(model="model", messages=QUESTION, temperature=0,
                                                 max_tokens=24) as stream:
            self.assertEqual(stream.get_final_completion().choices[0].message.content, text)
        completion = self.client.completions.create(model="model", prompt="Once upon", max_tokens=5, echo=True,
                                                    extra_body={"top_k": 5, "min_p": 0.1})
        self.assertTrue(completion.choices[0].text.startswith("Once upon"))

    def test_openai_errors(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.chat.completions.create(model="gpt-9", messages=QUESTION)
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.chat.completions.create(model="model", messages=QUESTION, max_tokens=10**6)
        self.assertEqual(caught.exception.code, "context_length_exceeded")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.chat.completions.create(model="model", messages=QUESTION, temperature=-1)
        self.assertEqual(caught.exception.param, "temperature")

    def test_openai_async(self):
        async def ask():
            async with openai.AsyncOpenAI(base_url=self.base, api_key="none", max_retries=0) as client:
                async def stream():
                    text = ""
                    async for chunk in await client.chat.completions.create(
                            model="model", messages=QUESTION, temperature=0, max_tokens=16, stream=True):
                        text += chunk.choices[0].delta.content or ""
                    return text

                return await asyncio.gather(*(stream() for _ in range(8)))

        self.assertEqual(len(set(asyncio.run(ask()))), 1)

    def test_openai_responses(self):
        answer = self.client.responses.create(model="model", input=QUESTION[0]["content"], temperature=0,
                                              max_output_tokens=24)
        self.assertTrue(answer.output_text)
        with self.client.responses.stream(model="model", input=QUESTION[0]["content"], temperature=0,
                                          max_output_tokens=24) as stream:
            for _ in stream:
                pass
            # get_final_response wants response.completed; one that was cut ends with response.incomplete.
        events = list(self.client.responses.create(model="model", input=QUESTION[0]["content"], temperature=0,
                                                   max_output_tokens=24, stream=True))
        text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        self.assertEqual(text, answer.output_text)

    def test_openai_tools_and_structured_output(self):
        class Person(pydantic.BaseModel):
            name: str
            age: int

        parsed = self.client.chat.completions.parse(model="model", messages=QUESTION, response_format=Person,
                                                    max_tokens=200, temperature=0, seed=1,
                                                    extra_body={"repetition_penalty": 1.3})
        self.assertIsInstance(parsed.choices[0].message.parsed, Person)
        if not self.real:  # the template of the small model knows tools, that of SmolLM2 does not
            called = self.client.chat.completions.create(model="model", messages=QUESTION, tools=TOOLS,
                                                         tool_choice="required", max_tokens=200)
            call = called.choices[0].message.tool_calls[0]
            self.assertEqual(call.function.name, "get_weather")
            self.assertIn("city", json.loads(call.function.arguments))
            with self.client.chat.completions.stream(model="model", messages=QUESTION, tools=TOOLS,
                                                     tool_choice="required", max_tokens=200) as stream:
                final = stream.get_final_completion()
            self.assertEqual(final.choices[0].finish_reason, "tool_calls")
            self.assertIn("city", json.loads(final.choices[0].message.tool_calls[0].function.arguments))
        else:
            with self.assertRaises(openai.BadRequestError) as caught:
                self.client.chat.completions.create(model="model", messages=QUESTION, tools=TOOLS)
            self.assertEqual(caught.exception.param, "tools")

    def test_litellm(self):
        answer = litellm.completion(model="openai/model", api_base=self.base, api_key="none", messages=QUESTION,
                                    temperature=0, max_tokens=24)
        text = "".join(c.choices[0].delta.content or "" for c in litellm.completion(
            model="openai/model", api_base=self.base, api_key="none", messages=QUESTION, temperature=0, max_tokens=24,
            stream=True))
        self.assertEqual(text, answer.choices[0].message.content)
        with self.assertRaises(litellm.exceptions.ContextWindowExceededError):
            litellm.completion(model="openai/model", api_base=self.base, api_key="none", messages=QUESTION,
                               max_tokens=10**6)

    def test_curl(self):
        body = json.dumps({"messages": QUESTION, "max_tokens": 8, "stream": True})
        done = subprocess.run(["curl", "-sN", f"{self.base}/chat/completions", "-H", "Content-Type: application/json",
                               "-d", body], capture_output=True, text=True, check=True)
        self.assertTrue(done.stdout.endswith("data: [DONE]\n\n"))

    def test_prometheus(self):
        self.client.completions.create(model="model", prompt="a", max_tokens=2)
        families = {f.name: f for f in text_string_to_metric_families(self.server.get("/metrics").body.decode())}
        for name, kind in {"ttt_num_requests_running": "gauge", "ttt_generation_tokens": "counter",
                           "ttt_time_to_first_token_seconds": "histogram", "ttt_http_requests": "counter"}.items():
            self.assertEqual(families[name].type, kind)
            self.assertTrue(families[name].documentation)
        for family in families.values():
            self.assertNotEqual(family.type, "unknown", family.name)
            for sample in family.samples:
                self.assertFalse(sample.value != sample.value, sample)

    def test_schemathesis(self):
        schemathesis = pathlib.Path(sys.executable).parent / "schemathesis"
        done = subprocess.run(
            [schemathesis, "run", f"http://127.0.0.1:{self.server.port}/openapi.json", "--max-examples", "8",
             "--phases", "examples,coverage,fuzzing", "--exclude-checks", "positive_data_acceptance",
             "--request-timeout", "60", "--suppress-health-check", "all", "--seed", "1", "--no-color",
             "--exclude-path", "/v1/embeddings", "--exclude-path", "/v1/rerank"],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-8000:] + done.stderr[-2000:])


class Tokens(unittest.TestCase):
    def test_tokenizers(self):
        with Server() as server:
            reference = tokenizers.Tokenizer.from_file(str(server.model / "tokenizer.json"))
            for text in ("Hello world", "  a\n\tb ", "caf\u00e9 \U0001F600 \u4e2d\u6587", "x" * 300, "\r\n", "12345"):
                ids = server.post("/tokenize", {"prompt": text}).json()["tokens"]
                self.assertEqual(ids, reference.encode(text).ids, text)
                plain = server.post("/tokenize", {"prompt": text, "add_special_tokens": False}).json()["tokens"]
                self.assertEqual(plain, reference.encode(text, add_special_tokens=False).ids)
                back = server.post("/detokenize", {"tokens": plain}).json()["prompt"]
                self.assertEqual(back, reference.decode(plain, skip_special_tokens=False))


class Embeddings(unittest.TestCase):
    @unittest.skipUnless(os.environ.get("TTT_MINILM"), "TTT_MINILM is not set")
    def test_embeddings(self):
        with Server(model=pathlib.Path(os.environ["TTT_MINILM"])) as server:
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=0)
            texts = ["A cat sits on the mat.", "There is a cat on a mat.", "Stock prices fell."]
            by_bytes = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts)  # the client asks for base64
            by_number = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts, encoding_format="float")
            vectors = [d.embedding for d in by_number.data]
            for a, b in zip(by_bytes.data, by_number.data):
                self.assertEqual(len(a.embedding), 384)
                for x, y in zip(a.embedding, b.embedding):
                    self.assertAlmostEqual(x, y, places=6)

            def dot(a, b):
                return sum(x * y for x, y in zip(a, b))

            self.assertAlmostEqual(dot(vectors[0], vectors[0]), 1, places=4)
            self.assertGreater(dot(vectors[0], vectors[1]), dot(vectors[0], vectors[2]) + 0.3)
            answer = server.post("/v1/chat/completions", {"messages": QUESTION})
            self.assertEqual((answer.status, answer.error["param"]), (400, "model"))
            self.assertEqual(server.post("/v1/rerank", {"query": "a", "documents": ["b"]}).status, 501)


if __name__ == "__main__":
    unittest.main()
