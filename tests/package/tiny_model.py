"""A checkpoint of the family in examples/out_of_tree_model, and its logits in plain arithmetic."""

import array
import json
import math
import random
import struct

CONFIG = {"model_type": "tiny", "vocab_size": 30, "hidden_size": 32, "num_heads": 4, "ffn_size": 48, "num_layers": 2,
          "limit": 3.0}
WINDOW = 8


def weights():
    """Name -> (shape, values that a float32 holds)."""
    vocab, hidden, ffn = CONFIG["vocab_size"], CONFIG["hidden_size"], CONFIG["ffn_size"]
    shapes = {"embed.weight": [vocab, hidden], "norm.weight": [hidden], "head.weight": [vocab, hidden]}
    for i in range(CONFIG["num_layers"]):
        layer = f"layers.{i}."
        shapes |= {layer + "norm.weight": [hidden], layer + "ffn.gate_proj.weight": [ffn, hidden],
                   layer + "ffn.up_proj.weight": [ffn, hidden], layer + "ffn.down_proj.weight": [hidden, ffn]}
        shapes |= {f"{layer}attention.{p}_proj.weight": [hidden, hidden] for p in "qkvo"}
    generator = random.Random(3)

    def values(shape):
        centre, amplitude = (0, math.sqrt(6 / shape[-1])) if len(shape) > 1 else (1, 0.5)
        return array.array("f", (centre + generator.uniform(-amplitude, amplitude) for _ in range(math.prod(shape))))

    return {name: (shape, values(shape)) for name, shape in shapes.items()}


def write(directory, tensors):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(CONFIG))
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(values)]}
        data += values.tobytes()
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data)
    return directory


def matmul(x, tensor):
    (rows, columns), w = tensor
    return [[sum(a * b for a, b in zip(row, w[r * columns:(r + 1) * columns])) for r in range(rows)] for row in x]


def norm(x, tensor, eps=1e-5):
    scales = [1 / math.sqrt(sum(v * v for v in row) / len(row) + eps) for row in x]
    return [[v * s * g for v, g in zip(row, tensor[1])] for row, s in zip(x, scales)]


def attention(x, tensors, path):
    heads, hidden = CONFIG["num_heads"], CONFIG["hidden_size"]
    width = hidden // heads
    q, k, v = (matmul(x, tensors[f"{path}.{p}_proj.weight"]) for p in "qkv")
    mixed = [[0.0] * hidden for _ in x]
    for h in range(heads):
        columns, slope = slice(h * width, (h + 1) * width), 2.0 ** (-8 * (h + 1) / heads)
        for i, row in enumerate(q):
            seen = range(max(0, i - WINDOW + 1), i + 1)
            scores = [sum(a * b for a, b in zip(row[columns], k[j][columns])) / math.sqrt(width) - slope * (i - j)
                      for j in seen]
            shares = [math.exp(s - max(scores)) for s in scores]
            for share, j in zip(shares, seen):
                for c in range(h * width, (h + 1) * width):
                    mixed[i][c] += share / sum(shares) * v[j][c]
    return matmul(mixed, tensors[f"{path}.o_proj.weight"])


def feed_forward(x, tensors, path):
    def gelu(v):
        return 0.5 * v * (1 + math.erf(v / math.sqrt(2)))

    gate, up = (matmul(x, tensors[f"{path}.{p}_proj.weight"]) for p in ("gate", "up"))
    return matmul([[gelu(g) * u for g, u in zip(*rows)] for rows in zip(gate, up)], tensors[f"{path}.down_proj.weight"])


def logits(ids, tensors):
    hidden, limit = CONFIG["hidden_size"], CONFIG["limit"]
    table = tensors["embed.weight"][1]
    x = [list(table[i * hidden:(i + 1) * hidden]) for i in ids]
    for layer in range(CONFIG["num_layers"]):
        path = f"layers.{layer}"
        normed = norm(x, tensors[path + ".norm.weight"])
        parts = attention(normed, tensors, path + ".attention"), feed_forward(normed, tensors, path + ".ffn")
        x = [[limit * math.tanh(sum(values) / limit) for values in zip(*rows)] for rows in zip(x, *parts)]
    return matmul(norm(x, tensors["norm.weight"]), tensors["head.weight"])
