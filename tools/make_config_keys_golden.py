#!/usr/bin/env python3
"""Writes config_keys.json of tests/golden/configs: for every model_type, the keys of the configuration class of Hugging
Face transformers with their defaults, and what setting keys does to a small model of random weights: "changes" its
logits or shapes, "ignored", or "refused". Keys of other families are among them, as conversions leave them behind.
Usage: make_config_keys_golden.py <output folder> [MODEL_TYPE ...]: of these types, the others stay as they are.
"""

import copy
import dataclasses
import json
import os
import pathlib
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

MODEL_TYPES = ["llama", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "gemma2", "gemma3_text", "mistral", "ministral", "mixtral",
               "smollm3", "gemma", "phi", "phi3", "granite", "granitemoe", "granitemoeshared", "starcoder2", "olmo2", "olmo3",
               "olmoe", "glm", "glm4", "gpt2", "gpt_neox", "cohere", "cohere2", "deepseek_v2", "deepseek_v3", "glm4_moe",
               "gpt_oss", "llama4_text", "exaone4", "nemotron", "ministral3", "phimoe"]
# Of classes without head_dim: heads of hidden / heads.
NARROW = ["smollm3", "phi", "phi3", "granite", "granitemoe", "granitemoeshared", "starcoder2", "olmo2", "olmo3", "olmoe",
          "phimoe"]
BASE = {"vocab_size": 64, "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 4,
        "num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 128,
        "tie_word_embeddings": False, "pad_token_id": None, "bos_token_id": 1, "eos_token_id": 2}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
LAYERS = ["sliding_attention", "full_attention", "full_attention", "sliding_attention"]
# Keys that most families lack: what they are where a model type has others than BASE, and what they are set to.
ROUTED = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "first_k_dense_replace": 1}
LATENT = {**ROUTED, "num_key_value_heads": 32, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16,
          "v_head_dim": 8}
OWN = {"gpt2": {"vocab_size": 64, "n_embd": 64, "n_layer": 4, "n_head": 8, "n_inner": 32, "n_positions": 128},
       "gpt_neox": {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 32},
       "cohere2": {"num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": 8}, "cohere": {"use_qk_norm": False},
       "deepseek_v2": {**LATENT, "n_shared_experts": 1}, "deepseek_v3": {**LATENT, "n_group": 1, "topk_group": 1},
       "glm4_moe": ROUTED, "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8},
       "llama4_text": {"intermediate_size_mlp": 32, "num_local_experts": 4, "attention_chunk_size": 16, "floor_scale": 8}}
OF_ROUTED = [{"n_routed_experts": 2}, {"first_k_dense_replace": 2}, {"n_group": 2, "topk_group": 1}, {"routed_scaling_factor": 0.5},
             {"norm_topk_prob": False}, {"n_shared_experts": 2}, {"moe_layer_freq": 2}, {"num_nextn_predict_layers": 2},
             {"aux_loss_alpha": 0.1}, {"seq_aux": True}, {"ep_size": 2}, {"scoring_func": "softmax"}, {"topk_method": "greedy"},
             {"topk_method": "noaux_tc"}, {"topk_method": "group_limited_greedy", "n_group": 2, "topk_group": 1}]
OF_LATENT = [{"q_lora_rank": None}, {"q_lora_rank": 40}, {"kv_lora_rank": 24}, {"qk_nope_head_dim": 24}, {"qk_rope_head_dim": 8},
             {"v_head_dim": 24}, {"rope_interleave": False}, {"rope_interleave": None},
             {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "mscale": 0.5, "mscale_all_dim": 1.5}}]
