"""Checkpoints of the families in examples/out_of_tree_model, and what they compute, in plain arithmetic."""

import array
import json
import math
import random
import struct

CONFIG = {"model_type": "tiny", "vocab_size": 30, "hidden_size": 32, "num_heads": 4, "ffn_size": 48, "num_layers": 2,
          "limit": 3.0}
WINDOW = 8
ENCODER = {"model_type": "tiny_encoder", "vocab_size": 30, "hidden_size": 32, "num_heads": 4, "ffn_size": 48, "num_layers": 2,
           "max_rows": 20, "distance": 2, "id2label": {"0": "no", "1": "perhaps", "2": "yes"}}


def draw(shapes):
    """Name -> (shape, values that a float32 holds)."""
    generator = random.Random(3)

    def values(shape):
        centre, amplitude = (0, math.sqrt(6 / shape[-1])) if len(shape) > 1 else (1, 0.5)
        return array.array("f", (centre + generator.uniform(-amplitude, amplitude) for _ in range(math.prod(shape))))

    return {name: (shape, values(shape)) for name, shape in shapes.items()}


def weights():
    vocab, hidden, ffn = CONFIG["vocab_size"], CONFIG["hidden_size"], CONFIG["ffn_size"]
    shapes = {"embed.weight": [vocab, hidden], "norm.weight": [hidden], "head.weight": [vocab, hidden]}
    for i in range(CONFIG["num_layers"]):
        layer = f"layers.{i}."
        shapes |= {layer + "norm.weight": [hidden], layer + "ffn.gate_proj.weight": [ffn, hidden],
                   layer + "ffn.up_proj.weight": [ffn, hidden], layer + "ffn.down_proj.weight": [hidden, ffn]}
        shapes |= {f"{layer}attention.{p}_proj.weight": [hidden, hidden] for p in "qkvo"}
    return draw(shapes)


def encoder_weights(classifier):
    vocab, hidden, ffn = ENCODER["vocab_size"], ENCODER["hidden_size"], ENCODER["ffn_size"]
    shapes = {"embed.weight": [vocab, hidden], "positions.weight": [ENCODER["max_rows"], hidden]}
    for i in range(ENCODER["num_layers"]):
        layer = f"layers.{i}."
        shapes |= {layer + "attention_norm.weight": [hidden], layer + "ffn_norm.weight": [hidden],
                   layer + "ffn.up_proj.weight": [ffn, hidden], layer + "ffn.down_proj.weight": [hidden, ffn]}
        shapes |= {f"{layer}attention.{p}_proj.weight": [hidden, hidden] for p in "qkvo"}
    if classifier:
        shapes |= {"classifier.weight": [len(ENCODER["id2label"]), hidden], "classifier.bias": [len(ENCODER["id2label"])]}
    return draw(shapes)


def write(directory, tensors, config=CONFIG):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config))
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


def attention(x, tensors, path, visible, slopes):
    """visible(i): the rows that row i sees; scores fall by the slope of their head for each row of distance."""
    heads, hidden = len(slopes), len(x[0])
    width = hidden // heads
    q, k, v = (matmul(x, tensors[f"{path}.{p}_proj.weight"]) for p in "qkv")
    mixed = [[0.0] * hidden for _ in x]
    for h in range(heads):
        columns = slice(h * width, (h + 1) * width)
        for i, row in enumerate(q):
            seen = visible(i)
            scores = [sum(a * b for a, b in zip(row[columns], k[j][columns])) / math.sqrt(width) - slopes[h] * (i - j)
                      for j in seen]
            shares = [math.exp(s - max(scores)) for s in scores]
            for share, j in zip(shares, seen):
                for c in range(h * width, (h + 1) * width):
                    mixed[i][c] += share / sum(shares) * v[j][c]
    return matmul(mixed, tensors[f"{path}.o_proj.weight"])


def gelu(v):
    return 0.5 * v * (1 + math.erf(v / math.sqrt(2)))


def feed_forward(x, tensors, path):
    gate, up = (matmul(x, tensors[f"{path}.{p}_proj.weight"]) for p in ("gate", "up"))
    return matmul([[gelu(g) * u for g, u in zip(*rows)] for rows in zip(gate, up)], tensors[f"{path}.down_proj.weight"])


def logits(ids, tensors):
    hidden, limit, heads = CONFIG["hidden_size"], CONFIG["limit"], CONFIG["num_heads"]
    slopes = [2.0 ** (-8 * (h + 1) / heads) for h in range(heads)]
    table = tensors["embed.weight"][1]
    x = [list(table[i * hidden:(i + 1) * hidden]) for i in ids]
    for layer in range(CONFIG["num_layers"]):
        path = f"layers.{layer}"
        normed = norm(x, tensors[path + ".norm.weight"])
        mixed = attention(normed, tensors, path + ".attention", lambda i: range(max(0, i - WINDOW + 1), i + 1), slopes)
        parts = mixed, feed_forward(normed, tensors, path + ".ffn")
        x = [[limit * math.tanh(sum(values) / limit) for values in zip(*rows)] for rows in zip(x, *parts)]
    return matmul(norm(x, tensors["norm.weight"]), tensors["head.weight"])


def states(ids, tensors):
    """Of the encoder: of every row."""
    hidden, side = ENCODER["hidden_size"], ENCODER["distance"]
    table, places = tensors["embed.weight"][1], tensors["positions.weight"][1]
    x = [[table[i * hidden + c] + places[row * hidden + c] for c in range(hidden)] for row, i in enumerate(ids)]
    for layer in range(ENCODER["num_layers"]):
        path = f"layers.{layer}"

        def added(y, name):
            return norm([[a + b for a, b in zip(*rows)] for rows in zip(x, y)], tensors[f"{path}.{name}.weight"])

        x = added(attention(x, tensors, path + ".attention", lambda i: range(max(0, i - side), min(len(ids), i + side + 1)),
                            [0.0] * ENCODER["num_heads"]), "attention_norm")
        up = matmul(x, tensors[path + ".ffn.up_proj.weight"])
        x = added(matmul([[gelu(v) for v in row] for row in up], tensors[path + ".ffn.down_proj.weight"]), "ffn_norm")
    return x


def classes(ids, tensors):
    """Of the encoder with a classifier: of the text, from the mean of its states."""
    rows = states(ids, tensors)
    mean = [sum(column) / len(rows) for column in zip(*rows)]
    return [v + b for v, b in zip(matmul([mean], tensors["classifier.weight"])[0], tensors["classifier.bias"][1])]
