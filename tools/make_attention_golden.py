#!/usr/bin/env python3
"""Writes tests/golden/attention: frequencies and rotations of every RoPE scaling, and small attention layers, as PyTorch
and Hugging Face transformers compute them. Usage: make_attention_golden.py <output folder>
"""

import importlib
import json
import pathlib
import sys

import numpy as np
import torch
from transformers import LlamaConfig
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.cohere.modeling_cohere import apply_rotary_pos_emb as apply_interleaved
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

TOKENS = 40


def numbers(tensor):
    return [float(v) for v in tensor.detach().to(torch.float32).flatten()]


def llama_config(rope, head_dim=32, context=4096, **more):
    return LlamaConfig(hidden_size=head_dim * 4, num_attention_heads=4, num_key_value_heads=2, head_dim=head_dim,
                       max_position_embeddings=context, rope_parameters=rope, attn_implementation="eager", **more)


def rope_case(name, rope, ours, context=4096, length=None, head_dim=32, interleaved=False):
    """`rope` in the library's spelling, `ours` the scaling as a RoPESpec spells it; `length`: of the sequence."""
    config = llama_config(rope, head_dim, context)
    embedding = LlamaRotaryEmbedding(config)
    rows = torch.tensor([0, 1, 5, 100, 4095, 4096, 20000, 131071, 1000000])
    if length is not None:
        # The rules that depend on length see the longest position of a call.
        embedding(torch.zeros(1), torch.tensor([[length - 1]]))
    inv_freq = embedding.inv_freq.clone()
    angles = rows[:, None].float() * inv_freq[None, :]
    pairs = torch.repeat_interleave(angles, 2, -1) if interleaved else torch.cat((angles, angles), -1)
    cos, sin = pairs.cos() * embedding.attention_scaling, pairs.sin() * embedding.attention_scaling
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(len(rows), head_dim, generator=generator)
    apply = apply_interleaved if interleaved else apply_rotary_pos_emb
    turned, _ = apply(x[None, None], x[None, None], cos[None], sin[None])
    spec = {"rotary_dim": head_dim, "base": rope["rope_theta"], "scaling": ours, "context": length or 0}
    if interleaved:
        spec["layout"] = "interleaved"
    return {"name": name, "spec": spec, "inv_freq": numbers(inv_freq),
            "attention_factor": float(embedding.attention_scaling), "positions": rows.tolist(), "x": numbers(x),
            "turned": numbers(turned)}


def rope_cases():
    theta = {"rope_theta": 10000.0}
    dynamic = {"kind": "dynamic", "factor": 4.0, "original_max_position_embeddings": 4096}
    llama3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    yarn = {"factor": 16.0, "original_max_position_embeddings": 4096}
    mscale = {**yarn, "mscale": 0.707, "mscale_all_dim": 1.1, "beta_fast": 48.0, "beta_slow": 2.0}
    short, long = [1.0 + 0.05 * i for i in range(16)], [1.0 + 1.7 * i for i in range(16)]
    longrope = {"short_factor": short, "long_factor": long, "factor": 32.0, "original_max_position_embeddings": 4096}
    yield rope_case("plain", {"rope_type": "default", **theta}, {"kind": "default"})
    yield rope_case("plain_interleaved", {"rope_type": "default", **theta}, {"kind": "default"}, interleaved=True)
    yield rope_case("large_base", {"rope_type": "default", "rope_theta": 1000000.0}, {"kind": "default"}, head_dim=128)
    yield rope_case("linear", {"rope_type": "linear", "factor": 4.0, **theta}, {"kind": "linear", "factor": 4.0})
    for length in (None, 5000, 65536):
        yield rope_case(f"dynamic_{length or 'short'}", {"rope_type": "dynamic", "factor": 4.0, **theta}, dynamic,
                        length=length)
    yield rope_case("llama3", {"rope_type": "llama3", "rope_theta": 500000.0, **llama3}, {"kind": "llama3", **llama3},
                    head_dim=64)
    yield rope_case("yarn", {"rope_type": "yarn", **theta, **yarn}, {"kind": "yarn", **yarn}, head_dim=64)
    yield rope_case("yarn_exact", {"rope_type": "yarn", **theta, **yarn, "truncate": False},
                    {"kind": "yarn", **yarn, "truncate": False})
    yield rope_case("yarn_factor", {"rope_type": "yarn", **theta, **yarn, "attention_factor": 1.5},
                    {"kind": "yarn", **yarn, "attention_factor": 1.5})
    yield rope_case("yarn_mscale", {"rope_type": "yarn", **theta, **mscale}, {"kind": "yarn", **mscale})
    for length in (None, 5000):
        yield rope_case(f"longrope_{'long' if length else 'short'}", {"rope_type": "longrope", **theta, **longrope},
                        {"kind": "longrope", **longrope}, length=length)
    yield rope_case("proportional",
                    {"rope_type": "proportional", **theta, "partial_rotary_factor": 0.4, "factor": 2.0},
                    {"kind": "proportional", "proportion": 0.4, "factor": 2.0})


