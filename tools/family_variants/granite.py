"""Granite 3 and Granite-MoE: Llama's layer with four multipliers, dense and with experts."""
from family_variants import GgufFamily, permute_queries_and_keys, variant

WITHOUT = ("head_dim",)
MULTIPLIERS = dict(embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=4.0)
EXPERTS = dict(intermediate_size=32, num_local_experts=4, num_experts_per_tok=2)

VARIANTS = {
    "dense": variant("granite", gguf=True, without=WITHOUT, **MULTIPLIERS),
    # Biases; multipliers that the class has as 1; scaled rotations.
    "bias": variant("granite", longest=3000, without=WITHOUT, hidden_size=64, attention_bias=True, mlp_bias=True,
                    attention_multiplier=0.3, tie_word_embeddings=True, changes={"embed_tokens": 0.2},
                    rope_parameters={"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
                                     "high_freq_factor": 4.0, "original_max_position_embeddings": 256}),
    "moe": variant("granitemoe", gguf=True, without=WITHOUT, **MULTIPLIERS, **EXPERTS, tie_word_embeddings=True,
                   changes={"embed_tokens": 0.05}),
    "moe_bias": variant("granitemoe", without=WITHOUT, num_local_experts=5, num_experts_per_tok=1, intermediate_size=32,
                        attention_bias=True, num_key_value_heads=1, embedding_multiplier=0.5),
    # A shared expert beside the others, and none (as wide as 0).
    "moe_shared": variant("granitemoeshared", gguf=True, without=WITHOUT, **MULTIPLIERS, **EXPERTS,
                          shared_intermediate_size=64, tie_word_embeddings=True, changes={"embed_tokens": 0.05}),
    "moe_not_shared": variant("granitemoeshared", without=WITHOUT, **MULTIPLIERS, **EXPERTS, shared_intermediate_size=0),
}


def keys(writer, config):
    writer.add_attention_scale(config["attention_multiplier"])
    writer.add_embedding_scale(config["embedding_multiplier"])
    writer.add_residual_scale(config["residual_multiplier"])
    writer.add_logit_scale(config["logits_scaling"])
    if config.get("shared_intermediate_size"):
        writer.add_expert_shared_feed_forward_length(config["shared_intermediate_size"])


def tensors(config, found):
    """gate and up of experts, which a directory has in one tensor, by themselves."""
    result = {}
    for name, tensor in permute_queries_and_keys(config, found).items():
        if name.endswith("input_linear.weight"):
            for part, rows in zip(("gate", "up"), tensor.chunk(2, dim=-2)):
                kind = "exps" if "block_sparse_moe" in name else "shexp"
                result[f"blk.{name.split('.')[2]}.ffn_{part}_{kind}.weight"] = rows.contiguous()
        else:
            result[name] = tensor
    return result


GGUF = {"granite": GgufFamily("GRANITE", keys=keys, tensors=permute_queries_and_keys),
        "granitemoe": GgufFamily("GRANITE_MOE", keys=keys, tensors=tensors, own_tensors=True),
        "granitemoeshared": GgufFamily("GRANITE_MOE", keys=keys, tensors=tensors, own_tensors=True)}
