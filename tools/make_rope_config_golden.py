#!/usr/bin/env python3
"""Writes rope_configs.json of tests/golden/configs: configurations with every kind of rotary parameters, each optional
key present and absent, in the old and the new spelling, and the frequencies and attention factor that the model classes
of Hugging Face transformers take from them at several lengths of a sequence.
Usage: make_rope_config_golden.py <output folder> [MODEL_TYPE ...]: of these types, the others stay as they are.
"""

import copy
import importlib
import json
import os
import pathlib
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import numpy
import torch
from transformers import AutoConfig, AutoModel

SHAPE = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}
LAYERS = ["sliding_attention", "full_attention"]
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
LATENT = {**EXPERTS, "n_routed_experts": 4, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 8, "qk_rope_head_dim": 16,
          "v_head_dim": 8}
# Every model type with rotary parameters, and what its small model has beside SHAPE.
MODEL_TYPES = {
    "llama": {}, "qwen2": {}, "qwen3": {}, "qwen2_moe": {}, "qwen3_moe": {}, "gemma2": {}, "gemma3_text": {},
    "cohere": {}, "cohere2": {"sliding_window": 8, "layer_types": LAYERS}, "deepseek_v2": LATENT, "deepseek_v3": LATENT,
    "gemma": {}, "glm": {}, "glm4": {}, "glm4_moe": {**EXPERTS, "n_routed_experts": 4}, "gpt_neox": {},
    "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8}, "granite": {},
    "granitemoe": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "granitemoeshared": {"num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 16},
    "llama4_text": {"intermediate_size_mlp": 32, "num_local_experts": 4, "num_experts_per_tok": 1},
    "ministral": {"sliding_window": 8, "layer_types": LAYERS}, "mistral": {},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2}, "modernbert": {"global_attn_every_n_layers": 2}, "olmo2": {},
    "olmo3": {"sliding_window": 8}, "olmoe": {"num_experts": 4, "num_experts_per_tok": 2}, "phi": {}, "phi3": {}, "smollm3": {},
    "starcoder2": {}, "exaone4": {"sliding_window": 8, "layer_types": LAYERS}, "nemotron": {}, "ministral3": {},
    "phimoe": {"num_local_experts": 4, "num_experts_per_tok": 2},
}
# Whose rotary parameters differ by kind of layer.
BY_LAYER = ["gemma3_text", "modernbert", "olmo3"]
# Whose classes rotate a part of a head where the configuration is silent.
PARTS = {"glm": 0.5, "glm4": 0.5, "glm4_moe": 0.5, "gpt_neox": 0.25, "phi": 0.5, "nemotron": 0.5}
PAIRS = 8
LENGTHS = [1, 100, 128, 129, 500, 1024, 1025, 5000]
SHORT = [1.0 + 0.05 * i for i in range(PAIRS)]
LONG = [1.0 + 1.5 * i for i in range(PAIRS)]
ABSENT = object()


def shortest(value):
    return float(str(numpy.float32(value)))


def embedding_class(model_type):
    folder = model_type.removesuffix("_text")
    module = importlib.import_module(f"transformers.models.{folder}.modeling_{folder}")
    names = [n for n in dir(module) if n.endswith("RotaryEmbedding") and "Vision" not in n]
    assert len(names) == 1, names
    return getattr(module, names[0])


