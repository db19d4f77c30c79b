#!/usr/bin/env python3
"""Records which texts Python's `re` and the package `jsonschema` accept.

    make_grammar_golden.py

writes tests/golden/grammars/regexes.json and json_schemas.json; the same bytes each time. Needs jsonschema 4.

regexes.json: [{"pattern", "whole": [...], "not_whole": [...], "holds": [...], "holds_not": [...]}], what re.fullmatch and
re.search (flag ASCII) say of texts.
json_schemas.json: [{"schema", "valid": [...], "invalid": [...]}]. Texts of "valid" are valid for jsonschema (Draft
2020-12 with the formats that it checks by itself) and written as docs/structured_output.md says; those of "invalid" are
not valid, however they are written.
"""
import copy
import json
import pathlib
import random
import re

import jsonschema

OUTPUT = pathlib.Path(__file__).parent.parent / "tests/golden/grammars"

PATTERNS = [
    "abc", "a*", "a+b?", "(ab|cd)*e", "[a-c]{2,3}", "[^a-c]x", "a{0}b", "(a|)b", "(?:a|b|)c{2,}", "a|b|", "", "x*y*z*",
    r"\d+", r"\w\W\w", r"\s*\S", r"[\d-]+", r"[\w.]+@\w+", r"\.\*\+\?\(\)\[\]\{\}\|\^\$\\", r"[\]\[^-]", r"[a\-z]", r"\x41\u0042",
    r"(a+)+b", "(a*)*", "((a|b)*c)*", "(?:(?:a?)*b)*", "^a$", "^a|b$", "(^a|b)c", "a$|^b", "^(?:a|b$)", "^^a$$", "a^b", "a$b",
    "(?i)aBc", "(?i:a)b", "(?i:[a-c]+)[a-c]", "(?P<n>a)(?P<m>b)", "a{2}{", "{", "a{,2}", "a{1,2}?b", "a??b", "a*?", "[.]", "[*]+",
    "(?:ab){2}(?:cd){1,2}", "a.c", ".{2}", ".*b.*", "é+", "[à-é]", "[^é]", "日本?", "😀{2}", "(a|ab)(c|bcd)(d*)",
    r"(?:0|[1-9]\d*)(?:\.\d+)?", r"\d{4}-\d{2}-\d{2}", r"[A-Fa-f0-9]{2}(?::[A-Fa-f0-9]{2})*", "a|b|ab|ba|aba", "(?:a|aa)+b",
]
ALPHABET = "abcdexyzABC012 .-_@é日😀(){}[]^$*+?|\\:"


def random_pattern(rng, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(["a", "b", "c", "[ab]", "[^a]", ".", r"\d", "é", "(?:)"])
    if kind < 0.6:
        return "".join(random_pattern(rng, depth - 1) for _ in range(rng.randint(1, 3)))
    if kind < 0.75:
        return "(?:" + "|".join(random_pattern(rng, depth - 1) for _ in range(rng.randint(2, 3))) + ")"
    if kind < 0.92:
        return "(?:" + random_pattern(rng, depth - 1) + ")" + rng.choice(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])
    return rng.choice(["^", "$"]) + random_pattern(rng, depth - 1)


def texts_for(rng, pattern):
    letters = [c for c in pattern if c in ALPHABET] or ["a"]
    texts = {""}
    for _ in range(150):
        pool = rng.choice([letters, letters, ALPHABET, "abcé1"])
        texts.add("".join(rng.choice(pool) for _ in range(rng.randint(1, rng.choice([3, 8])))))
    for sample in ("2024-01-31", "ab@cd", "0.5", "10", "aF:09", "abcd", "A B", ".*+?()[]{}|^$\\"):
        texts.add(sample)
    return sorted(texts)


