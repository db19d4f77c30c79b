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
from transformers import BartConfig, LlamaConfig, T5Config
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.models.bart.modeling_bart import BartAttention
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.cohere.modeling_cohere import apply_rotary_pos_emb as apply_interleaved
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.t5.modeling_t5 import T5Attention

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


def save_case(folder, name, spec, tensors, names="separate"):
    layout = [{"name": key, "shape": list(value.shape)} for key, value in tensors.items()]
    flat = np.concatenate([value.detach().numpy().astype(np.float32).ravel() for value in tensors.values()])
    np.save(folder / f"{name}.npy", flat)
    return {"name": name, "names": names, "spec": spec, "tensors": layout}


def random_layer(layer):
    layer = layer.eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return layer


def layer_case(folder, name, family, prefix, spec, sliding=False, slopes=None, extra_mask=None, names="separate",
               attention=None, rotary=None, renamed=None, call=None, **options):
    """One attention module of a family with random weights. `spec`: the same as an AttentionSpec in JSON."""
    torch.manual_seed(11)
    config_class = getattr(importlib.import_module("transformers"), f"{prefix}Config")
    known = {"num_hidden_layers": 1, "num_key_value_heads": spec["num_kv_heads"], "head_dim": spec["head_dim"], **options}
    config = config_class(hidden_size=spec["hidden_dim"], num_attention_heads=spec["num_heads"],
                          max_position_embeddings=4096, attn_implementation="eager", **known)
    config._attn_implementation = "eager"
    layer = random_layer(module_of(family, attention or f"{prefix}Attention")(config, layer_idx=0))
    x = torch.randn(1, TOKENS, spec["hidden_dim"])
    rows = torch.arange(TOKENS)[None]
    make_mask = create_sliding_window_causal_mask if sliding else create_causal_mask
    mask = make_mask(config, x, None, None, position_ids=rows)
    tensors = {}
    if extra_mask is not None:
        tensors["mask"] = extra_mask
        mask = mask + extra_mask
    if slopes is None:
        positions = module_of(family, rotary or f"{prefix}RotaryEmbedding")(config)(x, rows, **(call or {}))
    else:
        # No rotation; the biases join the mask.
        positions = (torch.ones(1, TOKENS, spec["head_dim"]), torch.zeros(1, TOKENS, spec["head_dim"]))
        mask = mask + build_alibi_tensor(torch.ones(1, TOKENS), spec["num_heads"], torch.float32)[None]
    with torch.no_grad():
        y = layer(hidden_states=x, position_embeddings=positions, attention_mask=mask, **({"shared_kv_states": {}} if
                  prefix == "Gemma4Text" else {}))[0]
    weights = {(renamed or {}).get(key, key): value for key, value in layer.named_parameters()}
    return save_case(folder, name, spec, {**weights, **tensors, "x": x[0], "y": y[0]}, names)


def t5_case(folder, name, decoder):
    torch.manual_seed(12)
    buckets, reach = 12, 20
    config = T5Config(d_model=24, num_heads=4, d_kv=8, is_decoder=decoder, relative_attention_num_buckets=buckets,
                      relative_attention_max_distance=reach, attn_implementation="eager")
    config._attn_implementation = "eager"
    layer = random_layer(T5Attention(config, has_relative_attention_bias=True, layer_idx=0))
    x = torch.randn(1, TOKENS, 24)
    hidden = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)[None, None] if decoder else None
    with torch.no_grad():
        y = layer(x, mask=hidden)[0]
    spec = {"hidden_dim": 24, "num_heads": 4, "num_kv_heads": 4, "head_dim": 8, "scale": 1.0,
            "visible": {"ahead": 0 if decoder else 1 << 40},
            "position": {"kind": "relative_bias", "num_buckets": buckets, "max_distance": reach,
                         "bidirectional": not decoder}}
    weights = {key if "bias" in key else key.replace(".weight", "_proj.weight"): value
               for key, value in layer.named_parameters()}
    return save_case(folder, name, spec, {**weights, "x": x[0], "y": y[0]})


