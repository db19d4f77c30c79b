#!/usr/bin/env python3
"""Records the ids of transformers' AutoTokenizer where files beside tokenizer.json add tokens or change them.

    make_token_file_fixtures.py

writes tests/golden/tokenizers/token_files.json: random tokenizer_config.json, special_tokens_map.json and
added_tokens.json in the spellings of versions 4 and 5, each with a few texts and their ids.
"""
import json
import os
import pathlib
import random
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import transformers  # noqa: E402

OUTPUT = pathlib.Path(__file__).parent.parent / "tests/golden/tokenizers/token_files.json"
NAMES = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"]
CONTENTS = ["<s>", "</s>", "<pad>", "<a>", "<b>", "<c>", "<d>", "ab", "<|x|>", "<e>"]
CASES, TEXTS = 150, 4


def properties(r, special=None):
    p = {k: r.random() < 0.3 for k in ("lstrip", "rstrip", "single_word")}
    if r.random() < 0.8:
        p["normalized"] = r.random() < 0.5
    p["special"] = r.random() < 0.6 if special is None else special
    return p


def base(r):
    vocab = {chr(97 + i): i for i in range(26)}
    vocab.update({c: 26 + i for i, c in enumerate("<>|/ ")})
    vocab["ab"] = 31
    added = []
    for i, c in enumerate(r.sample(CONTENTS, r.randint(0, 3))):
        known = vocab.get(c)
        full = {"normalized": False, **properties(r)}
        added.append({"id": known if known is not None else 32 + sum(a["content"] not in vocab for a in added), "content": c, **full})
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": vocab, "merges": [["a", "b"]]}}


def named(r, typed):
    c = r.choice(CONTENTS)
    if r.random() < 0.6:
        return c
    return {**({"__type": "AddedToken"} if typed else {}), "content": c, **properties(r)}


def case(r):
    config, special, added = {"tokenizer_class": "PreTrainedTokenizerFast"}, None, None
    for name in r.sample(NAMES, r.randint(0, 4)):
        config[name + "_token"] = named(r, True)
    if r.random() < 0.3:
        config["image_token"] = r.choice(CONTENTS)
    lists = r.random()
    if lists < 0.3:
        config["additional_special_tokens"] = r.sample(CONTENTS, r.randint(0, 3))
    elif lists < 0.5:
        config["extra_special_tokens"] = r.sample(CONTENTS, r.randint(0, 3))
    elif lists < 0.6:
        config["extra_special_tokens"] = {"image_token": r.choice(CONTENTS), "other": r.choice(CONTENTS)}
    if r.random() < 0.5:
        config["added_tokens_decoder"] = {str(r.randint(0, 60)): {"content": c, **properties(r)}
                                          for c in r.sample(CONTENTS, r.randint(0, 4))}
    if r.random() < 0.4:
        special = {name + "_token": named(r, False) for name in r.sample(NAMES, r.randint(1, 3))}
        if r.random() < 0.5:
            special["additional_special_tokens"] = r.sample(CONTENTS, r.randint(1, 3))
    if r.random() < 0.3:
        added = {c: 40 + i for i, c in enumerate(r.sample(CONTENTS, r.randint(1, 3)))}
    return config, special, added


def main():
    r = random.Random(6)
    cases = []
    while len(cases) < CASES:
        tokenizer = base(r)
        config, special, added = case(r)
        texts = ["".join(r.choice(CONTENTS + ["x", " ", "  ", "q", "<"]) for _ in range(r.randint(1, 8))) for _ in range(TEXTS)]
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("tokenizer.json", tokenizer), ("tokenizer_config.json", config),
                                  ("special_tokens_map.json", special), ("added_tokens.json", added)):
                if content is not None:
                    (pathlib.Path(folder) / name).write_text(json.dumps(content))
            try:
                t = transformers.AutoTokenizer.from_pretrained(folder)
                ids = [t(x)["input_ids"] for x in texts]
                names = {n: getattr(t, n + "_token_id") for n in ("bos", "eos", "pad")}
            except BaseException as e:  # what the reference cannot read, and what its library cannot cut
                if isinstance(e, KeyboardInterrupt):
                    raise
                continue
        cases.append({"added": tokenizer["added_tokens"], "config": config, "special": special, "added_tokens": added,
                      "texts": texts, "ids": ids, "names": names})
    lines = ",\n".join(json.dumps(c) for c in cases)
    OUTPUT.write_text("[\n" + lines + "\n]\n")


if __name__ == "__main__":
    main()
