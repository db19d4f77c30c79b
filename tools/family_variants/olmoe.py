"""OLMoE: pre-norm layers with experts, queries and keys normed over all heads."""
from family_variants import GgufFamily, variant

WITHOUT = ("head_dim",)

VARIANTS = {
    # Weights of the chosen as they are.
    "plain": variant("olmoe", gguf=True, without=WITHOUT, num_key_value_heads=4, intermediate_size=32, num_experts=4,
                     num_experts_per_tok=2, tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
    # Weights that sum to 1; grouped heads; biases.
    "renormalised": variant("olmoe", without=WITHOUT, intermediate_size=32, num_experts=5, num_experts_per_tok=3,
                            norm_topk_prob=True, attention_bias=True),
    # Queries, keys and values that are limited, one in ten.
    "clipped": variant("olmoe", gguf=True, without=WITHOUT, intermediate_size=32, num_experts=4, num_experts_per_tok=2, clip_qkv=1.5),
    "linear": variant("olmoe", longest=3000, without=WITHOUT, intermediate_size=32, num_experts=6, num_experts_per_tok=1,
                      num_key_value_heads=1, num_hidden_layers=2, rms_norm_eps=1e-3,
                      rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}),
}


def keys(writer, config):
    if config.get("clip_qkv"):
        writer.add_clamp_kqv(config["clip_qkv"])


GGUF = {"olmoe": GgufFamily("OLMOE", keys=keys)}