def cross_case(folder, name, layer, renamed, bias, scale, call):
    """Cross attention of a few rows over a longer source."""
    torch.manual_seed(13)
    layer = random_layer(layer)
    x, source = torch.randn(1, 11, 24), torch.randn(1, TOKENS, 24)
    with torch.no_grad():
        y = layer(x, key_value_states=source, **call)[0]
    spec = {"hidden_dim": 24, "num_heads": 4, "num_kv_heads": 4, "head_dim": 6, "max_source_rows": 64,
            **{f"{part}_bias": bias for part in "qkvo"}, **({"scale": scale} if scale else {})}
    weights = {renamed(key): value for key, value in layer.named_parameters()}
    return save_case(folder, name, spec, {**weights, "x": x[0], "source": source[0], "y": y[0]})


def cross_cases(folder):
    t5 = T5Config(d_model=24, num_heads=4, d_kv=6, is_decoder=True, attn_implementation="eager")
    t5._attn_implementation = "eager"
    yield cross_case(folder, "t5_cross", T5Attention(t5, layer_idx=0),
                     lambda key: key.replace(".weight", "_proj.weight"), False, 1.0, {})
    bart = BartConfig(d_model=24, attn_implementation="eager")
    bart._attn_implementation = "eager"
    yield cross_case(folder, "bart_cross", BartAttention(24, 4, is_decoder=True, config=bart, layer_idx=0),
                     lambda key: key.replace("out_proj", "o_proj"), True, None, {})


def latent_case(folder, name, version, ours, rope=None, scaling=None, **options):
    torch.manual_seed(14)
    prefix = f"Deepseek{version}"
    config = getattr(importlib.import_module("transformers"), f"{prefix}Config")(
        hidden_size=24, num_attention_heads=4, num_key_value_heads=4, kv_lora_rank=16, qk_nope_head_dim=8,
        qk_rope_head_dim=4, v_head_dim=6, max_position_embeddings=4096, num_hidden_layers=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, **(rope or {})},
        attn_implementation="eager", **options)
    config._attn_implementation = "eager"
    family = prefix.lower().replace("seekv", "seek_v")
    layer = random_layer(module_of(family, f"{prefix}Attention")(config, layer_idx=0))
    x = torch.randn(1, TOKENS, 24)
    rows = torch.arange(TOKENS)[None]
    mask = create_causal_mask(config, x, None, None, position_ids=rows)
    with torch.no_grad():
        y = layer(hidden_states=x, position_embeddings=module_of(family, f"{prefix}RotaryEmbedding")(config)(x, rows),
                  attention_mask=mask)[0]
    spec = {"hidden_dim": 24, "num_heads": 4, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4,
            "v_head_dim": 6, "norm_eps": 1e-6, "rope": {"rotary_dim": 4, **(scaling or {})}, **ours}
    return save_case(folder, name, spec, {**dict(layer.named_parameters()), "x": x[0], "y": y[0]})


def latent_cases(folder):
    yarn = {"factor": 8.0, "original_max_position_embeddings": 16, "mscale": 1.0, "mscale_all_dim": 1.0}
    yield latent_case(folder, "latent_v2", "V2", {"rope": {"rotary_dim": 4, "layout": "interleaved"}}, q_lora_rank=None)
    yield latent_case(folder, "latent_v3", "V3", {"q_lora_rank": 12, "rope": {"rotary_dim": 4,
                      "layout": "interleaved"}}, q_lora_rank=12, rope_interleave=True)
    yield latent_case(folder, "latent_half", "V3", {}, q_lora_rank=None, rope_interleave=False)
    yield latent_case(folder, "latent_yarn", "V3", {}, q_lora_rank=None, rope_interleave=False,
                      rope={"rope_type": "yarn", **yarn}, scaling={"scaling": {"kind": "yarn", **yarn}})


