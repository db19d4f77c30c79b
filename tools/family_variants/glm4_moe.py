"""GLM-4.5 and 4.6: partly turned heads, the router of DeepSeek V3."""
import gguf

from family_variants import GgufFamily, variant

EXPERTS = dict(n_routed_experts=6, num_experts_per_tok=2, n_shared_experts=1, moe_intermediate_size=32, first_k_dense_replace=1)

VARIANTS = {
    # As GLM-4.5-Air: biased queries, keys and values.
    "air": variant("glm4_moe", gguf=True, **EXPERTS, attention_bias=True, use_qk_norm=False),
    # As GLM-4.5: normed queries and keys too; weights are scaled.
    "qk_norm": variant("glm4_moe", gguf=True, **EXPERTS, attention_bias=True, use_qk_norm=True, routed_scaling_factor=2.5),
    # Groups, whole heads turned and scaled, no dense layer, weights of the chosen as they are.
    "grouped": variant("glm4_moe", longest=3000, **{**EXPERTS, "n_routed_experts": 8, "n_shared_experts": 2,
                                                    "first_k_dense_replace": 0},
                       n_group=4, topk_group=2, norm_topk_prob=False, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=3,
                       rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "partial_rotary_factor": 1.0,
                                        "original_max_position_embeddings": 512}),
}


def keys(writer, config):
    rope = config["rope_parameters"]
    writer.add_rope_dimension_count(int(config["head_dim"] * rope["partial_rotary_factor"]))
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_shared_count(config["n_shared_experts"])
    writer.add_leading_dense_block_count(config["first_k_dense_replace"])
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    writer.add_expert_weights_norm(config["norm_topk_prob"])
    writer.add_expert_group_count(config["n_group"])
    writer.add_expert_group_used_count(config["topk_group"])


def tensors(config, tensors):
    return {name.replace("e_score_correction_bias", "e_score_correction.bias"): t for name, t in tensors.items()}


GGUF = {"glm4_moe": GgufFamily("GLM4_MOE", keys=keys, tensors=tensors)}
