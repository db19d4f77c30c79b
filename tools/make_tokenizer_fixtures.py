#!/usr/bin/env python3
"""Trains small tokenizers with the `tokenizers` package and records what it answers for a generated corpus.

Written below tests/golden/tokenizers:
    corpus.json               the atoms that corpus strings are made of
    NAME/tokenizer.json       a tokenizer
    NAME/digest.txt           for every GROUP strings: FNV-1a of all ids, FNV-1a of all decoded text
    NAME/pairs.txt            of some: for every GROUP pairs of strings: FNV-1a of all ids and types
tests/text/golden_test.cpp builds the same strings and compares.

    make_tokenizer_fixtures.py [--output DIR] [--strings N] [--only NAME]
"""
import argparse
import io
import json
import pathlib
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

STRINGS = 20480
GROUP = 20
MASK = (1 << 64) - 1

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + TAIL
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + TAIL
QWEN3_5 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
           r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

SENTENCES = [
    "The river bends twice before it reaches the old mill, and nobody remembers why.",
    "She counted 1234567 grains of sand; it wasn't enough, so they'd counted 89 more.",
    "I'm sure we'll find what you've lost, he's said: it's under the table.",
    "Return the value of the first element that is not negative, or raise an error.",
    "def add(a, b):\n    \"\"\"Adds two numbers.\"\"\"\n    return a + b\n\n\nprint(add(1, 2))\n",
    "for (int i = 0; i < n; ++i) {\n\tsum += x[i] * y[i];  // dot product\n}\n",
    "{\"name\": \"value\", \"list\": [1, 2.5, -3e10, null, true]}\r\n",
    "https://example.org/path?query=1&other=two#fragment user@example.org",
    "Der Fluß fließt über die Brücke, während die Vögel schlafen. Größe: 12,5 m².",
    "L'été dernier, nous avons mangé des crêpes à la plage ; c'était délicieux !",
    "El niño pequeño corrió hacia la montaña. ¿Dónde está? ¡Aquí!",
    "Река течёт мимо старого дома, и никто не помнит почему. Москва, 2024 год.",
    "Ο ποταμός κυλάει αργά δίπλα στο παλιό σπίτι.",
    "这条河在到达旧磨坊之前转了两个弯,没有人记得为什么。一二三四五。",
    "川は古い水車小屋に着く前に二度曲がる。カタカナとひらがな。",
    "강은 오래된 방앗간에 닿기 전에 두 번 굽이친다. 한국어 문장.",
    "النهر ينحني مرتين قبل أن يصل إلى الطاحونة القديمة. ١٢٣٤",
    "הנהר מתפתל פעמיים לפני שהוא מגיע לטחנה הישנה.",
    "नदी पुरानी चक्की तक पहुँचने से पहले दो बार मुड़ती है। १२३",
    "แม่น้ำโค้งสองครั้งก่อนถึงโรงสีเก่า",
    "Dòng sông uốn khúc hai lần trước khi đến cối xay cũ.",
    "😀 😀😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪 ❤️ ✨ ok",
    "∑ x² ≤ √y ≠ ∞, α → β; 5 µm ½ ¾ № ™ ﬁ ﬂ",
    "aaaa bbbb    cccc\t\tdddd\n\n\n\neeee  \n  ffff",
    "UPPER lower MixedCase camelCase snake_case kebab-case SCREAMING_CASE x86_64 v2.0.1",
]

SPECIALS = ["<s>", "</s>", "<unk>", "<pad>", "<mask>", "<|endoftext|>", "<|im_start|>", "<|im_end|>",
            "<|begin_of_text|>", "<|eot_id|>", "<tool_call>", "</tool_call>", "<bos>", "<eos>", "<start_of_turn>",
            "<end_of_turn>", "[CLS]", "[SEP]", "word", "Ünïcode", "<0x41>", "<0xE2>", "<|im", "_start|>", "<tool_calls>",
            "<b>", "<b><b>", "cafe\u0301"]

