"""Phi-3.5-MoE: LayerNorms, experts by SparseMixer, LongRoPE with two factors of its own for what is turned."""
import torch

from family_variants import GgufFamily, variant
from family_variants.mixtral import name_experts

WITHOUT = ("head_dim",)
EXPERTS = dict(intermediate_size=32, num_local_experts=4, num_experts_per_tok=2)


def longrope(short_mscale, long_mscale):
    return {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0 + 0.05 * i for i in range(4)],
            "long_factor": [1.5 + 2.0 * i for i in range(4)], "short_mscale": short_mscale, "long_mscale": long_mscale,
            "original_max_position_embeddings": 500}


VARIANTS = {
    # One mscale up to 500 rows, another from there on, which is all that changes there; biases, as the published model.
    "longrope": variant("phimoe", longest=3000, without=WITHOUT, **EXPERTS, attention_bias=True, lm_head_bias=True,
                        original_max_position_embeddings=500, rope_parameters=longrope(1.1, 1.3)),
    # One factor for both, as GGUF files have it; logits of experts that are near to each other.
    "near": variant("phimoe", longest=3000, gguf=True, without=WITHOUT, **EXPERTS, attention_bias=True, lm_head_bias=True,
                    original_max_position_embeddings=500, rope_parameters=longrope(1.25, 1.25)),
    # More experts of which none other is near, windows, one tensor for embedding and head.
    "window": variant("phimoe", without=WITHOUT, intermediate_size=48, num_local_experts=7, num_experts_per_tok=2,
                      router_jitter_noise=0.0, num_key_value_heads=1, sliding_window=40, tie_word_embeddings=True,
                      changes={"embed_tokens": 0.2}),
    # A tolerance with which most of the experts count.
    "tolerant": variant("phimoe", without=WITHOUT, intermediate_size=32, num_local_experts=5, num_experts_per_tok=2,
                        router_jitter_noise=0.4, attention_bias=True),
}


def keys(writer, config):
    writer.add_rope_scaling_orig_ctx_len(config["original_max_position_embeddings"])
    writer.add_rope_scaling_attn_factors(config["rope_parameters"]["long_mscale"])
    writer.add_sliding_window(config["sliding_window"] or 0)


def tensors(config, found):
    result = name_experts(found)
    for length in ("long", "short"):
        result[f"rope_factors_{length}.weight"] = torch.tensor(config["rope_parameters"][f"{length}_factor"])
    return result


GGUF = {"phimoe": GgufFamily("PHIMOE", keys=keys, tensors=tensors, own_tensors=True)}
