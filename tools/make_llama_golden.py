#!/usr/bin/env python3
"""Writes tests/golden/llama: tiny Llama configurations and the logits that transformers computes for them.

    make_llama_golden.py [--output tests/golden/llama] [--only NAME ...] [--directories FOLDER]

For every configuration: NAME/config.json, and digests NAME/16.digest, 700.digest, 3000.digest of the logits for that
many tokens, from LlamaForCausalLM in float32 with eager attention. Weights and tokens come from the generator of
make_random_checkpoint.py. checksums.json holds the FNV-1a of the safetensors files that the generator writes.
--directories writes the checkpoints themselves too, to try things on. Needs torch and transformers.

A digest file is the 8 bytes "TTTDGST1", a u32 with the length of a JSON header, the header, and little-endian arrays:

    for each row in header["rows"]        i32 top_ids[top], f32 top[top] (largest first), f32 columns[len(columns)],
                                          f32 minimum, f32 maximum
    for each row in header["full_rows"]   f32 logits[vocab]
    if header["log_sum_exp"]              f32 log_sum_exp[tokens], of every row
    if header["argmax"]                   i32 argmax[tokens], of every row
"""
import json
import pathlib
import struct
import tempfile

import numpy as np

from golden_arguments import golden_parser
from make_random_checkpoint import fnv1a, llama_tensors, random_words, token_ids, write_checkpoint

LENGTHS = [16, 700, 3000]
TOP, COLUMNS, ROWS = 32, 64, 12
# Rows worth checking, the most telling first: ends, powers of two and what is beside them.
TELLING_ROWS = [0, -1, 1, -2, 511, 512, 513, 1023, 1024, 2047, 2048, 255, 256, 63, 64, 7, 8, 31, 32, 3, 4, 2, 127, 128,
                11, 12]


def llama(**fields):
    base = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "bos_token_id": 1,
            "eos_token_id": 2, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
            "attention_bias": False, "mlp_bias": False}
    shape = dict(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=8,
                 num_key_value_heads=2, vocab_size=320)
    return {**base, **shape, **fields}