ATOMS = {
    "words": ("the of and to in that is was for it with as his on be at by I this had not are but from or have an they "
              "which one you were her all she there would their we him been has when who will more no if out so said "
              "what up its about into than them can only other new some could time these two may then do first any my "
              "now such like our over man me even most made after also did many before must through back years where "
              "return def class import float const void include river mill count value élan naïve Straße größer "
              "Привет мир Ελλάδα 中文 字符 日本語 テスト 한국어 العربية עברית हिन्दी ไทย Việt").split(),
    "spaces": [" ", " ", " ", "  ", "\t", "\n", "\r\n", "\r", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u000b",
               "\u000c", "\u200b", "\u1680", "\u202f", "\ufeff", "\u180e", "\u2581", "\u001c", "\u001f"],
    "emoji": ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "❤️", "☺", "🧑🏿‍🚀", "#️⃣", "\u200d", "\ufe0f", "🀄", "🫠", "🫨"],
    "specials": SPECIALS,
    "code": ["for(i=0;i<n;++i)", "x += 1;\n", "def f(x):\n    return x\n", "// comment\n", "\"\"\"doc\"\"\"", "a->b", "::std",
             "!=", "===", "{\n\t\"a\": [1]\n}", "/*", "*/", "0x1F", "1e-5", "$x", "@foo", "#include <a.h>\n", "&&", "||",
             "\\n", "\\u00e9", "https://a.b/c?d=e", "C:\\x\\y", "    ", "        ", "\t\t", "\n\n", "\n\n\n", " \n", "\r\n\r\n"],
    "contractions": ["'s", "'S", "'t", "'re", "'RE", "'Ve", "'ll", "'lL", "'m", "'D", "'\u017f", "’s", "'x", "'", "''s",
                     "don't", "I'M", "you'LL", "x'st"],
    "runs": ["a", "A", " ", "\n", "=", "-", "é", "\u0301", "字", "😀", "0", "\t", "\u2581", "\u1112", "'s", "ab"],
    "letters": ["a", "E", "o", "\u03b1", "\u0438", "\u0915", "\u1100", "\uac00", "\u304b", "\u05d0", "\u0627", " ", "1"],
    "ranges": [[0x20, 0x7e], [0x21, 0x2f], [0x3a, 0x40], [0x30, 0x39], [0, 0x1f], [0x7f, 0xa0], [0xa1, 0xff], [0x100, 0x24f],
               [0x250, 0x36f], [0x370, 0x3ff], [0x400, 0x52f], [0x530, 0x5ff], [0x600, 0x6ff], [0x700, 0x8ff],
               [0x900, 0xdff], [0xe00, 0x10ff], [0x1100, 0x11ff], [0x1200, 0x1cff], [0x1d00, 0x1fff], [0x2000, 0x206f],
               [0x2070, 0x2bff], [0x2c00, 0x2fff], [0x3000, 0x30ff], [0x3100, 0x33ff], [0x4e00, 0x4fff], [0xa000, 0xabff],
               [0xac00, 0xadff], [0xd700, 0xd7ff], [0xe000, 0xe0ff], [0xf900, 0xfaff], [0xfb00, 0xfdff], [0xfe00, 0xffff],
               [0x10000, 0x107ff], [0x10800, 0x10fff], [0x11000, 0x11fff], [0x12000, 0x16fff], [0x17000, 0x1bfff],
               [0x1c000, 0x1d1ff], [0x1d200, 0x1d7ff], [0x1d800, 0x1e9ff], [0x1ea00, 0x1f0ff], [0x1f100, 0x1faff],
               [0x1fb00, 0x20fff], [0x2f800, 0x2fa1f], [0x30000, 0x323af], [0xe0000, 0xe01ef], [0xf0000, 0x10ffff]],
    "marks": [[0x300, 0x36f], [0x300, 0x315], [0x327, 0x328], [0x345, 0x345], [0x483, 0x487], [0x591, 0x5bd], [0x610, 0x61a],
              [0x64b, 0x65f], [0x93c, 0x94d], [0xe38, 0xe4b], [0x1161, 0x11c2], [0x1ab0, 0x1aff], [0x1dc0, 0x1dff],
              [0x20d0, 0x20f0], [0x3099, 0x309a], [0xfe20, 0xfe2f], [0x1d165, 0x1d182], [0x1e000, 0x1e02a], [0x8d3, 0x8e1]],
}


