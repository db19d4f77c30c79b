#!/usr/bin/env python3
"""Compares `ttt tokenize` with the `tokenizers` package on random strings: ids, types of tokens, pairs, decoded text.

    compare_tokenizers.py --ttt build/apps/ttt/ttt [--strings N] [--seed N] PATH...

PATH is a directory with a tokenizer.json, or with one of make_vocabulary_fixtures.py, whose tokenizer transformers makes. The strings are those of make_tokenizer_fixtures.py with another seed, and every
tenth is what results from cutting one at a random place.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from tokenizers import Tokenizer

from make_tokenizer_fixtures import Random, corpus


def run(ttt, path, lines, *flags):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([ttt, "tokenize", "-m", str(path), "--jsonl", *flags], input=text.encode(),
                          stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def strings_of(count, seed):
    strings = corpus(count, seed)
    r = Random(seed + 1)
    for i in range(0, count, 10):
        if strings[i]:
            strings[i] = strings[i][r.below(len(strings[i])):]
    return strings


def reference_of(path):
    if (path / "tokenizer.json").exists():
        return Tokenizer.from_file(str(path / "tokenizer.json"))
    from make_vocabulary_fixtures import reference
    return reference(path)


class Comparison:
    def __init__(self, ttt, path, reference):
        self.ttt, self.path, self.reference = ttt, path, reference
        self.compared = self.different = 0

    def compare(self, what, inputs, wanted, *flags):
        got = run(self.ttt, self.path, inputs, *flags)
        assert len(got) == len(wanted), (what, len(got), len(wanted))
        for given, g, w in zip(inputs, got, wanted):
            self.compared += 1
            if g == w:
                continue
            self.different += 1
            if self.different <= 5:
                print(f"  {what}: {json.dumps(given)}\n    wanted {json.dumps(w)}\n    got    {json.dumps(g)}")

    def encodings(self, inputs, special):
        result = []
        for given in inputs:
            pair = given if isinstance(given, list) else [given]
            e = self.reference.encode(*pair, add_special_tokens=special)
            result.append({"ids": e.ids, "type_ids": e.type_ids})
        return result

    def decode(self, lists, skip):
        """The reference panics on what no tokenizer means: those lists are left out."""
        kept, texts = [], []
        for ids in lists:
            try:
                texts.append(self.reference.decode(ids, skip_special_tokens=skip))
                kept.append(ids)
            except BaseException as e:  # pyo3's PanicException is no Exception
                if isinstance(e, KeyboardInterrupt):
                    raise
        return kept, texts

    def all(self, strings, seed):
        full = self.encodings(strings, True)
        self.compare("ids", strings, full, "--types")
        self.compare("ids without special tokens", strings, self.encodings(strings, False), "--types",
                     "--no-special-tokens")
        self.reference.encode_special_tokens = True
        self.compare("ids of plain text", strings, self.encodings(strings, False), "--types", "--no-special-tokens",
                     "--plain")
        self.reference.encode_special_tokens = False
        pairs = [[a, b] for a, b in zip(strings[:len(strings) // 10], strings[1:])]
        self.compare("pairs", pairs, self.encodings(pairs, True), "--types")
        self.compare("pairs without special tokens", pairs, self.encodings(pairs, False), "--types",
                     "--no-special-tokens")
        r = Random(seed + 2)
        size = self.reference.get_vocab_size()
        mixed = [[r.below(size) for _ in range(1 + r.below(16))] for _ in strings]
        for lists in ([e["ids"] for e in full], mixed):
            for skip in (False, True):
                kept, texts = self.decode(lists, skip)
                self.compare("text", kept, texts, "--decode", *(["--skip-special-tokens"] if skip else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    parser.add_argument("--ttt", required=True)
    parser.add_argument("--strings", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    strings = strings_of(args.strings, args.seed)
    failed = False
    for path in args.paths:
        comparison = Comparison(args.ttt, path, reference_of(path))
        comparison.all(strings, args.seed)
        failed = failed or comparison.different > 0
        print(f"{path.name}: {len(strings)} strings, {comparison.compared} comparisons, {comparison.different} differ",
              flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
