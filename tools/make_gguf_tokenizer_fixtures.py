#!/usr/bin/env python3
"""Records what llama.cpp (package llama-cpp-python) answers for the corpus of make_tokenizer_fixtures.py.

    make_gguf_tokenizer_fixtures.py scored              trains a small SentencePiece-like vocabulary, with and without
                                                        a space in front of text; writes scored*/vocabulary.json
                                                        (the metadata of its GGUF file) and scored*/digest.txt
    make_gguf_tokenizer_fixtures.py digest FILE NAME    writes NAME.digest for a GGUF file
    make_gguf_tokenizer_fixtures.py smollm FILE NAME    writes NAME.digest as the tokenizers package answers for the
                                                        vocabulary of a GGUF file whose `pre` is smollm
    make_gguf_tokenizer_fixtures.py dump FILE OUTPUT    writes the tokenizer metadata of a GGUF file as JSON
    make_gguf_tokenizer_fixtures.py compare FILE        compares llama.cpp with transformers on a GGUF file
"""
import ctypes
import json
import pathlib
import sys
import tempfile

import gguf
import llama_cpp
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from make_tokenizer_fixtures import digest as hf_digest
from make_tokenizer_fixtures import GROUP, STRINGS, Random, corpus, fnv, fnv_ids, gemma, llama2

GOLDEN = pathlib.Path(__file__).parent.parent / "tests/golden/tokenizers"


class LlamaCpp:
    def __init__(self, path):
        self.model = llama_cpp.Llama(model_path=str(path), vocab_only=True, verbose=False)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model.model)
        self.size = llama_cpp.llama_vocab_n_tokens(self.vocab)

    def encode(self, text, add_special, parse_special):
        data = text.encode()
        tokens = (llama_cpp.llama_token * (len(data) * 2 + 16))()
        n = llama_cpp.llama_tokenize(self.vocab, data, len(data), tokens, len(tokens), add_special, parse_special)
        assert n >= 0
        return list(tokens[:n])

    def decode(self, ids, skip_special):
        tokens = (llama_cpp.llama_token * max(1, len(ids)))(*ids)
        buffer = ctypes.create_string_buffer(1 << 20)
        n = llama_cpp.llama_detokenize(self.vocab, tokens, len(ids), buffer, len(buffer), False, not skip_special)
        assert n >= 0
        return buffer.raw[:n].decode("utf-8", "replace")


def digest(llama, strings, skips):
    r = Random(99)
    lines = []
    for start in range(0, len(strings), GROUP):
        a = b = 2166136261
        for s in strings[start:start + GROUP]:
            full = llama.encode(s, True, True)
            a = fnv_ids(a, full)
            a = fnv_ids(a, llama.encode(s, False, True))
            a = fnv_ids(a, llama.encode(s, False, False))
            mixed = [r.below(llama.size) for _ in range(r.below(16))]
            for ids in (full, mixed):
                for skip in skips:
                    b = fnv(b, llama.decode(ids, skip).encode() + b"\xff")
        lines.append(f"{a:08x} {b:08x}")
    return "\n".join(lines) + "\n"


def metadata(path):
    reader = gguf.GGUFReader(path)
    prefix = "tokenizer.ggml."
    return {k[len(prefix):]: f.contents() for k, f in reader.fields.items() if k.startswith(prefix)}


def scored_vocabulary(make):
    """The merges of a trained tokenizer as scores, some of them equal, and user-defined tokens."""
    model = json.loads(make().to_str())["model"]
    tokens = [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    rank = {a + b: -float(i // 2) for i, (a, b) in reversed(list(enumerate(model["merges"])))}
    types, scores = [], []
    for t in tokens:
        is_byte = len(t) == 6 and t.startswith("<0x")
        types.append(2 if t == "<unk>" else 3 if t in ("<s>", "</s>", "<bos>", "<eos>", "<pad>") else 6 if is_byte else 1)
        scores.append(rank.get(t, -1e6 if types[-1] == 1 else 0.0))
    for t, kind in (("<start_of_turn>", 3), ("<b>", 4), ("\n\n", 4), ("\u2581\u2581\u2581\u2581\u2581\u2581\u2581", 4)):
        if t not in tokens:
            tokens.append(t)
            types.append(kind)
            scores.append(-1000.0)
    return tokens, scores, types


def write_scored(path, make, space_prefix, bos, unk):
    tokens, scores, types = scored_vocabulary(make)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(tokens.index(bos))
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(tokens.index(unk))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(space_prefix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def dump(path, output):
    pathlib.Path(output).write_text(json.dumps(metadata(path), ensure_ascii=False, separators=(",", ":")) + "\n")


def scored():
    for name, make, space_prefix, bos in (("scored_prefix", llama2, True, "<s>"), ("scored_plain", gemma, False, "<bos>")):
        folder = GOLDEN / name
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            path = pathlib.Path(temporary) / "vocabulary.gguf"
            write_scored(path, make, space_prefix, bos, "<unk>")
            dump(path, folder / "vocabulary.json")
            # With skip_special llama.cpp keeps the space after a skipped first token; the library drops it.
            (folder / "digest.txt").write_text(digest(LlamaCpp(path), corpus(STRINGS), (False,)))


def smollm(path, name):
    """transformers reads such files without the step that cuts digits apart, so the tokenizer is put together here."""
    meta = metadata(path)
    t = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(meta["tokens"])},
                             merges=[tuple(m.split(" ")) for m in meta["merges"]]))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([t for t, kind in zip(meta["tokens"], meta["token_type"]) if kind == 3])
    (GOLDEN / f"{name}.digest").write_text(hf_digest(t, corpus(STRINGS)))


def compare(path):
    from transformers import AutoTokenizer
    path = pathlib.Path(path)
    hf = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    llama = LlamaCpp(path)
    different = 0
    strings = corpus(STRINGS)
    for s in strings:
        a = llama.encode(s, False, True)
        b = hf.encode(s, add_special_tokens=False)
        if a != b:
            different += 1
            if different <= 10:
                print(ascii(s), "\n  llama.cpp", a, "\n  transformers", b)
    print(different, "of", len(strings), "strings differ")


def main():
    if sys.argv[1:] == ["scored"]:
        scored()
    elif len(sys.argv) == 4 and sys.argv[1] == "digest":
        (GOLDEN / f"{sys.argv[3]}.digest").write_text(digest(LlamaCpp(sys.argv[2]), corpus(STRINGS), (False, True)))
    elif len(sys.argv) == 4 and sys.argv[1] == "smollm":
        smollm(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 4 and sys.argv[1] == "dump":
        dump(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 3 and sys.argv[1] == "compare":
        compare(sys.argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
