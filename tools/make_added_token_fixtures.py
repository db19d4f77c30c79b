#!/usr/bin/env python3
"""Records how the tokenizers package finds added tokens that touch, overlap and begin inside each other's white space.

    make_added_token_fixtures.py

writes tests/golden/tokenizers/added_tokens.json: tokenizers with random sets of tokens and properties, and for each a
digest of the ids of strings that tests/text/added_tokens_test.cpp makes again. Strings on which the package stops with
an error ("bad split") are listed and left out.
"""
import json
import pathlib

from tokenizers import AddedToken, Tokenizer, models, normalizers

from make_tokenizer_fixtures import Random, fnv_ids

OUTPUT = pathlib.Path(__file__).parent.parent / "tests/golden/tokenizers/added_tokens.json"
CONTENTS = ["\n\n", "\n", " ", "  ", "<r>", " x", "x", "\u00a0", "<r> ", "ab", "a", " <r>", "b ", "AB", "<R>", "\u3000y", "y"]
ATOMS = ["\n", "\n\n", " ", "  ", "<r>", "<R>", "x", "\u00a0", "ab", "AB", "a", "b", "q", "\u3000", "y", "_", "\t"]
TOKENIZERS, STRINGS = 120, 60


def tokenizer(tokens, lowercase):
    t = Tokenizer(models.BPE(vocab={"?": 0}, merges=[], unk_token="?", fuse_unk=True))
    if lowercase:
        t.normalizer = normalizers.Lowercase()
    t.add_tokens([AddedToken(**token) for token in tokens])
    return t


def main():
    r = Random(7)
    result = []
    for _ in range(TOKENIZERS):
        contents = []
        for _ in range(2 + r.below(5)):
            content = CONTENTS[r.below(len(CONTENTS))]
            if content not in contents:
                contents.append(content)
        tokens = [{"content": c, "lstrip": r.below(5) < 2, "rstrip": r.below(2) == 0, "single_word": r.below(3) == 0,
                   "normalized": r.below(3) == 0} for c in contents]
        lowercase = r.below(2) == 0
        t = tokenizer(tokens, lowercase)
        digest, left_out = 2166136261, []
        for i in range(STRINGS):
            s = "".join(ATOMS[r.below(len(ATOMS))] for _ in range(1 + r.below(10)))
            try:
                digest = fnv_ids(digest, t.encode(s, add_special_tokens=False).ids)
            except BaseException as e:  # a panic is no Exception
                if isinstance(e, KeyboardInterrupt):
                    raise
                left_out.append(i)
        result.append({"tokens": tokens, "lowercase": lowercase, "digest": digest, "left_out": left_out})
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in result)
    OUTPUT.write_text(f'{{"atoms": {json.dumps(ATOMS, ensure_ascii=False)}, "contents": {len(CONTENTS)}, "strings": {STRINGS},\n"tokenizers": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