class Random:
    """The generator of tests/text/corpus.h."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % n


def code_point(c):
    return "a" if 0xD800 <= c < 0xE000 else chr(c)


def from_range(r, ranges):
    low, high = ranges[r.below(len(ranges))]
    return code_point(low + r.below(high - low + 1))


def atom(r):
    kind = r.below(24)
    if kind < 6:
        words = ATOMS["words"]
        word = words[r.below(len(words))]
        return (" " if r.below(3) else "") + word
    if kind < 8:
        return "".join(ATOMS["spaces"][r.below(len(ATOMS["spaces"]))] for _ in range(1 + r.below(4)))
    if kind < 10:
        return "".join(chr(48 + r.below(10)) for _ in range(1 + r.below(8)))
    if kind < 14:
        low, high = ATOMS["ranges"][r.below(len(ATOMS["ranges"]))]
        return "".join(code_point(low + r.below(high - low + 1)) for _ in range(1 + r.below(6)))
    if kind < 16:
        return "".join(code_point(r.below(0x110000)) for _ in range(1 + r.below(3)))
    if kind < 18:
        s = ATOMS["letters"][r.below(len(ATOMS["letters"]))]
        return s + "".join(from_range(r, ATOMS["marks"]) for _ in range(1 + r.below(5)))
    if kind < 23:
        items = ATOMS[("emoji", "specials", "code", "contractions", "specials")[kind - 18]]
        return items[r.below(len(items))]
    return ATOMS["runs"][r.below(len(ATOMS["runs"]))] * (1 + r.below(80))


def corpus(count, seed=2024):
    r = Random(seed)
    strings = [""]
    while len(strings) < count:
        strings.append("".join(atom(r) for _ in range(1 + r.below(10))))
    return strings


def training_text():
    """The sentences, and lines of recombined words."""
    r = Random(7)
    words = [w for s in SENTENCES for w in s.split(" ")] + ATOMS["words"] * 2
    lines = list(SENTENCES) * 3
    for _ in range(600):
        lines.append(" ".join(words[r.below(len(words))] for _ in range(4 + r.below(12))))
    return lines


def fnv(h, data):
    for b in data:
        h = ((h ^ b) * 16777619) & 0xFFFFFFFF
    return h


def fnv_ids(h, ids):
    for i in ids:
        h = fnv(h, int(i).to_bytes(4, "little"))
    return fnv(h, b"\xff")


def decoded(tokenizer, ids, skip):
    """The reference panics where a BPEDecoder gets no token; the text is empty."""
    if not ids:
        return ""
    try:
        return tokenizer.decode(ids, skip_special_tokens=skip)
    except BaseException as e:  # pyo3's PanicException is no Exception
        if isinstance(e, KeyboardInterrupt):
            raise
        return ""


def digest(tokenizer, strings):
    """Ids: with special tokens, without, and with their texts read as text. Text: of those ids and of random ones."""
    r = Random(99)
    size = tokenizer.get_vocab_size()
    lines = []
    for start in range(0, len(strings), GROUP):
        a = b = 2166136261
        for s in strings[start:start + GROUP]:
            full = tokenizer.encode(s).ids
            a = fnv_ids(a, full)
            a = fnv_ids(a, tokenizer.encode(s, add_special_tokens=False).ids)
            tokenizer.encode_special_tokens = True
            a = fnv_ids(a, tokenizer.encode(s, add_special_tokens=False).ids)
            tokenizer.encode_special_tokens = False
            mixed = [r.below(size) for _ in range(r.below(16))]
            for ids in (full, mixed):
                for skip in (False, True):
                    b = fnv(b, decoded(tokenizer, ids, skip).encode() + b"\xff")
        lines.append(f"{a:08x} {b:08x}")
    return "\n".join(lines) + "\n"


PAIRS = ("gpt2", "roberta", "llama3", "lowercased", "bert_uncased", "bert_cased", "bert_odd", "t5", "xlm_roberta", "clip")


def pair_digest(tokenizer, strings):
    """Ids and types of neighbouring strings as a pair, with special tokens and without, and of the first alone."""
    lines = []
    for start in range(0, len(strings) - GROUP, GROUP):
        h = 2166136261
        for i in range(start, start + GROUP):
            for special in (True, False):
                pair = tokenizer.encode(strings[i], strings[i + 1], add_special_tokens=special)
                one = tokenizer.encode(strings[i], add_special_tokens=special)
                for ids in (pair.ids, pair.type_ids, one.type_ids):
                    h = fnv_ids(h, ids)
        lines.append(f"{h:08x}")
    return "\n".join(lines) + "\n"


def train(tokenizer, size, specials=(), alphabet=(), limit=None):
    extra = {} if limit is None else {"limit_alphabet": limit}
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(specials), initial_alphabet=list(alphabet),
                                  show_progress=False, **extra)
    tokenizer.train_from_iterator(training_text(), trainer)


def byte_level(size, pre, specials, normalizer=None, **model):
    t = Tokenizer(models.BPE(**model))
    if normalizer is not None:
        t.normalizer = normalizer
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    train(t, size, specials, pre_tokenizers.ByteLevel.alphabet())
    return t


def split_then_bytes(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def edited(tokenizer, edit):
    """A tokenizer read back from its changed JSON: some members cannot be set from Python, or only before training."""
    j = json.loads(tokenizer.to_str())
    edit(j)
    return Tokenizer.from_str(json.dumps(j))


def with_byte_tokens(tokenizer, specials):
    """Renumbers as SentencePiece does: special tokens, the 256 bytes, the rest."""

    def edit(j):
        vocab = j["model"]["vocab"]
        tokens = [t for t, _ in sorted(vocab.items(), key=lambda item: item[1]) if t not in specials]
        order = list(specials) + [f"<0x{b:02X}>" for b in range(256)] + tokens
        j["model"]["vocab"] = {t: i for i, t in enumerate(order)}
        for token in j["added_tokens"]:
            token["id"] = j["model"]["vocab"][token["content"]]

    return edited(tokenizer, edit)


def gpt2():
    t = byte_level(700, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


def roberta():
    t = byte_level(650, pre_tokenizers.ByteLevel(add_prefix_space=True), ["<s>", "<pad>", "</s>", "<unk>"],
                   unk_token="<unk>")
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("<b>", rstrip=True), AddedToken("<b><b>"),
                  AddedToken("[CLS]", lstrip=True, rstrip=True), AddedToken("Ünïcode")])
    t.post_processor = processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")))
    return t


def llama3():
    t = byte_level(900, split_then_bytes(LLAMA3), [], ignore_merges=True)

    def shorten(j):  # words that no merge can build: only ignore_merges finds them
        j["model"]["merges"] = [m for i, m in enumerate(j["model"]["merges"]) if i % 7 != 3]

    t = edited(t, shorten)
    t.add_special_tokens(["<|begin_of_text|>", "<|eot_id|>"])
    bos = ("<|begin_of_text|>", t.token_to_id("<|begin_of_text|>"))
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B", special_tokens=[bos])])
    return t


def qwen2():
    t = byte_level(700, split_then_bytes(QWEN2), [], normalizers.NFC())
    t.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    t.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False),
                  AddedToken("cafe\u0301", normalized=True)])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


def qwen3_5():
    return byte_level(600, split_then_bytes(QWEN3_5), ["<|im_end|>"], normalizers.NFC())


def smollm():
    pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                   pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return byte_level(700, pre, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def o200k():
    t = byte_level(700, split_then_bytes(O200K), ["<|endoftext|>"])
    t.post_processor = processors.TemplateProcessing(
        single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", t.token_to_id("<|endoftext|>"))])
    return t


def llama2():
    specials = ["<unk>", "<s>", "</s>"]
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    train(t, 500, specials, limit=150)
    t = with_byte_tokens(t, specials)
    t.add_tokens([AddedToken("<b>"), AddedToken("word", single_word=True, normalized=True, special=False)])
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", t.token_to_id("<s>"))])
    return t


def gemma():
    specials = ["<pad>", "<eos>", "<bos>", "<unk>"]
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Replace(" ", "\u2581")
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")  # no token spans two words
    train(t, 500, specials, limit=150)
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t = with_byte_tokens(t, specials)
    t.add_special_tokens(["<start_of_turn>", "<end_of_turn>"])
    t.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("\u2581\u2581", normalized=False), AddedToken("<b>")])
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", t.token_to_id("<bos>"))])
    return t


def metaspace_first():
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    train(t, 500, ["<unk>", "<s>", "</s>"], limit=200)
    t.add_tokens([AddedToken("<b>", normalized=False)])
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    return t


def metaspace_always():
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Strip(left=False)])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    train(t, 400, ["<unk>", "</s>"], limit=120)
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", t.token_to_id("</s>"))])
    return t


def lowercased():
    t = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents(),
                                         normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"),
                                               pre_tokenizers.Digits(individual_digits=False)])
    train(t, 400, ["[UNK]", "[CLS]", "[SEP]"], limit=150)
    t.add_tokens([AddedToken("Ünïcode"), AddedToken("CAFE\u0301")])
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    return t


def splits():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("-", "merged_with_previous"), pre_tokenizers.Split(Regex(r"\s+"), "merged_with_next"),
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "contiguous"), pre_tokenizers.Split("ab", "isolated"),
        pre_tokenizers.Split(Regex(r"\w+|[^\w\s]+"), "merged_with_next", invert=True), pre_tokenizers.Whitespace(),
        pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.Split(Regex(GPT2), "removed", invert=True)])
    train(t, 400, ["<s>"], limit=200)
    # The reference fails on short tokens when a Strip has a `right`.
    t.decoder = decoders.Sequence([decoders.Replace("a", "bb"), decoders.Strip("e", 2, 0), decoders.Fuse(),
                                   decoders.Strip("t", 1, 0)])
    return t


def word_piece(size, lowercase, **normalizer):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase, **normalizer)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
                                        show_progress=False, limit_alphabet=150)
    t.train_from_iterator(training_text(), trainer)
    t.decoder = decoders.WordPiece(prefix="##")
    return t


def with_bert_template(t):
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(s, t.token_to_id(s)) for s in ("[CLS]", "[SEP]")])
    return t


def bert_uncased():
    return with_bert_template(word_piece(900, True))


def bert_cased():
    t = word_piece(700, False, strip_accents=False)
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    t.decoder = decoders.WordPiece(prefix="##", cleanup=False)

    def shorten(j):
        j["model"]["max_input_chars_per_word"] = 12

    return edited(t, shorten)


def bert_odd():
    """Options that no published model has."""
    t = with_bert_template(word_piece(600, False, clean_text=False, handle_chinese_chars=False, strip_accents=True))
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("Ünïcode", normalized=True)])
    t.post_processor = processors.TemplateProcessing(
        single="[CLS]:2 $A $A:3 [SEP]", pair="$B:4 [SEP]:1 $A [MASK]:5",
        special_tokens=[(s, t.token_to_id(s)) for s in ("[CLS]", "[SEP]", "[MASK]")])
    return t


def charsmap(rules):
    """SentencePiece compiles rules only for a model that it trains."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.tsv"
        path.write_text("".join(f"{' '.join(f'{ord(c):x}' for c in a)}\t{' '.join(f'{ord(c):x}' for c in b)}\n"
                                for a, b in sorted(rules.items())))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(training_text()), model_writer=model, vocab_size=500, hard_vocab_limit=False,
            normalization_rule_tsv=str(path), minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


