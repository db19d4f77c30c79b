#!/usr/bin/env python3
"""Writes text/unicode_tables.cpp by asking the `tokenizers` package about every code point.

The reference mixes several Unicode versions (its regular expressions, its normalisers and the Rust standard library
each bring their own), so the tables record what it answers rather than one version of the standard.

    make_unicode_tables.py [--output text/unicode_tables.cpp]
"""
import argparse
import bisect
import pathlib
import struct
import unicodedata

import regex
import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

# Code points first assigned in each version: the newest that answers names the version of that table.
CATEGORY_PROBES = [("14.0", 0x0870), ("15.0", 0x1E4D0), ("15.1", 0x2EBF0), ("16.0", 0x105C0), ("17.0", 0x10940)]
REORDER_PROBES = [("8.0", 0x08E3), ("9.0", 0x1E000), ("10.0", 0x1DF6), ("11.0", 0x07FD), ("12.0", 0x1E130),
                  ("13.0", 0x1ABF), ("14.0", 0x0898), ("15.0", 0x10EFD), ("16.0", 0x0897)]


def removed(pre_tokenizer):
    """The code points that a pre-tokenizer, used on one of them alone, drops."""
    return {c for c in POINTS if not pre_tokenizer.pre_tokenize_str(chr(c))}


def matching(pattern):
    return removed(pre_tokenizers.Split(Regex(pattern), "removed"))


def removed_numeric():
    """Digits has no `removed`: a numeric character stands apart from a letter."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    return {c for c in POINTS if len(digits.pre_tokenize_str("a" + chr(c))) == 2}


def word_characters():
    whitespace = pre_tokenizers.Whitespace()
    return {c for c in POINTS if [p for p, _ in whitespace.pre_tokenize_str("a" + chr(c))] == ["a" + chr(c)]}


def class_bits():
    """Bit numbers are those of CharClass in text/unicode.h."""
    strip = normalizers.StripAccents()
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    unaccent = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True,
                                          lowercase=False)
    tables = [
        matching(r"\p{L}"),
        matching(r"\p{N}"),
        matching(r"\s"),
        matching(r"\p{M}"),
        matching(r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"),
        matching(r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"),
        removed(pre_tokenizers.Punctuation("removed")),
        removed_numeric(),
        removed(pre_tokenizers.WhitespaceSplit()),
        word_characters(),
        {c for c in POINTS if not strip.normalize_str(chr(c))},
        matching(r"\p{P}"),
        {c for c in POINTS if not clean.normalize_str(chr(c))},
        {c for c in POINTS if not unaccent.normalize_str(chr(c))},
    ]
    bits = [0] * 0x110000
    for i, table in enumerate(tables):
        for c in table:
            bits[c] |= 1 << i
    ranges = []
    for c in range(0x110000):
        if not ranges or ranges[-1][1] != bits[c]:
            ranges.append((c, bits[c]))
    return ranges


# Numbered as in text/unicode_properties.cpp.
CATEGORIES = ["Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
              "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs"]
SCRIPTS = ["Latin", "Greek", "Cyrillic", "Hebrew", "Arabic", "Devanagari", "Bengali", "Thai", "Hangul", "Hiragana", "Katakana",
           "Han", "Armenian"]


def members(name):
    """The code points with a property, many at a time: what is left out of a text of all of them."""
    split = pre_tokenizers.Split(Regex(rf"\p{{{name}}}"), "removed")
    found = set()
    for begin in range(0, len(POINTS), 4096):
        part = POINTS[begin:begin + 4096]
        kept = set()
        for piece, _ in split.pre_tokenize_str("".join(map(chr, part))):
            kept.update(map(ord, piece))
        found.update(c for c in part if c not in kept)
    return found


def property_ranges():
    values = [0] * 0x110000
    for i, name in enumerate(CATEGORIES[1:-1], 1):
        for c in members(name):
            values[c] = i
    for c in range(0xD800, 0xE000):
        values[c] = CATEGORIES.index("Cs")
    for i, name in enumerate(SCRIPTS, 1):
        for c in members(name):
            values[c] += 32 * i
    return [(c, v) for c, v in enumerate(values) if c == 0 or values[c - 1] != v]


def script_ranges():
    """A number for each script of UnicodeScripts, in the order in which they come; 0 for what joins any script."""
    scripts = pre_tokenizers.UnicodeScripts()

    def joined(a, b):
        return len(scripts.pre_tokenize_str(a + b)) == 1

    examples = []
    values = [0] * 0x110000
    last = 0
    for c in POINTS:
        s = chr(c)
        if joined("a", s) and joined("\u0416", s):
            continue
        if last == 0 or not joined(examples[last - 1], s):
            last = next((i for i, example in enumerate(examples, 1) if joined(example, s)), 0)
            if last == 0:
                examples.append(s)
                last = len(examples)
        values[c] = last
    return [(c, v) for c, v in enumerate(values) if c == 0 or values[c - 1] != v]


# Numbered as in text/graphemes.cpp.
BREAKS = ["CR", "LF", "Control", "Extend", "ZWJ", "RI", "Prepend", "SpacingMark", "L", "V", "T"]


def charsmap(key, value):
    """A precompiled map of SentencePiece with the one entry that an ASCII character becomes another text: its double
    array has the root at 0, the character's node at 0x80 and the leaf at 0x100."""
    units = [0] * 1024
    node = 0x80 ^ ord(key)
    units[0] = 0x80 << 10
    units[node] = ord(key) | 1 << 8 | (node ^ 0x200) << 10
    units[0x200] = 1 << 31
    trie = struct.pack("<1024I", *units)
    data = struct.pack("<I", len(trie)) + trie + value.encode() + b"\0"
    return normalizers.Precompiled(data)


