"""Small Llama checkpoints for run.py: random ones, and the one that tests/golden/trace was recorded from."""

import array
import json
import math
import random
import struct


def tensors_of(config):
    hidden, ffn, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head_dim = config.get("head_dim", hidden // config["num_attention_heads"])
    q, kv = config["num_attention_heads"] * head_dim, config["num_key_value_heads"] * head_dim
    shapes = {"model.embed_tokens.weight": [vocab, hidden], "model.norm.weight": [hidden],
              "lm_head.weight": [vocab, hidden]}
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        shapes |= {layer + "input_layernorm.weight": [hidden], layer + "post_attention_layernorm.weight": [hidden]}
        linears = [("self_attn.q", q, hidden), ("self_attn.k", kv, hidden), ("self_attn.v", kv, hidden),
                   ("self_attn.o", hidden, q), ("mlp.gate", ffn, hidden), ("mlp.up", ffn, hidden),
                   ("mlp.down", hidden, ffn)]
        for name, rows, columns in linears:
            shapes[f"{layer}{name}_proj.weight"] = [rows, columns]
            if config["attention_bias" if name.startswith("self") else "mlp_bias"]:
                shapes[f"{layer}{name}_proj.bias"] = [rows]
    return shapes


def write(directory, config, values_of):
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config))
    header, data = {}, array.array("f")
    for name, shape in tensors_of(config).items():
        begin = 4 * len(data)
        data.extend(values_of(name, shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, 4 * len(data)]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data.tobytes())
    return directory


def random_model(directory, config):
    generator = random.Random(1)

    def values(_, shape):
        scale = 2 / shape[-1] ** 0.5
        return [generator.uniform(-scale, scale) for _ in range(math.prod(shape))]

    return write(directory, config, values)


MASK = (1 << 64) - 1


def recorded_model(directory, config):
    """The values of tools/make_random_checkpoint.py, which says what they are."""
    factors = {"embed_tokens": 3.0, "lm_head": 3.0, "q_proj": 1.1, "k_proj": 1.1, "v_proj": 1.0, "o_proj": 2.0,
               "gate_proj": 1.5, "up_proj": 1.0, "down_proj": 1.5}

    def bf16(x):
        bits = struct.unpack("<I", struct.pack("<f", x))[0]
        return struct.unpack("<f", struct.pack("<I", (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000))[0]

    def values(name, shape):
        module = name.split(".")[-2]
        centre, amplitude = (1.0 if module.endswith("norm") else 0.0), 0.5
        if not module.endswith("norm") and not name.endswith(".bias"):
            amplitude = factors[module] * math.sqrt(3.0 / shape[-1])
        seed = 0xCBF29CE484222325
        for byte in name.encode():
            seed = ((seed ^ byte) * 0x100000001B3) & MASK
        for i in range(math.prod(shape)):
            z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & MASK
            z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
            yield bf16(centre + amplitude * ((((z ^ z >> 31) >> 40) + 0.5) * 2.0 ** -23 - 1.0))

    return write(directory, config, values)