def small_charsmap():
    """Of each kind that nmt_nfkc has some: spaces, control characters, compositions, wide letters, ligatures, marks."""
    rules = {c: " " for c in "\t\n\r\u00a0\u2003\u3000\u200b\u2028\ufeff"}
    rules["\r\n"] = " "
    rules |= {chr(c): "" for c in (*range(1, 9), 0x0B, 0x7F, 0xAD)}
    for c in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00), *range(0x1100, 0x1108), *range(0xFF01, 0xFF5F),
              *range(0xFB00, 0xFB07), 0x2122, 0x2160, 0xBD, 0x1F130, 0x0958, 0x0E33, *range(0x304C, 0x3060)):
        s = chr(c)
        for form in ("NFD", "NFKD", "NFKC"):
            other = unicodedata.normalize(form, s)
            if other != s and form == "NFKC":
                rules[s] = other
            if other != s and form == "NFD" and unicodedata.normalize("NFC", other) == s:
                rules[other] = unicodedata.normalize("NFKC", s)
    return charsmap(rules)


def unigram(size, normalizer, pre_tokenizer, specials, **options):
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator(training_text(), trainers.UnigramTrainer(
        vocab_size=size, special_tokens=specials, unk_token="<unk>", show_progress=False, **options))
    return t


def t5():
    t = unigram(700, normalizers.Sequence([normalizers.Precompiled(small_charsmap()), normalizers.Strip(left=False),
                                           normalizers.Replace(Regex(" {2,}"), "\u2581")]),
                pre_tokenizers.Metaspace(prepend_scheme="always"), ["<pad>", "</s>", "<unk>"])
    t.add_special_tokens(["<extra_id_0>", AddedToken("<mask>", lstrip=True)])
    t.decoder = decoders.Metaspace(prepend_scheme="always")
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>",
                                                     special_tokens=[("</s>", t.token_to_id("</s>"))])
    return t


