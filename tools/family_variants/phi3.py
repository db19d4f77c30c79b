"""Phi-3, 3.5, 4 and 4-mini: Mistral's layer with fused projections, long contexts by LongRoPE."""
import math

import torch

from family_variants import GgufFamily, variant

WITHOUT = ("head_dim",)


def longrope(pairs, part=1.0):
    return {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": part,
            "short_factor": [1.0 + 0.05 * i for i in range(pairs)], "long_factor": [1.5 + 2.0 * i for i in range(pairs)]}


VARIANTS = {
    # Every layer has a window, as Phi-3-mini-4k.
    "window": variant("phi3", longest=3000, gguf=True, without=WITHOUT, sliding_window=50),
    # Short factors up to 500 rows, long ones from there on.
    "longrope": variant("phi3", longest=3000, gguf=True, without=WITHOUT, original_max_position_embeddings=500,
                        rope_parameters=longrope(4)),
    # As Phi-4-mini: part of each head turned, one tensor for embedding and head.
    "partial": variant("phi3", longest=3000, without=WITHOUT, hidden_size=64, original_max_position_embeddings=500,
                       tie_word_embeddings=True, rope_parameters=longrope(6, 0.75), changes={"embed_tokens": 0.2}),
    # As Phi-4: neither windows nor scaled rotations.
    "plain": variant("phi3", without=WITHOUT, num_hidden_layers=3, num_key_value_heads=1,
                     rope_parameters={"rope_type": "default", "rope_theta": 250000.0}),
}


def keys(writer, config):
    rope, heads = config["rope_parameters"], config["num_attention_heads"]
    writer.add_rope_scaling_orig_ctx_len(config["original_max_position_embeddings"])
    writer.add_rope_dimension_count(int(rope["partial_rotary_factor"] * config["hidden_size"]) // heads)
    writer.add_sliding_window(config["sliding_window"] or 0)
    if rope["rope_type"] == "longrope":
        scale = config["max_position_embeddings"] / config["original_max_position_embeddings"]
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(config["original_max_position_embeddings"])))


def tensors(config, found):
    rope = config["rope_parameters"]
    for length in ("long", "short"):
        if f"{length}_factor" in rope:
            found[f"rope_factors_{length}.weight"] = torch.tensor(rope[f"{length}_factor"])
    return found


GGUF = {"phi3": GgufFamily("PHI3", keys=keys, tensors=tensors, own_tensors=True)}