def turned(embedding, length):
    """Frequencies and factor by what a class turns at position 1 of a sequence of that length."""
    cos, sin = (t[0, 0, :t.shape[-1] // 2].double() for t in embedding(torch.zeros(1), torch.tensor([[1, max(1, length - 1)]])))
    return [shortest(v) for v in torch.atan2(sin, cos)], shortest(torch.hypot(sin, cos).mean())


def reference(model_type, config, layer_type):
    """Frequencies and attention factor by length. Throws what the reference throws, when a model runs too."""
    keys = copy.deepcopy({k: v for k, v in config.items() if k != "model_type"})
    config = AutoConfig.for_model(model_type, **keys, pad_token_id=None)
    with torch.no_grad():
        AutoModel.from_config(config, attn_implementation="eager").eval()(torch.tensor([[3, 7, 1]]))
    results = []
    for length in LENGTHS:
        embedding = embedding_class(model_type)(config)
        if model_type == "phimoe":  # which does not turn by its own buffers
            results.append((length, *turned(embedding, length)))
            continue
        arguments = (torch.zeros(1), torch.tensor([[length - 1]])) + ((layer_type,) if layer_type else ())
        embedding(*arguments)
        prefix = f"{layer_type}_" if layer_type else ""
        inv_freq = getattr(embedding, prefix + "inv_freq")
        factor = getattr(embedding, prefix + "attention_scaling")
        results.append((length, [shortest(v) for v in inv_freq], float(factor)))
    return results


def kinds():
    """Name and parameters of every kind, each optional key alone and all together."""
    yield "default", {"rope_type": "default"}
    yield "linear", {"rope_type": "linear", "factor": 2.5}
    yield "linear_below_one", {"rope_type": "linear", "factor": 0.5}
    yield "dynamic", {"rope_type": "dynamic", "factor": 2.0}
    yield "dynamic_original", {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 128}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    yield "llama3", llama3
    yield "llama3_original", {**llama3, "original_max_position_embeddings": 128}
    yield "llama3_others", {**llama3, "low_freq_factor": 2.0, "high_freq_factor": 3.5,
                            "original_max_position_embeddings": 256}
    yarn = {"rope_type": "yarn", "factor": 8.0}
    options = {"original": {"original_max_position_embeddings": 128}, "attention": {"attention_factor": 1.5},
               "fast": {"beta_fast": 16.0}, "slow": {"beta_slow": 2.0}, "mscale": {"mscale": 0.8},
               "mscale_all": {"mscale_all_dim": 0.6}, "mscales": {"mscale": 0.8, "mscale_all_dim": 0.6},
               "untruncated": {"truncate": False}, "truncated": {"truncate": True}, "finetuned": {"finetuned": True},
               "zeros": {"beta_fast": 0, "beta_slow": 0, "mscale": 0, "mscale_all_dim": 0}, "below_one": {"factor": 0.5},
               "factor_null": {"factor": None, "original_max_position_embeddings": 128}}
    yield "yarn", yarn
    for name, more in options.items():
        yield f"yarn_{name}", {**yarn, **more}
    yield "yarn_all", {**yarn, "original_max_position_embeddings": 128, "attention_factor": 1.25, "beta_fast": 20.0,
                       "beta_slow": 1.5, "truncate": False}
    longrope = {"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG}
    yield "longrope", longrope
    options = {"original": {"original_max_position_embeddings": 128}, "factor": {"factor": 4.0},
               "attention": {"attention_factor": 1.19}, "factor_null": {"factor": None},
               "factor_original": {"factor": 4.0, "original_max_position_embeddings": 128},
               "attention_original": {"attention_factor": 1.19, "original_max_position_embeddings": 128},
               "all": {"factor": 4.0, "attention_factor": 1.19, "original_max_position_embeddings": 128}}
    for name, more in options.items():
        yield f"longrope_{name}", {**longrope, **more}
    yield "proportional", {"rope_type": "proportional"}
    yield "proportional_part", {"rope_type": "proportional", "partial_rotary_factor": 0.4}
    yield "proportional_factor", {"rope_type": "proportional", "factor": 2.0, "partial_rotary_factor": 0.5}


def cases():
    """(name, model_type, keys of the configuration, layer_type)"""
    for name, rope in kinds():
        older = {("type" if k == "rope_type" else k): v for k, v in rope.items()}
        yield f"new_{name}", "llama", {"rope_parameters": {**rope, "rope_theta": 50000.0}}, None
        yield f"old_{name}", "llama", {"rope_scaling": older, "rope_theta": 50000.0}, None
    for model_type in MODEL_TYPES:
        pairs = int(PAIRS * PARTS.get(model_type, 1))
        longrope = {"type": "longrope", "short_factor": SHORT[:pairs], "long_factor": LONG[:pairs]}
        usual = {"silent": {}, "theta": {"rope_theta": 123456.0},
                 "yarn_silent": {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
                 "linear": {"rope_parameters": {"rope_type": "linear", "factor": 4.0}, "rope_theta": 777.0},
                 "dynamic_silent": {"rope_scaling": {"type": "dynamic", "factor": 4.0}},
                 "longrope": {"rope_scaling": longrope, "original_max_position_embeddings": 128},
                 "part": {"partial_rotary_factor": 0.5},
                 "quarter_inside": {"rope_parameters": {"rope_type": "default", "rope_theta": 5e4, "partial_rotary_factor": 0.25}}}
        for name, keys in usual.items():
            for layer_type in LAYERS if model_type in BY_LAYER else [None]:
                suffix = f"_{layer_type[:4]}" if layer_type else ""
                yield f"{model_type}_{name}{suffix}", model_type, keys, layer_type
    mscales = {"type": "longrope", "short_factor": SHORT, "long_factor": LONG, "short_mscale": 1.1, "long_mscale": 1.3}
    for name, more in {"": {}, "_attention": {"attention_factor": 1.19}, "_factor": {"factor": 4.0}}.items():
        keys = {"rope_scaling": {**mscales, **more, "original_max_position_embeddings": 128}}
        yield f"phimoe_mscales{name}", "phimoe", keys, None
    for share in (0.25, 1.0):
        yield f"gpt_neox_pct_{share}", "gpt_neox", {"rotary_pct": share, "rotary_emb_base": 5e3}, None
    for layer_type in LAYERS:
        thetas = {"global_rope_theta": 2e5, "local_rope_theta": 3e4}
        yield f"modernbert_thetas_{layer_type[:4]}", "modernbert", thetas, layer_type
    linear, yarn = {"rope_type": "linear", "factor": 4.0}, {"rope_type": "yarn", "factor": 4.0}
    llama = {
        "null": {"rope_scaling": None, "rope_parameters": None},
        "empty": {"rope_scaling": {}, "rope_parameters": dict(linear)},
        "both": {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": dict(linear)},
        "both_theta": {"rope_scaling": {"type": "linear", "factor": 4.0},
                       "rope_parameters": {**linear, "rope_theta": 5e5}},
        "both_types": {"rope_scaling": {"type": "yarn", "rope_type": "linear", "factor": 2.0}},
        "mrope": {"rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [2, 3, 3]}},
        "two_thetas": {"rope_theta": 5000.0, "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0}},
        "part_inside": {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
        "part_linear": {"partial_rotary_factor": 0.5, "rope_scaling": dict(linear)},
        "part_one": {"partial_rotary_factor": 1.0, "rope_scaling": dict(linear)},
        "original_outside": {"original_max_position_embeddings": 128, "rope_scaling": dict(yarn)},
        "originals": {"original_max_position_embeddings": 128,
                      "rope_scaling": {**yarn, "original_max_position_embeddings": 512}},
        "longrope_outside": {"original_max_position_embeddings": 128,
                             "rope_scaling": {"type": "longrope", "short_factor": SHORT, "long_factor": LONG}},
        "dynamic_outside": {"original_max_position_embeddings": 128,
                            "rope_scaling": {"type": "dynamic", "factor": 2.0}},
        "unknown": {"rope_scaling": {"type": "spiral", "factor": 2.0}},
        "no_factor": {"rope_scaling": {"type": "linear"}},
        "unused": {"rope_scaling": {"rope_type": "linear", "factor": 4.0, "attention_factor": 2.0, "beta_fast": 9.0,
                                    "low_freq_factor": 2.0, "short_factor": SHORT, "truncate": False}},
    }
    for name, keys in llama.items():
        yield f"llama_{name}", "llama", keys, None
    untruncated = {**yarn, "truncate": False, "original_max_position_embeddings": 128}
    gemma3 = {
        "thetas": {"rope_theta": 5e5, "rope_local_base_freq": 2e4},
        "scaling": {"rope_scaling": {"rope_type": "linear", "factor": 8.0}},
        "scaling_older": {"rope_scaling": {"type": "linear", "factor": 8.0}},
        "scaling_theta": {"rope_scaling": {"rope_type": "linear", "factor": 8.0}, "rope_theta": 3e5},
        "by_layer": {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2e6},
                                         "sliding_attention": {"rope_type": "default", "rope_theta": 3e4}}},
        "by_layer_no_theta": {"rope_parameters": {"full_attention": dict(linear),
                                                  "sliding_attention": {"rope_type": "default"}}},
        "by_layer_half": {"rope_parameters": {"full_attention": dict(linear)}},
        "by_layer_null": {"rope_parameters": {"full_attention": dict(linear), "sliding_attention": None}},
        "by_layer_yarn": {"rope_parameters": {"full_attention": untruncated, "sliding_attention": dict(yarn)}},
        "by_layer_longrope": {"rope_parameters": {
            "full_attention": {"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG,
                               "original_max_position_embeddings": 128},
            "sliding_attention": {"rope_type": "default"}}},
        "by_layer_dynamic": {"rope_parameters": {"full_attention": {"rope_type": "dynamic", "factor": 2.0},
                                                 "sliding_attention": {"rope_type": "dynamic", "factor": 3.0}}},
        "both": {"rope_scaling": {"rope_type": "linear", "factor": 8.0},
                 "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 2e6},
                                     "sliding_attention": {"rope_type": "default", "rope_theta": 3e4}}},
        "flat": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 2e6}},
    }
    for name, keys in gemma3.items():
        for layer_type in ("full_attention", "sliding_attention"):
            yield f"gemma3_{name}_{layer_type[:4]}", "gemma3_text", keys, layer_type


def case(name, model_type, keys, layer_type):
    config = {"model_type": model_type, **SHAPE, **MODEL_TYPES[model_type], **({} if "_silent" in name else {"max_position_embeddings": 1024}), **keys}
    if layer_type:
        config["layer_types"] = LAYERS
    found = {"name": name, "config": config}
    if layer_type:
        found["layer_type"] = layer_type
    try:
        results = reference(model_type, config, layer_type)
    except Exception as e:
        return {**found, "refused": f"{type(e).__name__}: {e}".split("\n")[0][:120]}
    by_values = []
    for length, inv_freq, factor in results:
        if by_values and by_values[-1]["inv_freq"] == inv_freq and by_values[-1]["attention_factor"] == factor:
            by_values[-1]["lengths"].append(length)
        else:
            by_values.append({"lengths": [length], "inv_freq": inv_freq, "attention_factor": factor})
    return {**found, "values": by_values}


def main():
    folder, only = pathlib.Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "rope_configs.json"
    kept = {c["name"]: c for c in json.loads(file.read_text()) if c["config"]["model_type"] not in only} if only else {}
    names = [c[0] for c in cases()]
    assert len(names) == len(set(names)), names
    found = [kept[c[0]] if c[0] in kept else case(*c) for c in cases()]
    lines = [json.dumps(c, separators=(",", ":")) for c in found]
    file.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(len(lines), "configurations,", sum("refused" in c for c in found), "refused by the reference")


main()
