#!/usr/bin/env python3
"""Records the ids of the tokenizers package for every name of tokenizer.ggml.pre.

    make_gguf_word_fixtures.py

reads the expressions from text/gguf_words.cpp and text/known_regexes.h, gives them to the package's engine (Oniguruma),
and writes tests/golden/tokenizers/gguf_words.json: for each group of names digests of the ids that the vocabulary of
tests/golden/tokenizers/gpt2 has for the strings of make_tokenizer_fixtures.py.
"""
import json
import pathlib
import re

from tokenizers import Regex, Tokenizer, pre_tokenizers

from make_tokenizer_fixtures import corpus, fnv_ids

ROOT = pathlib.Path(__file__).parent.parent
COUNT, GROUP = 4000, 200
LITERAL = re.compile(r'R"\((.*?)\)"|"((?:[^"\\]|\\.)*)"', re.S)
TRIPLES_WITH_LEAD = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"


def value(text):
    """What adjacent C++ string literals spell."""
    return "".join(raw if raw or not plain else json.loads(f'"{plain}"') for raw, plain in LITERAL.findall(text))


def expressions():
    known = (ROOT / "text/known_regexes.h").read_text()
    words = (ROOT / "text/gguf_words.cpp").read_text()
    constants = {}
    for source, prefix in ((known, "regexes::"), (words, "")):
        for name, text in re.findall(r"\b(k\w+) =((?:\s*(?:R\"\(.*?\)\"|\"(?:[^\"\\]|\\.)*\"))+)[;,]", source, re.S):
            constants[prefix + name] = value(text)
    constants["kTriplesWithLead"] = TRIPLES_WITH_LEAD
    table = words[words.index("kEntries[] = {"):words.index("Pattern pattern_of")]
    entry = re.compile(r"\{((?:\s*\"[^\"]*\")+),\s*\{((?:[^{}\"R]|R\"\(.*?\)\"|\"[^\"]*\"|R)*)\}(.*?)\}", re.S)
    item = re.compile(r"R\"\(.*?\)\"|\"[^\"]*\"|[\w:]+", re.S)
    for names, list_, flags in entry.findall(table):
        items = [constants[i] if i[0] in "kr" else value(i) for i in item.findall(list_)]
        yield value(names).split(), items, flags.replace(" ", "").replace("\n", "").startswith(",true")


def main():
    strings = corpus(COUNT)
    model = json.loads((ROOT / "tests/golden/tokenizers/gpt2/tokenizer.json").read_text())
    result = {}
    for names, items, ignore_merges in expressions():
        model["model"]["ignore_merges"] = ignore_merges
        t = Tokenizer.from_str(json.dumps(model))
        t.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(i), "isolated") for i in items] +
            [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        digests = []
        for start in range(0, COUNT, GROUP):
            digest = 2166136261
            for s in strings[start:start + GROUP]:
                digest = fnv_ids(digest, t.encode(s, add_special_tokens=False).ids)
            digests.append(digest)
        for name in names:
            result[name] = digests
        print(names[0], len(items))
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in result.items())
    (ROOT / "tests/golden/tokenizers/gguf_words.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