OWN_SETTINGS = {
    "gpt2": [{"n_embd": 128}, {"n_layer": 2}, {"n_head": 4}, {"n_inner": 48}, {"n_inner": None}, {"n_positions": 64}, {"n_ctx": 64},
             {"activation_function": "relu"}, {"layer_norm_epsilon": 0.01}, {"scale_attn_weights": False},
             {"scale_attn_by_inverse_layer_idx": True}, {"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True},
             {"reorder_and_upcast_attn": True}, {"add_cross_attention": True}, {"summary_type": "mean"}, {"summary_use_proj": False},
             {"summary_activation": "tanh"}, {"summary_proj_to_labels": False}, {"summary_first_dropout": 0.5}, {"resid_pdrop": 0.5},
             {"embd_pdrop": 0.5}, {"attn_pdrop": 0.5}, {"activation_function": "gelu"}, {"activation_function": "silu"}],
    "gpt_neox": [{"layer_norm_eps": 0.01}, {"rotary_pct": 0.5}, {"rotary_pct": 1.0}, {"rotary_emb_base": 500.0}, {"is_decoder": True},
                 {"use_parallel_residual": False}, {"attention_bias": False}, {"hidden_dropout": 0.5}, {"classifier_dropout": 0.5},
                 {"hidden_act": "relu"}],
    "cohere": [{"layer_norm_eps": 0.01}, {"logit_scale": None}, {"hidden_act": "relu"}],
    "cohere2": [{"layer_norm_eps": 0.01}, {"sliding_window_pattern": 2}, {"sliding_window": None}, {"hidden_act": "relu"}],
    "deepseek_v2": OF_ROUTED + OF_LATENT, "deepseek_v3": OF_ROUTED + OF_LATENT,
    "glm4_moe": OF_ROUTED + [{"partial_rotary_factor": 1.0}],
    "gpt_oss": [{"swiglu_limit": 0.5}, {"swiglu_alpha": 1.0}, {"experts_per_token": 1}, {"initial_context_length": 64},
                {"attention_bias": False}, {"num_local_experts": 2}, {"sliding_window": None}, {"head_dim": None},
                {"layer_types": ["full_attention"] * 4}, {"layer_types": LAYERS}, {"rope_scaling": {}}],
    "phimoe": [{"router_jitter_noise": 0.5}, {"input_jitter_noise": 0.5}] + [
        {"rope_parameters": {"rope_type": "longrope", "short_factor": [1.5] * 8, "long_factor": [2.0] * 8, "short_mscale": short,
                             "long_mscale": long, "original_max_position_embeddings": 16}}
        for short, long in ((1.25, 1.25), (1.0, 1.25), (1.25, 1.0))],
    "llama4_text": [{"intermediate_size_mlp": 48}, {"moe_layers": [1]}, {"moe_layers": []}, {"interleave_moe_layer_step": 2},
                    {"no_rope_layers": [1, 1, 0, 1]}, {"no_rope_layer_interval": 2}, {"attention_chunk_size": 8},
                    {"attention_chunk_size": None}, {"attn_temperature_tuning": False}, {"floor_scale": 4}, {"attn_scale": 0.5},
                    {"use_qk_norm": False}, {"layer_types": ["full_attention"] * 4}, {"router_jitter_noise": 0.5},
                    {"layer_types": ["chunked_attention"] * 4}, {"head_dim": None}, {"num_key_value_heads": None}]}
# What a key is set to. Keys that are useless alone come with those that they need: windows must be shorter than TOKENS.
SETTINGS = [
    {"vocab_size": 96}, {"hidden_size": 128}, {"intermediate_size": 48}, {"num_hidden_layers": 2},
    {"num_attention_heads": 16}, {"num_key_value_heads": 4}, {"head_dim": 8}, {"max_position_embeddings": 64},
    {"hidden_act": "gelu"}, {"hidden_activation": "silu"}, {"rms_norm_eps": 0.01}, {"initializer_range": 0.5},
    {"use_cache": False}, {"pad_token_id": 5}, {"bos_token_id": 7}, {"eos_token_id": 9}, {"pretraining_tp": 2},
    {"attention_bias": True}, {"mlp_bias": True}, {"qkv_bias": False}, {"attention_dropout": 0.5},
    {"rope_theta": 500.0}, {"rope_local_base_freq": 500.0}, {"partial_rotary_factor": 0.5},
    {"rope_parameters": {"rope_type": "linear", "factor": 4.0}}, {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
    {"sliding_window": 8}, {"max_window_layers": 1},
    {"sliding_window": 8, "use_sliding_window": True}, {"sliding_window": 8, "use_sliding_window": False},
    {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 1},
    {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 3},
    {"sliding_window": 8, "layer_types": LAYERS},
    {"sliding_window": 8, "use_sliding_window": True, "layer_types": LAYERS},
    {"sliding_window": None, "use_sliding_window": True}, {"sliding_window": 8, "sliding_window_pattern": 3},
    {"sliding_window_pattern": 3}, {"query_pre_attn_scalar": 64}, {"attn_logit_softcapping": 0.5},
    {"final_logit_softcapping": 0.5}, {"attn_logit_softcapping": None}, {"final_logit_softcapping": None},
    {"use_bidirectional_attention": True}, {"cache_implementation": "hybrid"}, {"num_experts": 2},
    {"num_local_experts": 2}, {"num_experts_per_tok": 1}, {"moe_intermediate_size": 24},
    {"shared_expert_intermediate_size": 40}, {"norm_topk_prob": True}, {"decoder_sparse_step": 2},
    {"mlp_only_layers": [1]}, {"output_router_logits": True}, {"router_aux_loss_coef": 0.5},
    {"logit_scale": 0.5}, {"logits_scaling": 8.0}, {"residual_multiplier": 0.5}, {"embedding_multiplier": 12.0},
    {"attention_multiplier": 0.5}, {"use_qk_norm": True}, {"clip_qkv": 0.1}, {"attn_temperature_tuning": True},
    {"original_max_position_embeddings": 64}, {"rope_interleaved": True}, {"n_shared_experts": 1},
    {"qk_layernorm": True}, {"use_bias": False}, {"norm_epsilon": 0.01}, {"layer_norm_eps": 0.01},
    {"no_rope_layers": [1, 0, 1, 1]}, {"no_rope_layer_interval": 2}, {"shared_intermediate_size": 40},
    {"resid_pdrop": 0.5}, {"embd_pdrop": 0.5}, {"residual_dropout": 0.5}, {"lm_head_bias": True},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.25}},
    {"rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
                         "full_attention": {"rope_type": "default", "rope_theta": 500000.0}}},
    {"rope_parameters": {"rope_type": "longrope", "short_factor": [1.5] * 8, "long_factor": [2.0] * 8},
     "original_max_position_embeddings": 16},
]
TOKENS = torch.tensor([[3, 7, 1, 50, 20, 9, 33, 60, 2, 14] * 4])


