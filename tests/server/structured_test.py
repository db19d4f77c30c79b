"""Structured output and forced calls of tools: a model with random weights has no choice but to keep to them."""

import json
import re
import time
import unittest

from serving import Server

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"],
    "additionalProperties": False}}},
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {},
                                                                    "additionalProperties": False}}}]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}, "ages": {
    "type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "maxItems": 3}},
    "required": ["name", "ages"], "additionalProperties": False}


class Structured(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def content(self, **fields):
        answer = self.server.chat(max_tokens=200, **fields)
        self.assertEqual(answer.status, 200, answer.body)
        choice = answer.json()["choices"][0]
        self.assertEqual(choice["finish_reason"], "stop", choice)
        return choice["message"]["content"]

    def refused(self, param, seconds=10, **fields):
        begin = time.monotonic()
        answer = self.server.chat(**fields)
        self.assertLess(time.monotonic() - begin, seconds)
        self.assertEqual((answer.status, answer.error["param"]), (400, param), answer.body)
        return answer.error

    def check(self, value):
        self.assertEqual(set(value), {"name", "ages"})
        self.assertLessEqual(len(value["name"]), 5)
        self.assertTrue(all(0 <= a <= 99 for a in value["ages"]) and len(value["ages"]) <= 3)

    def test_schemas(self):
        for seed in range(3):
            for fields in ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
                           {"guided_json": SCHEMA}, {"guided_json": json.dumps(SCHEMA)},
                           {"structured_outputs": {"json": SCHEMA}}, {"json_schema": SCHEMA}):
                self.check(json.loads(self.content(seed=seed, temperature=1, **fields)))

    def test_other_languages(self):
        self.assertIsNotNone(re.fullmatch(r"[a-c]{2,4}-\d", self.content(guided_regex=r"[a-c]{2,4}-\d")))
        self.assertIsNotNone(re.fullmatch(r"x+y", self.content(regex="x{1,9}y", temperature=0)))
        self.assertIn(self.content(guided_choice=["yes", "no \"way\"\n"]), ("yes", "no \"way\"\n"))
        self.assertIn(self.content(structured_outputs={"choice": ["one", "two"]}), ("one", "two"))
        self.assertIn(self.content(guided_grammar='root ::= "a" | "b" root2\nroot2 ::= "c"'), ("a", "bc"))
        completion = self.server.post("/v1/completions", {"prompt": "a", "max_tokens": 20, "guided_regex": "[0-9]{3}"})
        self.assertIsNotNone(re.fullmatch("[0-9]{3}", completion.json()["choices"][0]["text"]))

    def test_objects(self):
        answer = self.server.chat(response_format={"type": "json_object"}, max_tokens=400, logit_bias={"92": 40})
        choice = answer.json()["choices"][0]
        if choice["finish_reason"] == "stop":
            self.assertIsInstance(json.loads(choice["message"]["content"]), dict)
        self.assertTrue(choice["message"]["content"].startswith("{"))
        self.assertIsInstance(self.content(response_format={"type": "text"}, stop=["e", "a", "o"]), str)

    def test_streams_and_choices(self):
        events, _ = self.server.events("/v1/chat/completions", {
            "messages": [{"role": "user", "content": "a"}], "n": 3, "guided_json": SCHEMA, "max_tokens": 200})
        texts = [""] * 3
        for e in events[:-1]:
            texts[e["choices"][0]["index"]] += e["choices"][0]["delta"].get("content", "")
        for text in texts:
            self.check(json.loads(text))
        answer = self.server.post("/v1/responses", {
            "input": "a", "max_output_tokens": 200, "text": {"format": {"type": "json_schema", "name": "a",
                                                                       "schema": SCHEMA}}}).json()
        self.check(json.loads(answer["output"][0]["content"][0]["text"]))

    def test_required_calls(self):
        for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
            answer = self.server.chat(tools=TOOLS, tool_choice=choice, max_tokens=200, parallel_tool_calls=False)
            self.assertEqual(answer.status, 200, answer.body)
            choice_made = answer.json()["choices"][0]
            self.assertEqual(choice_made["finish_reason"], "tool_calls")
            (call,) = choice_made["message"]["tool_calls"]
            arguments = json.loads(call["function"]["arguments"])
            if choice != "required":
                self.assertEqual(call["function"]["name"], "get_weather")
            if call["function"]["name"] == "get_weather":
                self.assertIn(arguments["city"], ("Paris", "Rome"))
            follow_up = self.server.post("/v1/chat/completions", {"messages": [
                {"role": "user", "content": "a"}, choice_made["message"],
                {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}], "tools": TOOLS, "max_tokens": 3})
            self.assertEqual(follow_up.status, 200, follow_up.body)
        self.refused("tool_choice", tool_choice="required")
        self.refused("tool_choice.function.name", tools=TOOLS,
                     tool_choice={"type": "function", "function": {"name": "other"}})
        self.refused("tool_choice", tools=TOOLS, tool_choice="required", guided_regex="a")

    def test_96_what_cannot_be_compiled(self):
        self.refused("guided_json", guided_json="{")
        self.refused("guided_json", guided_json=[])
        self.refused("guided_json", guided_json={"type": "string", "not": {"const": "a"}})
        self.refused("response_format.type", response_format={"type": "xml"})
        self.refused("response_format.json_schema", response_format={"type": "json_schema"})
        self.refused("guided_regex", guided_regex="(a")
        self.refused("guided_regex", guided_regex="((((a{1,100}){1,100}){1,100}){1,100}){1,100}")
        self.refused("guided_regex", guided_regex="(" * 5000 + "a" + ")" * 5000)
        self.refused("guided_grammar", guided_grammar="root ::= other")
        self.refused("guided_grammar", guided_grammar="root ::= root")
        self.refused("guided_choice", guided_choice=[])
        self.refused("guided_choice", guided_choice=[""])
        self.refused("structured_outputs.regex", structured_outputs={"regex": "a"}, guided_json={})
        deep = {"type": "string"}
        for _ in range(25):
            deep = {"type": "array", "items": deep, "minItems": 2}
        answer = self.server.chat(guided_json=deep, max_tokens=5)
        self.assertIn(answer.status, (200, 400))
        self.assertEqual(self.server.complete().status, 200)


if __name__ == "__main__":
    unittest.main()