def regexes():
    rng = random.Random(1)
    out = []
    for pattern in PATTERNS + [random_pattern(rng, 3) for _ in range(200)]:
        compiled = re.compile(pattern, re.ASCII)
        entry = {"pattern": pattern, "whole": [], "not_whole": [], "holds": [], "holds_not": []}
        for text in texts_for(rng, pattern):
            entry["whole" if compiled.fullmatch(text) else "not_whole"].append(text)
            entry["holds" if compiled.search(text) else "holds_not"].append(text)
        for key in ("whole", "not_whole", "holds", "holds_not"):
            if len(entry[key]) > 12:
                entry[key] = sorted(rng.sample(entry[key], 12))
        out.append(entry)
    return out


PERSON = {"type": "object", "title": "A person",
          "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
                         "email": {"type": ["string", "null"], "pattern": "^[a-z]+@[a-z]+[.]org$"},
                         "tags": {"type": "array", "items": {"enum": ["a", "b", 3, None]}, "maxItems": 3}},
          "required": ["name", "age"], "additionalProperties": False}
TREE = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {
    "value": {"type": "number"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    "required": ["value", "children"], "additionalProperties": False}}}

# Schema, then values of it as generated text has them: properties in their order.
SCHEMAS = [
    (PERSON, [{"name": "Ada", "age": 36}, {"name": "é\"\\\n", "age": 0, "email": "ada@lovelace.org", "tags": ["a", 3, None]},
              {"name": "x", "age": 150, "email": None}]),
    (TREE, [{"value": 1, "children": []}, {"value": -0.5, "children": [{"value": 2, "children": [{"value": 3, "children": []}]}]}]),
    ({"type": "object"}, [{}, {"a": [1, {"b": None}], "c": "x"}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1, "b": -2}]),
    ({"type": "object", "properties": {"a": {"const": 1}, "b": {"const": "two"}, "c": {"const": [3]}}, "required": ["b"],
      "additionalProperties": {"type": "boolean"}}, [{"b": "two"}, {"a": 1, "b": "two", "c": [3], "d": True, "ab": False}]),
    ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": {"type": "null"}, "minItems": 2},
     [["a", 1], ["", -1, None, None]]),
    ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, [[], ["a"]]),
    ({"type": "array", "items": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2}, "maxItems": 2},
     [[], [[True], [False, True]]]),
    ({"enum": ["red", 1, 1.5, None, True, ["x", {"y": []}]]}, ["red", 1, 1.5, None, True, ["x", {"y": []}]]),
    ({"const": {"a": {"b": [1, "\u2028", "\t"]}}}, [{"a": {"b": [1, "\u2028", "\t"]}}]),
    ({"type": "string", "minLength": 2, "maxLength": 4}, ["ab", "😀😀", "\n\"\\\u0001"]),
    ({"type": "string", "pattern": "^(foo|ba[rz])+$"}, ["foo", "barbazfoo"]),
    ({"type": "string", "pattern": "o{2}", "maxLength": 5}, ["oo", "xfooy"]),
    ({"type": "string", "pattern": "^[^\\n\"]*$", "minLength": 1}, ["a\tb", "\\"]),
    ({"type": "string", "format": "date"}, ["2024-02-29", "2000-02-29", "1999-12-31", "0004-02-29"]),
    ({"type": "string", "format": "ipv4"}, ["0.0.0.0", "255.249.199.99", "192.168.1.10"]),
    ({"type": "string", "format": "ipv6"}, ["::", "::1", "1::", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8", "a::b:c"]),
    ({"type": "string", "format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"]),
    ({"type": "string", "format": "email"}, ["a@b.org", "first.last+tag@sub.example.com"]),
    ({"type": "integer"}, [0, -7, 123456789012345678]),
    ({"type": "integer", "minimum": -12, "exclusiveMaximum": 105}, [-12, -9, 0, 9, 99, 104]),
    ({"type": "integer", "exclusiveMinimum": 999, "maximum": 1000}, [1000]),
    ({"type": "integer", "maximum": -5}, [-5, -10, -123]),
    ({"type": "number", "minimum": -0.75, "maximum": 2.5}, [-0.75, -0.5, 0, 1.25, 2.5]),
    ({"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.125}, [0.11, 0.1249]),
    ({"type": "number", "minimum": 1e-3}, [0.001, 5]),
    ({"type": ["integer", "null", "boolean"], "minimum": 3}, [3, None, False]),
    ({"anyOf": [{"type": "string", "maxLength": 2}, {"type": "integer"}, {"$ref": "#/$defs/l"}],
      "$defs": {"l": {"type": "array", "items": {"$ref": "#"}}}}, ["ab", 5, [], [["x", 1], 2]]),
    ({"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"],
                 "additionalProperties": False},
                {"type": "object", "properties": {"kind": {"const": "b"}, "y": {"type": "string"}}, "required": ["kind"],
                 "additionalProperties": False}]}, [{"kind": "a", "x": 1}, {"kind": "b"}, {"kind": "b", "y": ""}]),
    ({"allOf": [{"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}}, "required": ["a"]},
                {"properties": {"a": {"maximum": 9}, "b": {"type": "string"}}}]}, [{"a": 5}, {"a": 9, "b": ""}]),
    ({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "additionalProperties": False,
      "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, [{"a": None}, {"b": None}, {"a": None, "b": None}]),
    ({"definitions": {"p": {"type": "integer", "maximum": 3}}, "type": "array", "items": {"$ref": "#/definitions/p", "minimum": 1}},
     [[1, 2, 3]]),
    ({"type": "object", "properties": {"a/b": {"$ref": "#/properties/c~1d"}, "c/d": {"type": "boolean"}}, "required": ["c/d"],
      "additionalProperties": False}, [{"a/b": True, "c/d": False}]),
    ({"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"],
      "additionalProperties": False}, [{"next": None}, {"next": {"next": None}}]),
    ({"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "integer", "multipleOf": 3}},
     [{"a": 3}, {"a": -6, "b": 0}]),
    (True, [1, "x", [{}], {"a": None}]),
]
ODD = [None, True, 0, 1, -1, 2.5, 1e3, "", "x", "ab", "foo", "2023-02-29", "1900-02-29", "256.1.1.1", "::1::", [], [1], {}, {"q": 1}]


def mutations(rng, value):
    """Values that differ from this one in one place."""
    yield rng.choice(ODD)
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, (int, float)):
        yield from (value + 1, value - 1, -value, value * 10, value / 8)
    elif isinstance(value, str):
        yield from (value + "x", value[:-1], value.upper(), value + value, "9" + value, value.replace("1", "3"))
    elif isinstance(value, list):
        yield value + [rng.choice(ODD)]
        yield value[1:]
        for i, one in enumerate(value):
            for other in mutations(rng, one):
                yield value[:i] + [other] + value[i + 1:]
    else:
        yield {**value, rng.choice(["q", "a", "name", "ab", "x"]): rng.choice(ODD)}
        for key, one in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for other in mutations(rng, one):
                yield {**value, key: other}


def schemas():
    rng = random.Random(2)
    out = []
    for schema, values in SCHEMAS:
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        dumps = lambda v: json.dumps(v, ensure_ascii=False, separators=rng.choice([(",", ":"), (", ", ": ")]))
        valid, invalid = [], set()
        for value in values:
            validator.validate(value)
            valid.append(dumps(value))
        for _ in range(6):
            for value in values:
                for other in mutations(rng, copy.deepcopy(value)):
                    if not validator.is_valid(other):
                        invalid.add(dumps(other))
        for broken in (valid[0] + "}", valid[0][:-1], valid[0] + ",", " " + valid[0], valid[0].replace('"', "'") + "x"):
            try:
                json.loads(broken)
            except ValueError:
                invalid.add(broken)
        out.append({"schema": schema, "valid": valid, "invalid": sorted(rng.sample(sorted(invalid), min(40, len(invalid))))})
    return out


def write(name, entries):
    OUTPUT.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(e, ensure_ascii=False) for e in entries)
    (OUTPUT / name).write_text("[\n" + lines + "\n]\n")


def main():
    write("regexes.json", regexes())
    write("json_schemas.json", schemas())


if __name__ == "__main__":
    main()