def base(model_type):
    if model_type == "qwen2_moe":
        return {**BASE, **EXPERTS, "shared_expert_intermediate_size": 24}
    if model_type == "gpt2":
        return {**OWN["gpt2"], **{k: BASE[k] for k in ("tie_word_embeddings", "pad_token_id", "bos_token_id", "eos_token_id")}}
    keys = {**BASE, **(EXPERTS if model_type == "qwen3_moe" else {})}
    if model_type in ("mixtral", "granitemoe", "granitemoeshared", "phimoe"):
        keys |= {"num_local_experts": 4, "num_experts_per_tok": 2}
    if model_type == "olmoe":
        keys |= {"num_experts": 4, "num_experts_per_tok": 2}
    if model_type == "granitemoeshared":
        keys["shared_intermediate_size"] = 24
    if model_type in NARROW:
        del keys["head_dim"]
        keys["num_attention_heads"] = 4
    return {**keys, **OWN.get(model_type, {})}


def model(model_type, keys):
    config = AutoConfig.for_model(model_type, **copy.deepcopy({**base(model_type), **keys}))
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()


def logits(of):
    with torch.no_grad():
        return of(TOKENS, use_cache=False).logits


def effect(model_type, keys, weights, wanted):
    try:
        changed = model(model_type, keys)
        shapes = {k: v.shape for k, v in changed.state_dict().items()}
        if shapes != {k: v.shape for k, v in weights.items()}:
            return "changes"
        changed.load_state_dict(weights)
        return "ignored" if torch.allclose(logits(changed), wanted, atol=1e-6, rtol=1e-6) else "changes"
    except Exception:
        return "refused"


def class_keys(model_type):
    """Keys of the class beyond those of every configuration, with the values that silence means."""
    config_class = CONFIG_MAPPING[model_type]
    common = {f.name for f in dataclasses.fields(PreTrainedConfig)} - {"tie_word_embeddings"}
    keys = {}
    for f in dataclasses.fields(config_class):
        if f.name in common or f.name.startswith("_"):
            continue
        default = f.default_factory() if f.default is dataclasses.MISSING else f.default
        keys[f.name] = default
    return keys


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config_keys.json"
    only = sys.argv[2:]
    found = json.loads(file.read_text()) if only else {}
    for model_type in only or MODEL_TYPES:
        one = model(model_type, {})
        torch.manual_seed(1)
        with torch.no_grad():
            for p in one.parameters():
                p.copy_(torch.randn_like(p) * 0.3)
        weights, wanted = one.state_dict(), logits(one)
        effects = [{"keys": keys, "effect": effect(model_type, keys, weights, wanted)} for keys in SETTINGS + OWN_SETTINGS.get(model_type, [])]
        found[model_type] = {"base": base(model_type), "defaults": class_keys(model_type), "effects": effects}
        print(model_type, {e: sum(x["effect"] == e for x in effects) for e in ("changes", "ignored", "refused")})
    lines = [f'"{k}": ' + json.dumps(v, separators=(",", ":")) for k, v in found.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