def break_ranges():
    """The classes of grapheme clusters, by the package `regex` and where it has a newer version of Unicode than the
    reference by what the reference joins to a letter. Hangul syllables are left out."""
    values = [0] * 0x110000
    for c in POINTS:
        if 0xAC00 <= c <= 0xD7A3:
            continue
        s = chr(c)
        values[c] = next((i for i, name in enumerate(BREAKS, 1) if regex.match(rf"\p{{GCB={name}}}", s)), 0)
        if regex.match(r"\p{Extended_Pictographic}", s):
            values[c] += 16
    for i, name in enumerate(["Consonant", "Linker", "Extend"], 1):
        for c in POINTS:
            if regex.match(rf"\p{{InCB={name}}}", chr(c)):
                values[c] += 32 * i
    joining = {4, 5, 8}
    probe = charsmap("a", "b")
    assert probe.normalize_str("xaz") == "xbz"
    changed = 0
    for c in POINTS:
        joined = probe.normalize_str("a" + chr(c)) == "b"
        if joined != (values[c] % 16 in joining):
            changed += 1
            values[c] = 4 + 96 if joined else 0
    print("classes of grapheme clusters that differ from the package regex:", changed)
    return [(c, v) for c, v in enumerate(values) if c == 0 or values[c - 1] != v]


def decompositions(normalizer, known):
    """(code point, full decomposition) where it differs from `known` and from the code point; Hangul left out."""
    found = []
    for c in POINTS:
        if 0xAC00 <= c <= 0xD7A3:
            continue
        s = normalizer.normalize_str(chr(c))
        if s != chr(c) and known.get(c) != s:
            found.append((c, s))
    return found


def combining_classes(nfd):
    """Python's class where the reference reorders the character at all."""
    result = {}
    for c in POINTS:
        own = unicodedata.combining(chr(c))
        if nfd.normalize_str(chr(c)) != chr(c):
            continue
        if own == 240:
            moves = nfd.normalize_str("a" + chr(c) + "\u0301") == "a\u0301" + chr(c)
        else:
            moves = nfd.normalize_str("a\u0345" + chr(c)) == "a" + chr(c) + "\u0345"
        if moves:
            assert own != 0, hex(c)
            result[c] = own
    samples = {v: chr(c) for c, v in result.items()}
    for c, v in result.items():
        for w, other in samples.items():
            want = chr(c) + other if v <= w else other + chr(c)
            assert nfd.normalize_str("a" + chr(c) + other) == "a" + want, (hex(c), v, w)
    return sorted(result.items())