def xlm_roberta():
    t = unigram(600, normalizers.Precompiled(small_charsmap()),
                pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
                ["<s>", "<pad>", "</s>", "<unk>"], seed_size=3000)
    t.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    t.decoder = decoders.Metaspace()
    t.post_processor = processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")))
    return t


def unigram_bytes():
    """No character outside ASCII is a token, so all of them become bytes."""
    t = unigram(600, None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), ["<unk>", "</s>"])
    t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex("[ae]+x?"), "a")])

    def edit(j):
        vocab = [e for e in j["model"]["vocab"] if all(c < "\x7f" or c == "\u2581" for c in e[0])]
        j["model"]["vocab"] = vocab + [[f"<0x{b:02X}>", -20.0] for b in range(256)]
        j["model"]["byte_fallback"] = True

    t = edited(t, edit)
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    return t


def word_level():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("x "), normalizers.NFKD(), normalizers.StripAccents(),
                                         normalizers.Replace(Regex(r"\p{P}+"), "-"), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.CharDelimiterSplit("o")])
    t.train_from_iterator(training_text(), trainers.WordLevelTrainer(vocab_size=400, special_tokens=["[UNK]", "[CLS]"],
                                                                     show_progress=False))
    t.add_tokens(["word"])
    return t


def scripts():
    t = unigram(600, None, pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), pre_tokenizers.FixedLength(7)]),
                ["<unk>", "[CLS]", "[SEP]"])
    t.decoder = decoders.Sequence([decoders.Fuse(), decoders.Replace(Regex("e+"), "[e]"), decoders.ByteFallback(),
                                   decoders.Metaspace()])
    return t


