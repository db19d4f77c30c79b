"""Encoders behind the server: embeddings and ranks as sentence-transformers computed them for the fixtures."""

import base64
import json
import math
import struct
import unittest

from serving import ROOT, Server

FIXTURES = ROOT / "tests/golden/encoder_texts"


class Embeddings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = FIXTURES / "embedding"
        cls.answers = json.loads((cls.model / "answers.json").read_text())
        cls.server = Server("--strategy", "accuracy", model=cls.model)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def embed(self, **fields):
        answer = self.server.post("/v1/embeddings", {"truncate_prompt_tokens": -1, **fields})
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def near(self, got, wanted):
        self.assertEqual(len(got), len(wanted))
        for a, b in zip(got, wanted):
            self.assertAlmostEqual(a, b, delta=5e-5)

    def test_embeddings(self):
        texts = self.answers["texts"]
        body = self.embed(input=texts)
        self.assertEqual([d["index"] for d in body["data"]], list(range(len(texts))))
        dense = json.loads((self.model / "2_Dense/config.json").read_text())
        recorded = self.answers["embeddings"][dense["activation_function"].rsplit(".", 1)[-1]]
        for d, wanted in zip(body["data"], recorded):
            self.near(d["embedding"], wanted)
        for d, wanted in zip(self.embed(input=texts, encoding_format="base64")["data"], body["data"]):
            raw = base64.b64decode(d["embedding"])
            self.near(struct.unpack(f"<{len(raw) // 4}f", raw), wanted["embedding"])
        self.near(self.embed(input=texts[0])["data"][0]["embedding"], body["data"][0]["embedding"])
        short = self.embed(input=texts[0], dimensions=4)["data"][0]["embedding"]
        self.assertEqual(len(short), 4)
        self.assertAlmostEqual(sum(v * v for v in short), 1, places=4)

    def test_what_is_refused(self):
        for fields, param in (({"input": ""}, "input"), ({"input": []}, "input"), ({}, "input"), ({"input": 5}, "input"),
                              ({"input": [[-1]]}, "input"), ({"input": [10**6]}, "input"), ({"input": [None]}, "input"),
                              ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
                              ({"input": "a", "dimensions": 0}, "dimensions"),
                              ({"input": "a", "dimensions": 10**6}, "dimensions"),
                              ({"input": ["a"] * 5000}, "input"), ({"input": "a " * 5000}, "input")):
            answer = self.server.post("/v1/embeddings", fields)
            self.assertEqual((answer.status, answer.error["param"]), (400, param), (fields, answer.body))
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses"):
            answer = self.server.post(path, {"prompt": "a", "messages": [{"role": "user", "content": "a"}], "input": "a"})
            self.assertEqual((answer.status, answer.error["param"]), (400, "model"))
        self.assertEqual(self.server.post("/v1/rerank", {"query": "a", "documents": ["b"]}).status, 501)
        self.assertEqual(self.server.get("/metrics").status, 200)


class Ranks(unittest.TestCase):
    def test_ranks(self):
        model = FIXTURES / "pairs"
        answers = json.loads((model / "answers.json").read_text())
        with Server("--strategy", "accuracy", model=model) as server:
            request = {"query": answers["query"], "documents": answers["texts"], "truncate_prompt_tokens": -1}
            results = server.post("/v1/rerank", request).json()["results"]
            self.assertEqual([r["relevance_score"] for r in results],
                             sorted((r["relevance_score"] for r in results), reverse=True))
            for r in results:
                wanted = 1 / (1 + math.exp(-answers["scores"][r["index"]]))
                self.assertAlmostEqual(r["relevance_score"], wanted, delta=5e-5)
                self.assertEqual(r["document"]["text"], answers["texts"][r["index"]])
            best = server.post("/v1/rerank", {**request, "top_n": 2, "return_documents": False}).json()["results"]
            self.assertEqual([r["index"] for r in best], [r["index"] for r in results[:2]])
            self.assertNotIn("document", best[0])
            for fields, param in (({"documents": ["a"]}, "query"), ({"query": "a"}, "documents"),
                                  ({"query": "a", "documents": []}, "documents"),
                                  ({"query": "a", "documents": [5]}, "documents"),
                                  ({"query": "a", "documents": ["b"], "top_n": 0}, "top_n")):
                answer = server.post("/v1/rerank", fields)
                self.assertEqual((answer.status, answer.error["param"]), (400, param), answer.body)
            self.assertEqual(server.post("/v1/embeddings", {"input": "a"}).status, 501)


if __name__ == "__main__":
    unittest.main()