def compositions(nfc):
    pairs = []
    for c in POINTS:
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(p, 16) for p in parts)
            if nfc.normalize_str(chr(first) + chr(second)) == chr(c):
                pairs.append((first, second, c))
    return sorted(pairs)


def lowercase():
    lower = normalizers.Lowercase()
    return [(c, s) for c in POINTS if (s := lower.normalize_str(chr(c))) != chr(c)]


class Writer:
    """Numbers in groups of 5 bits, least significant first, as base 64 digits whose 6th bit says that more follow."""

    def __init__(self):
        self.text = []

    def number(self, v):
        while v >= 32:
            self.text.append(DIGITS[32 + v % 32])
            v //= 32
        self.text.append(DIGITS[v])

    def signed(self, v):
        self.number(2 * v if v >= 0 else -2 * v - 1)


def pack_ranges(ranges):
    w = Writer()
    w.number(len(ranges))
    values = sorted({bits for _, bits in ranges})
    w.number(len(values))
    for v in values:
        w.number(v)
    last = 0
    for start, bits in ranges:
        w.number(start - last)
        w.number(values.index(bits))
        last = start
    return "".join(w.text)


def pack_strings(entries):
    w = Writer()
    w.number(len(entries))
    last, last_value = 0, 0
    for c, s in entries:
        w.number(c - last)
        w.number(len(s))
        last = c
        for x in s:
            w.signed(ord(x) - last_value)
            last_value = ord(x)
    return "".join(w.text)


def pack_classes(entries):
    w = Writer()
    w.number(len(entries))
    last = 0
    for c, v in entries:
        w.number(c - last)
        w.number(v)
        last = c
    return "".join(w.text)


def pack_pairs(pairs):
    w = Writer()
    w.number(len(pairs))
    last = 0
    for first, second, c in pairs:
        w.number(first - last)
        w.number(second)
        w.signed(c - first)
        last = first
    return "".join(w.text)


def newest(probes, answers):
    return max((v for v, c in probes if answers(c)), key=lambda v: [int(x) for x in v.split(".")])


def literal(name, text):
    lines = [f'    "{text[i:i + 112]}"' for i in range(0, len(text), 112)]
    return f"constexpr std::string_view {name} =\n" + "\n".join(lines) + ";\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default=str(pathlib.Path(__file__).parent.parent / "text/unicode_tables.cpp"))
    args = parser.parse_args()

    nfd, nfkd, nfc = normalizers.NFD(), normalizers.NFKD(), normalizers.NFC()
    ranges = class_bits()
    canonical = decompositions(nfd, {})
    compatible = decompositions(nfkd, dict(canonical))
    classes = combining_classes(nfd)

    def assigned(c):
        return ranges[bisect.bisect_right(ranges, (c, 1 << 16)) - 1][1] & 0b1111 != 0

    category_version = newest(CATEGORY_PROBES, assigned)
    reorder_version = newest(REORDER_PROBES, lambda c: c in dict(classes))

    tables = [
        ("kClassRanges", pack_ranges(ranges)),
        ("kCanonical", pack_strings(canonical)),
        ("kCompatible", pack_strings(compatible)),
        ("kCombiningClasses", pack_classes(classes)),
        ("kCompositions", pack_pairs(compositions(nfc))),
        ("kLowercase", pack_strings(lowercase())),
        ("kProperties", pack_ranges(property_ranges())),
        ("kScriptRuns", pack_ranges(script_ranges())),
        ("kGraphemeBreaks", pack_ranges(break_ranges())),
    ]
    out = [
        "// Written by tools/make_unicode_tables.py; do not edit.",
        "//",
        f"// Character classes: Unicode {category_version}. Normalisation: Unicode {reorder_version}. Both as the Python package",
        f"// tokenizers {tokenizers.__version__} applies them, code point by code point.",
        "",
        '#include "text/unicode_tables.h"',
        "",
        "namespace ttt::unicode_tables {",
        "",
    ]
    for name, text in tables:
        out.append(literal(name, text).replace("constexpr ", "const "))
    out.append("}  // namespace ttt::unicode_tables\n")
    pathlib.Path(args.output).write_text("\n".join(out))
    for name, text in tables:
        print(name, len(text))
    print("classes", category_version, "normalisation", reorder_version)


if __name__ == "__main__":
    main()