def bucket_cases():
    for buckets, reach, both in ((32, 128, True), (32, 128, False), (12, 20, True), (12, 20, False), (64, 1000, True)):
        distances = torch.arange(-2 * reach, 2 * reach + 1)
        found = T5Attention._relative_position_bucket(distances, both, buckets, reach)
        yield {"spec": {"num_buckets": buckets, "max_distance": reach, "bidirectional": both},
               "buckets": found.tolist()}


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
    drawn = torch.randn(TOKENS, TOKENS, generator=torch.Generator().manual_seed(5))
    drawn[drawn > 1] = float("-inf")
    yield layer_case(folder, "masked", "llama", "Llama", spec, extra_mask=drawn.fill_diagonal_(0.5), **theta)
    yield layer_case(folder, "qk_norm_whole", "olmo2", "Olmo2",
                     {**spec, "qk_norm": {"eps": 1e-5}, "qk_norm_whole": True}, rms_norm_eps=1e-5, **theta)
    llama4 = {"attention": "Llama4TextAttention", "rotary": "Llama4TextRotaryEmbedding", "rms_norm_eps": 1e-5, **theta}
    yield layer_case(folder, "l2_norm", "llama4", "Llama4Text",
                     {**spec, "position": {**rope, "layout": "interleaved"}, "qk_norm": {"eps": 1e-5, "affine": False}},
                     no_rope_layers=[1], use_qk_norm=True, **llama4)
    yield layer_case(folder, "temperature", "llama4", "Llama4Text",
                     {**spec, "position": {"kind": "none"}, "temperature": {"scale": 0.4, "floor_scale": 8}},
                     no_rope_layers=[0], attn_temperature_tuning=True, attn_scale=0.4, floor_scale=8, **llama4)
    yield layer_case(folder, "gated", "qwen3_next", "Qwen3Next",
                     {**spec, "gate": True, "qk_norm": {"eps": 1e-6, "weight_offset": 1.0}}, names="gated_query",
                     layer_types=["full_attention"],
                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0})
    yield layer_case(folder, "fused", "phi3", "Phi3", spec, names="fused", pad_token_id=0, **theta)
    yield layer_case(folder, "fused_by_head", "gpt_neox", "GPTNeoX",
                     {**spec, "num_kv_heads": 4, "position": {**rope, "rotary_dim": 4}, **bias, "o_bias": True,
                      "hidden_dim": 32}, names="interleaved", num_key_value_heads=None,
                     renamed={"dense.weight": "o_proj.weight", "dense.bias": "o_proj.bias"},
                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5})
    yield layer_case(folder, "keys_are_values", "gemma4", "Gemma4Text",
                     {**spec, "scale": 1.0, "qk_norm": {"eps": 1e-6}, "v_norm": {"eps": 1e-6, "affine": False}},
                     names="key_is_value", layer_types=["full_attention"], attention_k_eq_v=True, global_head_dim=8,
                     num_global_key_value_heads=2, num_kv_shared_layers=0, call={"layer_type": "full_attention"},
                     rope_parameters={kind: {"rope_type": "default", "rope_theta": 10000.0}
                                      for kind in ("full_attention", "sliding_attention")})
    yield t5_case(folder, "t5_encoder", False)
    yield t5_case(folder, "t5_decoder", True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    slopes = {n: numbers(build_alibi_tensor(torch.ones(1, 2), n, torch.float32)[:, 0, 1]) for n in (1, 3, 8, 12, 71)}
    for name, value in (("rope", list(rope_cases())), ("layers", list(layer_cases(folder))), ("alibi", slopes),
                        ("cross_layers", list(cross_cases(folder))), ("latent_layers", list(latent_cases(folder))),
                        ("relative_buckets", list(bucket_cases()))):
        (folder / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")


main()
