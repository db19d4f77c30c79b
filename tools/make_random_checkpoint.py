#!/usr/bin/env python3
"""Writes a Hugging Face directory of a Llama model with random weights; the same weights for the same shapes, always.

    make_random_checkpoint.py DIRECTORY                  # 1B: hidden 2048, 16 layers, vocabulary 128256
    make_random_checkpoint.py DIRECTORY --hidden 512 --layers 4 --vocab 4096 --dtype float32
    make_random_checkpoint.py DIRECTORY --config tests/golden/llama/yarn/config.json --dtype bfloat16

Streams; needs numpy only. The generator (tests/support/random_checkpoint.h is its twin, to the bit):

    seed    FNV-1a (64 bits) of the tensor's name
    x_i     splitmix64 of seed + (i + 1) * 0x9E3779B97F4A7C15, for element i of the row-major tensor
    t_i     ((x_i >> 40) + 0.5) / 2^23 - 1, which lies in (-1, 1)
    value   1 + t/2 for norms; t/2 for biases; c * sqrt(3 / columns) * t for matrices, where c is below;
            rounded to float32, then to bfloat16, in both types, so that both hold the same weights

The factors c make attention uneven without making it chaotic (scores deviate by about 1.3), let every sublayer add
about as much as the stream holds, and give logits that deviate by about 3.
"""
import argparse
import json
import math
import pathlib
import struct
import time

import numpy as np

GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
FACTORS = {"embed_tokens": 3.0, "lm_head": 3.0, "q_proj": 1.1, "k_proj": 1.1, "v_proj": 1.0, "o_proj": 2.0,
           "gate_proj": 1.5, "up_proj": 1.0, "down_proj": 1.5}


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def random_words(name, begin, count):
    """x_begin .. x_(begin + count - 1) of the stream called `name`."""
    start = np.uint64((fnv1a(name.encode()) + (begin + 1) * GAMMA) & MASK)
    z = np.arange(count, dtype=np.uint64)
    z *= np.uint64(GAMMA)
    z += start
    shifted = np.empty_like(z)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        np.right_shift(z, np.uint64(shift), out=shifted)
        z ^= shifted
        z *= np.uint64(factor)
    np.right_shift(z, np.uint64(31), out=shifted)
    z ^= shifted
    return z


def token_ids(vocab, count):
    """The tokens that the golden logits were computed for."""
    return ((random_words("tokens", 0, count) >> np.uint64(33)) % np.uint64(vocab)).astype(np.int64)


def centre_and_amplitude(name, shape):
    module, _, kind = name.rpartition(".")
    module = module.rpartition(".")[2]
    if module.endswith("norm"):
        return 1.0, 0.5
    if kind == "bias":
        return 0.0, 0.5
    return 0.0, FACTORS[module] * math.sqrt(3.0 / shape[-1])


def bf16_bits(name, shape, begin, count):
    """Elements begin .. begin + count - 1 of a tensor, as the bits of bfloat16."""
    centre, amplitude = centre_and_amplitude(name, shape)
    x = random_words(name, begin, count)
    x >>= np.uint64(40)
    t = x.astype(np.float64)
    t += 0.5
    t *= 2.0**-23
    t -= 1.0
    t *= amplitude
    if centre:
        t += centre
    bits = t.astype(np.float32).view(np.uint32)
    odd = bits >> np.uint32(16)
    odd &= np.uint32(1)
    bits += odd
    bits += np.uint32(0x7FFF)
    bits >>= np.uint32(16)
    return bits.astype(np.uint16)