def ctc():
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(" ", "removed"), pre_tokenizers.FixedLength(1)])
    t.train_from_iterator(training_text(), trainers.WordLevelTrainer(
        vocab_size=90, special_tokens=["<pad>", "<s>", "</s>", "<unk>", "|", " ."], show_progress=False))
    t.decoder = decoders.CTC(pad_token="<pad>", word_delimiter_token="|")
    return t


def clip():
    t = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix=""))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=["<|startoftext|>", "<|endoftext|>"],
                                  end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    t.train_from_iterator(training_text(), trainer)
    t.decoder = decoders.Sequence([decoders.BPEDecoder("</w>"), decoders.ByteLevel(), decoders.Replace("ab", "AB")])
    t.post_processor = processors.RobertaProcessing(("<|endoftext|>", t.token_to_id("<|endoftext|>")),
                                                    ("<|startoftext|>", t.token_to_id("<|startoftext|>")))
    return t


def gpt1():
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=False))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=120, show_progress=False))
    t.decoder = decoders.BPEDecoder(suffix="</w>")
    return t


def bpe_prefix():
    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="$", fuse_unk=True,
                             byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")])
    t.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>", "<s>", "<0xC3>", "<0xA9>", "<0x23>"], continuing_subword_prefix="##",
        end_of_word_suffix="$", limit_alphabet=90, show_progress=False))
    t.decoder = decoders.Sequence([decoders.WordPiece(prefix="##", cleanup=True), decoders.Strip("h", 2, 0)])
    return t


