#!/usr/bin/env python3
"""Writes rope_configs.json of tests/golden/configs: configurations with every kind of rotary parameters, each optional
key present and absent, in the old and the new spelling, and the frequencies and attention factor that the model classes
of Hugging Face transformers take from them at several lengths of a sequence.
Usage: make_rope_config_golden.py <output folder>
"""

import copy
import json
import os
import pathlib
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import numpy
import torch
from transformers import AutoConfig
from transformers.models.gemma2.modeling_gemma2 import Gemma2RotaryEmbedding
from transformers.models.gemma3.modeling_gemma3 import Gemma3RotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding
from transformers.models.qwen2_moe.modeling_qwen2_moe import Qwen2MoeRotaryEmbedding
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeRotaryEmbedding

EMBEDDINGS = {"llama": LlamaRotaryEmbedding, "qwen2": Qwen2RotaryEmbedding, "qwen3": Qwen3RotaryEmbedding,
              "qwen2_moe": Qwen2MoeRotaryEmbedding, "qwen3_moe": Qwen3MoeRotaryEmbedding,
              "gemma2": Gemma2RotaryEmbedding, "gemma3_text": Gemma3RotaryEmbedding}
HEAD_DIM = 16
SHAPE = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": HEAD_DIM}
LENGTHS = [1, 100, 128, 129, 500, 1024, 1025, 5000]
SHORT = [1.0 + 0.05 * i for i in range(HEAD_DIM // 2)]
LONG = [1.0 + 1.5 * i for i in range(HEAD_DIM // 2)]
ABSENT = object()


def shortest(value):
    return float(str(numpy.float32(value)))


def reference(model_type, config, layer_type):
    """Frequencies and attention factor by length; a string: why the reference refuses."""
    config = AutoConfig.for_model(model_type, **copy.deepcopy({k: v for k, v in config.items() if k != "model_type"}))
    results = []
    for length in LENGTHS:
        embedding = EMBEDDINGS[model_type](config)
        arguments = (torch.zeros(1), torch.tensor([[length - 1]])) + ((layer_type,) if layer_type else ())
        embedding(*arguments)
        prefix = f"{layer_type}_" if layer_type else ""
        inv_freq = getattr(embedding, prefix + "inv_freq")
        factor = getattr(embedding, prefix + "attention_scaling")
        if len(inv_freq) != HEAD_DIM // 2:
            raise ValueError(f"{2 * len(inv_freq)} of {HEAD_DIM} values of a head turn, which the model cannot do")
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
    for model_type in EMBEDDINGS:
        if model_type == "gemma3_text":
            continue
        yield f"{model_type}_silent", model_type, {}, None
        yield f"{model_type}_theta", model_type, {"rope_theta": 123456.0}, None
        yield f"{model_type}_yarn_silent", model_type, {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, None
        yield (f"{model_type}_linear", model_type,
               {"rope_parameters": {"rope_type": "linear", "factor": 4.0}, "rope_theta": 777.0}, None)
        yield f"{model_type}_dynamic_silent", model_type, {"rope_scaling": {"type": "dynamic", "factor": 4.0}}, None
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
        "part": {"partial_rotary_factor": 0.5},
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
        "silent": {},
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
        "part": {"partial_rotary_factor": 0.5},
    }
    for name, keys in gemma3.items():
        for layer_type in ("full_attention", "sliding_attention"):
            yield f"gemma3_{name}_{layer_type[:4]}", "gemma3_text", keys, layer_type


def case(name, model_type, keys, layer_type):
    silent = name.endswith("_silent") and "gemma3" not in name
    config = {"model_type": model_type, **SHAPE, **({} if silent else {"max_position_embeddings": 1024}), **keys}
    if layer_type:
        config["layer_types"] = ["sliding_attention", "full_attention"]
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
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(case(*c), separators=(",", ":")) for c in cases()]
    (folder / "rope_configs.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(len(lines), "configurations,", sum('"refused"' in line for line in lines), "refused by the reference")


main()
