#!/usr/bin/env python3
"""Writes a GGUF file of the architecture llama with random weights, for compare.py where no checkpoint of a size is at hand.

    make_shape_gguf.py TOKENIZER.gguf OUT.gguf [--format q8_0] [--hidden 2048] [--layers 16] [--heads 32] [--kv-heads 8] [--ffn 8192]

The tokenizer, and with it the vocabulary, is that of another file of this architecture (SmolLM2); the defaults are otherwise the
shape of Llama 3.2 1B. Formats: q8_0, q4_0, f16. Speed does not depend on what the weights are. Needs numpy and gguf.
"""
import argparse

import gguf
import numpy

SIZES = {"llama.embedding_length": "hidden", "llama.block_count": "layers", "llama.attention.head_count": "heads",
         "llama.attention.head_count_kv": "kv_heads", "llama.feed_forward_length": "ffn",
         "llama.rope.dimension_count": "width"}
KINDS = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "q4_0": gguf.GGMLQuantizationType.Q4_0,
         "f16": gguf.GGMLQuantizationType.F16}


def random_rows(random, kind, rows, columns):
    """[rows, bytes of a row]: blocks of a scale and uniform codes."""
    deviation = numpy.sqrt(3 / columns)
    if kind == "f16":
        return (random.random((rows, columns), dtype=numpy.float32) * 2 - 1).astype(numpy.float16) * numpy.float16(deviation)
    codes, most = (32, 127) if kind == "q8_0" else (16, 8)
    blocks = random.integers(0, 256, (rows, columns // 32, 2 + codes), dtype=numpy.uint8)
    blocks[..., :2] = numpy.frombuffer(numpy.float16(deviation / most).tobytes(), dtype=numpy.uint8)
    return blocks.reshape(rows, -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer")
    parser.add_argument("out")
    parser.add_argument("--format", choices=KINDS, default="q8_0")
    for name, default in (("hidden", 2048), ("layers", 16), ("heads", 32), ("kv-heads", 8), ("ffn", 8192)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    args.width = args.hidden // args.heads
    reader, writer = gguf.GGUFReader(args.tokenizer), gguf.GGUFWriter(args.out, "llama")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        value = getattr(args, SIZES[name]) if name in SIZES else field.contents()
        sub_type = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, field.types[0], sub_type=sub_type)
    random = numpy.random.default_rng(1)
    words = next(t for t in reader.tensors if t.name == "token_embd.weight").shape[1]

    def matrix(name, rows, columns):
        data = random_rows(random, args.format, int(rows), columns)
        writer.add_tensor(name, data, raw_dtype=KINDS[args.format])

    def norm(name):
        writer.add_tensor(name, numpy.ones(args.hidden, dtype=numpy.float32))

    keys = args.width * args.kv_heads
    matrix("token_embd.weight", words, args.hidden)
    for i in range(args.layers):
        norm(f"blk.{i}.attn_norm.weight")
        norm(f"blk.{i}.ffn_norm.weight")
        for name, rows, columns in (("attn_q", args.hidden, args.hidden), ("attn_k", keys, args.hidden),
                                    ("attn_v", keys, args.hidden), ("attn_output", args.hidden, args.hidden),
                                    ("ffn_gate", args.ffn, args.hidden), ("ffn_up", args.ffn, args.hidden),
                                    ("ffn_down", args.hidden, args.ffn)):
            matrix(f"blk.{i}.{name}.weight", rows, columns)
    norm("output_norm.weight")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()


if __name__ == "__main__":
    main()