def byte_normalized():
    """Bytes spelled by the normaliser; the words are cut in what they are spelled with."""
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()])
    t.pre_tokenizer = pre_tokenizers.Split(Regex("\u0120?[a-zA-Z]+|\u0120"), "isolated")
    train(t, 700, ["<|endoftext|>"], pre_tokenizers.ByteLevel.alphabet())
    t.add_tokens([AddedToken("<b>", normalized=True), AddedToken("Ünïcode", normalized=True)])
    t.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.WordPiece(prefix="x", cleanup=True)])
    return t


def byte_inside():
    t = unigram(500, None, pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(), pre_tokenizers.Digits(individual_digits=True),
                                                    pre_tokenizers.Split("e", "merged_with_next")]), ["<unk>"],
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.decoder = decoders.ByteLevel()
    return t


FIXTURES = {f.__name__: f for f in (gpt2, roberta, llama3, qwen2, qwen3_5, smollm, o200k, llama2, gemma, metaspace_first,
                                    metaspace_always, lowercased, splits, bert_uncased, bert_cased, bert_odd, t5,
                                    xlm_roberta, unigram_bytes, word_level, scripts, ctc, clip, gpt1, bpe_prefix,
                                    byte_normalized, byte_inside)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default=str(pathlib.Path(__file__).parent.parent / "tests/golden/tokenizers"))
    parser.add_argument("--strings", type=int, default=STRINGS)
    parser.add_argument("--only", choices=sorted(FIXTURES))
    parser.add_argument("--keep", action="store_true", help="digest the tokenizer.json files that are there")
    args = parser.parse_args()
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    (output / "corpus.json").write_text(json.dumps(ATOMS, ensure_ascii=True) + "\n")
    strings = corpus(args.strings)
    for name, make in FIXTURES.items():
        if args.only not in (None, name):
            continue
        folder = output / name
        folder.mkdir(exist_ok=True)
        path = folder / "tokenizer.json"
        if not args.keep:
            path.write_text(json.dumps(json.loads(make().to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
        (folder / "digest.txt").write_text(digest(Tokenizer.from_file(str(path)), strings))
        if name in PAIRS:
            (folder / "pairs.txt").write_text(pair_digest(Tokenizer.from_file(str(path)), strings[:2020]))
        print(name, path.stat().st_size)


if __name__ == "__main__":
    main()
