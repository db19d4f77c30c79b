#!/usr/bin/env python3
"""Writes tests/golden/packed_weights: one linear layer in each layout that quantised directories use, and its values.

    make_packed_golden.py [FOLDER]

Each case is a directory with config.json (quantization_config as its writer spells it) and model.safetensors with the
packed parts of "layer" and the tensor "expected": the f32 values that the layout's definition gives. GPTQ: eight codes
along the inputs in a word, qzeros one less than the zeros (gptq_v2: equal). AWQ: eight outputs in a word, in the order
0 2 4 6 1 3 5 7. fp8 and compressed-tensors: torch's float8_e4m3fn, or int8, times scales. Needs numpy, torch, safetensors.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file

OUT, IN = 24, 256
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def words(nibbles):
    """[..., 8] codes, the first in the lowest bits, as int32."""
    shifts = np.arange(8, dtype=np.uint64) * 4
    return (nibbles.astype(np.uint64) << shifts).sum(-1).astype(np.uint32).view(np.int32)


def codes(rng, group, symmetric):
    groups = IN // group
    q = rng.integers(0, 16, (OUT, IN))
    zeros = np.full((OUT, groups), 8) if symmetric else rng.integers(1, 16, (OUT, groups))
    scales = (np.abs(rng.standard_normal((OUT, groups))) * 0.02 + 0.001).astype(np.float16)
    wide = np.repeat(scales.astype(np.float32), group, 1)
    return q, zeros, scales, wide * (q - np.repeat(zeros, group, 1)).astype(np.float32)


def gptq(rng, group, symmetric, version=1, shuffled=False):
    size = IN if group == -1 else group
    q, zeros, scales, expected = codes(rng, size, symmetric)
    order = np.arange(IN) // size
    if shuffled:
        order = rng.permutation(order)
    config = {"quant_method": "gptq", "bits": 4, "group_size": group, "sym": symmetric, "desc_act": shuffled,
              "damp_percent": 0.1, "true_sequential": True}
    if version == 2:
        config["checkpoint_format"] = "gptq_v2"
    tensors = {
        "layer.qweight": torch.from_numpy(words(q.T.reshape(IN // 8, 8, OUT).transpose(0, 2, 1))),
        "layer.qzeros": torch.from_numpy(words((zeros.T - (2 - version)).reshape(-1, OUT // 8, 8))),
        "layer.scales": torch.from_numpy(scales.T.copy()),
        "layer.g_idx": torch.from_numpy(order.astype(np.int32)),
    }
    return config, tensors, expected


def awq(rng, group):
    q, zeros, scales, expected = codes(rng, group, False)
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}
    tensors = {
        "layer.qweight": torch.from_numpy(words(q.T.reshape(IN, OUT // 8, 8)[:, :, AWQ_ORDER])),
        "layer.qzeros": torch.from_numpy(words(zeros.T.reshape(-1, OUT // 8, 8)[:, :, AWQ_ORDER])),
        "layer.scales": torch.from_numpy(scales.T.copy()),
    }
    return config, tensors, expected


def fp8(rng, block=None, per_row=False):
    config = {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3"}
    weight = torch.from_numpy(rng.standard_normal((OUT, IN)) * 60).to(torch.float8_e4m3fn)
    weight.view(torch.uint8)[0, :8] = torch.tensor([0, 128, 1, 7, 8, 126, 254, 120], dtype=torch.uint8)
    if block:
        config["weight_block_size"] = block
        shape = (-(-OUT // block[0]), -(-IN // block[1]))
        scale = torch.from_numpy(np.abs(rng.standard_normal(shape)) * 1e-3 + 1e-4).float()
        wide = scale.repeat_interleave(block[0], 0)[:OUT].repeat_interleave(block[1], 1)[:, :IN]
        return config, {"layer.weight": weight, "layer.weight_scale_inv": scale}, (weight.float() * wide).numpy()
    config = {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {
        "targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "symmetric": True,
                                           "strategy": "channel" if per_row else "tensor"}}}}
    scale = torch.from_numpy(np.abs(rng.standard_normal((OUT, 1) if per_row else (1,))) * 1e-3 + 1e-4).to(torch.bfloat16)
    tensors = {"layer.weight": weight, "layer.weight_scale": scale, "layer.input_scale": torch.ones(1)}
    return config, tensors, (weight.float() * scale.float()).numpy()


def int8(rng):
    config = {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {
        "targets": ["Linear"], "weights": {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}}}}
    weight = torch.from_numpy(rng.integers(-127, 128, (OUT, IN)).astype(np.int8))
    scale = torch.from_numpy(np.abs(rng.standard_normal((OUT, 1))) * 1e-3 + 1e-4).float()
    return config, {"layer.weight": weight, "layer.weight_scale": scale}, (weight.float() * scale).numpy()


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/packed_weights")
    rng = np.random.default_rng(11)
    cases = {
        "gptq_symmetric": gptq(rng, 128, True),
        "gptq_asymmetric": gptq(rng, 64, False),
        "gptq_v2": gptq(rng, 32, False, version=2),
        "gptq_whole_rows": gptq(rng, -1, True),
        "gptq_shuffled": gptq(rng, 128, True, shuffled=True),
        "awq": awq(rng, 64),
        "fp8_blocks": fp8(rng, block=[16, 128]),
        "fp8_tensor": fp8(rng),
        "fp8_channels": fp8(rng, per_row=True),
        "int8_channels": int8(rng),
    }
    for name, (config, tensors, expected) in cases.items():
        to = folder / name
        to.mkdir(parents=True, exist_ok=True)
        tensors["expected"] = torch.from_numpy(np.ascontiguousarray(expected))
        save_file({k: v.contiguous() for k, v in tensors.items()}, to / "model.safetensors", {"format": "pt"})
        (to / "config.json").write_text(json.dumps({"model_type": "x", "quantization_config": config}, indent=2) + "\n")


if __name__ == "__main__":
    main()