def llama_tensors(config):
    """(name, shape) of every tensor, in the order of the file."""
    hidden, ffn, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or hidden // heads
    tensors = [("model.embed_tokens.weight", [vocab, hidden])]

    def linear(name, rows, columns, bias):
        tensors.append((name + ".weight", [rows, columns]))
        if bias:
            tensors.append((name + ".bias", [rows]))

    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        attention_bias, mlp_bias = config.get("attention_bias", False), config.get("mlp_bias", False)
        tensors.append((layer + "input_layernorm.weight", [hidden]))
        linear(layer + "self_attn.q_proj", heads * head_dim, hidden, attention_bias)
        linear(layer + "self_attn.k_proj", kv_heads * head_dim, hidden, attention_bias)
        linear(layer + "self_attn.v_proj", kv_heads * head_dim, hidden, attention_bias)
        linear(layer + "self_attn.o_proj", hidden, heads * head_dim, attention_bias)
        tensors.append((layer + "post_attention_layernorm.weight", [hidden]))
        linear(layer + "mlp.gate_proj", ffn, hidden, mlp_bias)
        linear(layer + "mlp.up_proj", ffn, hidden, mlp_bias)
        linear(layer + "mlp.down_proj", hidden, ffn, mlp_bias)
    tensors.append(("model.norm.weight", [hidden]))
    if not config.get("tie_word_embeddings", False):
        tensors.append(("lm_head.weight", [vocab, hidden]))
    return tensors


def split_into_shards(tensors, width, shard_bytes):
    """Files as lists of tensors: a new file where the next tensor would carry it past shard_bytes (0: one file)."""
    shards, used = [[]], 0
    for name, shape in tensors:
        size = math.prod(shape) * width
        if shard_bytes and shards[-1] and used + size > shard_bytes:
            shards.append([])
            used = 0
        shards[-1].append((name, shape))
        used += size
    return shards


def write_safetensors(path, tensors, dtype):
    """Writes generated tensors; the bytes of the header are fixed too."""
    width = 2 if dtype == "bfloat16" else 4
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        size = math.prod(shape) * width
        header[name] = {"dtype": "BF16" if width == 2 else "F32", "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        step = 1 << 15  # the working set stays in the second-level cache
        for name, shape in tensors:
            count = math.prod(shape)
            for begin in range(0, count, step):
                bits = bf16_bits(name, shape, begin, min(step, count - begin))
                f.write((bits if width == 2 else bits.astype(np.uint32) << np.uint32(16)).tobytes())


def write_checkpoint(directory, config, dtype="float32", shard_bytes=0):
    """config.json with its dtype, and the weights: one model.safetensors, or shards and their index."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config = {**config, "dtype": dtype}
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    width = 2 if dtype == "bfloat16" else 4
    tensors = llama_tensors(config)
    shards = split_into_shards(tensors, width, shard_bytes)
    if len(shards) == 1:
        write_safetensors(directory / "model.safetensors", tensors, dtype)
        return
    weight_map = {}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
        write_safetensors(directory / file, shard, dtype)
        weight_map.update((name, file) for name, _ in shard)
    total = sum(math.prod(shape) * width for _, shape in tensors)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--config", type=pathlib.Path, help="take every shape from this config.json")
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--head-dim", type=int, help="default: hidden / heads")
    parser.add_argument("--ffn", type=int, default=8192)
    parser.add_argument("--vocab", type=int, default=128256)
    parser.add_argument("--context", type=int, default=131072)
    parser.add_argument("--rope-theta", type=float, default=500000.0)
    parser.add_argument("--untied", action="store_true", help="a head of its own")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--shard-mb", type=int, default=0, help="largest shard, in MB; 0: one file")
    args = parser.parse_args()
    if args.config:
        config = json.loads(args.config.read_text())
    else:
        config = {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": args.hidden,
            "intermediate_size": args.ffn, "num_hidden_layers": args.layers, "num_attention_heads": args.heads,
            "num_key_value_heads": args.kv_heads, "head_dim": args.head_dim or args.hidden // args.heads,
            "vocab_size": args.vocab, "max_position_embeddings": args.context, "hidden_act": "silu",
            "rms_norm_eps": 1e-5, "rope_theta": args.rope_theta, "rope_scaling": None, "attention_bias": False,
            "mlp_bias": False, "tie_word_embeddings": not args.untied, "bos_token_id": 1, "eos_token_id": 2}
    start = time.time()
    write_checkpoint(args.directory, config, args.dtype, args.shard_mb * 1_000_000)
    count = sum(math.prod(shape) for _, shape in llama_tensors(config))
    print(f"{args.directory}: {count:,} parameters as {args.dtype}, {time.time() - start:.1f} s")


if __name__ == "__main__":
    main()