# Both spellings of the rotary position embedding occur: rope_theta with rope_scaling, and rope_parameters.
CONFIGS = {
    "gqa": llama(rope_theta=10000.0, rope_scaling=None),
    "mha": llama(num_attention_heads=4, num_key_value_heads=4, intermediate_size=100, tie_word_embeddings=True,
                 rope_theta=10000.0, rms_norm_eps=1e-6),
    "mqa": llama(hidden_size=96, num_attention_heads=6, num_key_value_heads=1, head_dim=16, num_hidden_layers=3,
                 intermediate_size=256, rope_theta=500000.0),
    "head_dim": llama(hidden_size=72, num_attention_heads=6, num_key_value_heads=2, head_dim=20, intermediate_size=133,
                      vocab_size=251, tie_word_embeddings=True, rms_norm_eps=1e-6,
                      rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
    "bias": llama(attention_bias=True, mlp_bias=True, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
                  rope_theta=10000.0),
    "odd": llama(hidden_size=72, num_attention_heads=9, num_key_value_heads=3, head_dim=8, num_hidden_layers=4,
                 intermediate_size=133, vocab_size=509, attention_bias=True, eos_token_id=[2, 7], rms_norm_eps=1e-6,
                 rope_theta=100000.0),
    "llama3": llama(hidden_size=128, num_attention_heads=4, num_key_value_heads=2, head_dim=32, vocab_size=500,
                    tie_word_embeddings=True,
                    rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
                                     "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                     "original_max_position_embeddings": 512}),
    "llama3_old": llama(num_attention_heads=4, num_key_value_heads=1, head_dim=64, max_position_embeddings=16384,
                        rope_theta=10000.0,
                        rope_scaling={"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                                      "high_freq_factor": 4.0, "original_max_position_embeddings": 512}),
    "yarn": llama(num_attention_heads=4, num_key_value_heads=2, head_dim=32, rope_theta=10000.0,
                  rope_scaling={"type": "yarn", "factor": 8.0, "original_max_position_embeddings": 512}),
    "yarn_mscale": llama(num_attention_heads=4, num_key_value_heads=2, head_dim=32, tie_word_embeddings=True,
                         rope_parameters={"rope_type": "yarn", "rope_theta": 150000.0, "factor": 16.0, "mscale": 1.0,
                                          "mscale_all_dim": 0.5, "beta_fast": 24.0, "beta_slow": 2.0, "truncate": False,
                                          "original_max_position_embeddings": 256}),
    "linear": llama(num_attention_heads=4, num_key_value_heads=4, head_dim=16, num_hidden_layers=3, rope_theta=10000.0,
                    rope_scaling={"type": "linear", "factor": 8.0}),
    # The frequencies of this one depend on how long the whole sequence is.
    "dynamic": llama(num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=512,
                     rope_theta=10000.0, rope_scaling={"type": "dynamic", "factor": 4.0}),
}


def telling_rows(tokens, count=ROWS):
    rows = []
    for row in TELLING_ROWS:
        row = row if row >= 0 else tokens + row
        if 0 <= row < tokens and row not in rows:
            rows.append(row)
    return sorted(rows[:count])


def fixed_columns(vocab, count=COLUMNS):
    """The ends of the vocabulary and a fixed choice in between, sorted."""
    columns = {0, 1, vocab - 2, vocab - 1}
    for x in random_words("columns", 0, 64 * count):
        if len(columns) == min(count, vocab):
            break
        columns.add(int((x >> np.uint64(33)) % np.uint64(vocab)))
    return sorted(columns)


def row_log_sum_exp(logits):
    wide = logits.astype(np.float64)
    peak = wide.max(axis=1, keepdims=True)
    return (np.log(np.exp(wide - peak).sum(axis=1)) + peak[:, 0]).astype(np.float32)


def write_digest(path, logits, ids, full_rows=2, argmax=False, about=None):
    """Writes the digest of logits [tokens, vocab] (float32) for the given token ids."""
    tokens, vocab = logits.shape
    assert logits.dtype == np.float32 and len(ids) == tokens
    rows, columns = telling_rows(tokens), fixed_columns(vocab)
    full = sorted({rows[-1], rows[len(rows) // 2]})[:full_rows] if full_rows else []
    log_sum_exp = np.concatenate([row_log_sum_exp(logits[i:i + 128]) for i in range(0, tokens, 128)])
    header = {"about": about or {}, "tokens": tokens, "vocab": vocab, "ids_fnv1a": f"{ids_checksum(ids):016x}",
              "minimum": float(logits.min()), "maximum": float(logits.max()), "top": TOP, "rows": rows,
              "full_rows": full, "log_sum_exp": True, "argmax": argmax, "columns": columns}
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(b"TTTDGST1" + struct.pack("<I", len(text)) + text)
        for row in rows:
            order = np.argsort(-logits[row], kind="stable")[:TOP]
            f.write(order.astype("<i4").tobytes() + logits[row][order].astype("<f4").tobytes())
            f.write(logits[row][columns].astype("<f4").tobytes())
            f.write(np.array([logits[row].min(), logits[row].max()], "<f4").tobytes())
        for row in full:
            f.write(logits[row].astype("<f4").tobytes())
        f.write(log_sum_exp.astype("<f4").tobytes())
        if argmax:
            f.write(logits.argmax(axis=1).astype("<i4").tobytes())


def ids_checksum(ids):
    return fnv1a(np.asarray(ids, "<i4").tobytes())


def file_checksum(path):
    return f"{fnv1a(path.read_bytes()):016x}"


def reference_logits(directory, ids, dtype):
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager")
    model = model.to(getattr(torch, dtype)).eval()
    with torch.no_grad():
        return model(torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()


def main():
    parser = golden_parser(__doc__, "llama")
    parser.add_argument("--only", nargs="*", choices=list(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--directories", type=pathlib.Path, help="write the checkpoints too: FOLDER/tiny_NAME*")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    sums_path = args.output / "checksums.json"
    sums = json.loads(sums_path.read_text()) if sums_path.exists() else {}
    sums = {name: sums[name] for name in CONFIGS if name in sums}

    for name in args.only:
        config = CONFIGS[name]
        folder = args.output / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        with tempfile.TemporaryDirectory() as temporary:
            root = args.directories or pathlib.Path(temporary)
            plain, bf16, sharded = (root / f"tiny_{name}{kind}" for kind in ("", "_bf16", "_sharded"))
            write_checkpoint(plain, config)
            write_checkpoint(bf16, config, "bfloat16")
            write_checkpoint(sharded, config, "bfloat16", shard_bytes=50_000)
            sums[name] = {"float32": file_checksum(plain / "model.safetensors"),
                          "bfloat16": file_checksum(bf16 / "model.safetensors"),
                          "sharded": {f.name: file_checksum(f) for f in sorted(sharded.glob("*.safetensors"))}}
            ids = token_ids(config["vocab_size"], max(LENGTHS))
            for tokens in LENGTHS:
                logits = reference_logits(plain, ids[:tokens], "float32")
                about = {"config": name, "reference": "transformers LlamaForCausalLM, float32, eager attention"}
                write_digest(folder / f"{tokens}.digest", logits, ids[:tokens], about=about)
                note = ""
                if tokens == 700:
                    exact = reference_logits(plain, ids[:tokens], "float64")
                    spread = np.ptp(logits)
                    note = f", float32 against float64: {np.abs(logits - exact).max() / spread:.1e} of the range"
                print(f"{name:12} {tokens:5} tokens: logits {logits.min():8.3f} .. {logits.max():7.3f}{note}")
    sums_path.write_text(json.dumps(sums, indent=1) + "\n")


if __name__ == "__main__":
    main()