def module_of(family, name):
    return getattr(importlib.import_module(f"transformers.models.{family}.modeling_{family}"), name)


def layer_case(folder, name, family, prefix, spec, sliding=False, slopes=None, **options):
    """One attention module of a family with random weights. `spec`: the same as an AttentionSpec in JSON."""
    torch.manual_seed(11)
    config_class = getattr(importlib.import_module("transformers"), f"{prefix}Config")
    config = config_class(hidden_size=spec["hidden_dim"], num_attention_heads=spec["num_heads"],
                          num_key_value_heads=spec["num_kv_heads"], head_dim=spec["head_dim"],
                          max_position_embeddings=4096, num_hidden_layers=1, attn_implementation="eager", **options)
    config._attn_implementation = "eager"
    layer = module_of(family, f"{prefix}Attention")(config, layer_idx=0).eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.randn(1, TOKENS, spec["hidden_dim"])
    rows = torch.arange(TOKENS)[None]
    make_mask = create_sliding_window_causal_mask if sliding else create_causal_mask
    mask = make_mask(config, x, None, None, position_ids=rows)
    if slopes is None:
        positions = module_of(family, f"{prefix}RotaryEmbedding")(config)(x, rows)
    else:
        # No rotation; the biases join the mask.
        positions = (torch.ones(1, TOKENS, spec["head_dim"]), torch.zeros(1, TOKENS, spec["head_dim"]))
        mask = mask + build_alibi_tensor(torch.ones(1, TOKENS), spec["num_heads"], torch.float32)[None]
    with torch.no_grad():
        y = layer(hidden_states=x, position_embeddings=positions, attention_mask=mask)[0]
    tensors = {**dict(layer.named_parameters()), "x": x[0], "y": y[0]}
    layout = [{"name": key, "shape": list(value.shape)} for key, value in tensors.items()]
    flat = np.concatenate([value.detach().numpy().astype(np.float32).ravel() for value in tensors.values()])
    np.save(folder / f"{name}.npy", flat)
    return {"name": name, "spec": spec, "tensors": layout}


def layer_cases(folder):
    rope = {"kind": "rope", "rotary_dim": 8}
    spec = {"hidden_dim": 24, "num_heads": 4, "num_kv_heads": 2, "head_dim": 8, "position": rope}
    bias = {"q_bias": True, "k_bias": True, "v_bias": True}
    theta = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
    yield layer_case(folder, "grouped", "llama", "Llama", spec, **theta)
    yield layer_case(folder, "one_kv_head_biased", "llama", "Llama", {**spec, "num_kv_heads": 1, **bias, "o_bias": True},
                     attention_bias=True, **theta)
    yield layer_case(folder, "qkv_bias", "qwen2", "Qwen2", {**spec, **bias}, **theta)
    yield layer_case(folder, "window", "mistral", "Mistral", {**spec, "visible": {"behind": 6}}, sliding=True,
                     sliding_window=7, **theta)
    yield layer_case(folder, "qk_norm", "qwen3", "Qwen3",
                     {**spec, "head_dim": 12, "position": {**rope, "rotary_dim": 12}, "qk_norm": {"eps": 1e-6}}, **theta)
    yield layer_case(folder, "soft_cap", "gemma2", "Gemma2", {**spec, "scale": 20 ** -0.5, "soft_cap": 3.0},
                     query_pre_attn_scalar=20, attn_logit_softcapping=3.0, layer_types=["full_attention"], **theta)
    yield layer_case(folder, "sinks", "gpt_oss", "GptOss", {**spec, **bias, "o_bias": True, "sinks": True},
                     layer_types=["full_attention"], **theta)
    yield layer_case(folder, "half_turned_interleaved", "glm", "Glm",
                     {**spec, "position": {**rope, "rotary_dim": 4, "layout": "interleaved"}},
                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
                     attention_bias=False)
    yield layer_case(folder, "alibi", "llama", "Llama",
                     {**spec, "num_heads": 6, "num_kv_heads": 3, "position": {"kind": "alibi"}}, slopes=True, **theta)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    slopes = {n: numbers(build_alibi_tensor(torch.ones(1, 2), n, torch.float32)[:, 0, 1]) for n in (1, 3, 8, 12, 71)}
    for name, value in (("rope", list(rope_cases())), ("layers", list(layer_cases(folder))), ("alibi", slopes)):
        (folder / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")


main()
