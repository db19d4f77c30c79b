"""DeepSeek V2 and V3: latent attention, routers that choose within groups."""
import gguf

from family_variants import GgufFamily, variant

WITHOUT = ("head_dim",)
LATENT = dict(without=WITHOUT, num_key_value_heads=4, kv_lora_rank=32, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10,
              moe_intermediate_size=24, first_k_dense_replace=1)
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "original_max_position_embeddings": 512, "beta_fast": 32.0,
        "beta_slow": 1.0}

VARIANTS = {
    # As V3 and R1: queries from a latent, sigmoid scores with a correction, groups, YaRN with equal magnitudes.
    "v3": variant("deepseek_v3", gguf=True, longest=3000, **LATENT, q_lora_rank=24, n_routed_experts=8, n_group=4, topk_group=2,
                  num_experts_per_tok=3, n_shared_experts=1, rope_parameters={**YARN, "mscale": 1.0, "mscale_all_dim": 1.0}),
    # Queries from x, halves turned, biases, no dense layer, weights of the chosen as they are, unlike magnitudes.
    "v3_halves": variant("deepseek_v3", longest=3000, **{**LATENT, "first_k_dense_replace": 0}, q_lora_rank=None,
                         rope_interleave=False, attention_bias=True, n_routed_experts=6, n_group=1, topk_group=1,
                         num_experts_per_tok=2, n_shared_experts=2, norm_topk_prob=False, routed_scaling_factor=1.5,
                         rope_parameters={**YARN, "mscale": 0.7, "mscale_all_dim": 1.2}),
    # As V2: softmax scores, the best expert decides about a group.
    "v2": variant("deepseek_v2", gguf=True, longest=3000, **LATENT, q_lora_rank=24, n_routed_experts=8, n_group=4, topk_group=2,
                  topk_method="group_limited_greedy", num_experts_per_tok=3, n_shared_experts=2, routed_scaling_factor=4.0,
                  rope_parameters={**YARN, "mscale": 0.707, "mscale_all_dim": 0.707}),
    # As V2 Lite: queries from x, experts chosen among all.
    "v2_lite": variant("deepseek_v2", **LATENT, q_lora_rank=None, n_routed_experts=6, topk_method="greedy",
                       num_experts_per_tok=2, n_shared_experts=2, attention_bias=True, mlp_bias=True),
}


def sizes(config):
    return dict(config, head_dim=None, num_key_value_heads=1)


def keys(writer, config):
    nope, rope, latent = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["kv_lora_rank"]
    if config["q_lora_rank"]:
        writer.add_q_lora_rank(config["q_lora_rank"])
    writer.add_kv_lora_rank(latent)
    writer.add_key_length(latent + rope)
    writer.add_value_length(latent)
    writer.add_key_length_mla(nope + rope)
    writer.add_value_length_mla(config["v_head_dim"])
    writer.add_rope_dimension_count(rope)
    parameters = config["rope_parameters"]
    if parameters["rope_type"] == "yarn":
        writer.add_rope_scaling_yarn_log_mul(0.1 * parameters["mscale_all_dim"])
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_shared_count(config["n_shared_experts"])
    writer.add_leading_dense_block_count(config["first_k_dense_replace"])
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    writer.add_expert_weights_norm(bool(config["norm_topk_prob"]))
    kinds = gguf.ExpertGatingFuncType
    writer.add_expert_gating_func(kinds.SIGMOID if config["model_type"] == "deepseek_v3" else kinds.SOFTMAX)
    if config["n_group"]:
        writer.add_expert_group_count(config["n_group"])
        writer.add_expert_group_used_count(config["topk_group"])


def tensors(config, tensors):
    """What makes keys of a latent turned head by head, and what makes values apart from it."""
    heads, nope, value = config["num_attention_heads"], config["qk_nope_head_dim"], config["v_head_dim"]
    result = {}
    for name, t in tensors.items():
        name = name.replace("e_score_correction_bias", "e_score_correction.bias")
        if name.endswith("kv_b_proj.weight"):
            keys_part, values_part = t.reshape(heads, nope + value, -1).split([nope, value], dim=1)
            result[name.replace("kv_b_proj", "k_b_proj")] = keys_part.transpose(1, 2).contiguous()
            result[name.replace("kv_b_proj", "v_b_proj")] = values_part.contiguous()
        else:
            result[name] = t
    return result


GGUF = {"deepseek_v2": GgufFamily("DEEPSEEK2", sizes=sizes, keys=keys, tensors=tensors), "deepseek_v3": GgufFamily("DEEPSEEK2", sizes=sizes, keys=keys, tensors=tensors)}
