"""Phi-1, 1.5 and 2: one LayerNorm, then attention and feed-forward side by side."""
from family_variants import GgufFamily, variant

WITHOUT = ("head_dim",)

VARIANTS = {
    # Half of each head turned, as silence means.
    "half": variant("phi", gguf=True, without=WITHOUT, num_key_value_heads=4),
    # Grouped heads, another part, another activation.
    "grouped": variant("phi", without=WITHOUT, hidden_size=64, hidden_act="relu", intermediate_size=96,
                       rope_parameters={"rope_type": "default", "rope_theta": 5000.0, "partial_rotary_factor": 0.25}),
    # Normed queries and keys.
    "normed": variant("phi", without=WITHOUT, qk_layernorm=True, num_key_value_heads=4),
    # Whole heads, scaled rotations, more layers.
    "linear": variant("phi", longest=3000, without=WITHOUT, num_hidden_layers=3, hidden_act="gelu", layer_norm_eps=1e-3,
                      rope_parameters={"rope_type": "linear", "factor": 8.0, "rope_theta": 10000.0,
                                       "partial_rotary_factor": 1.0}),
}


def keys(writer, config):
    heads = config["num_attention_heads"]
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_rope_dimension_count(int(config["rope_parameters"]["partial_rotary_factor"] * config["hidden_size"]) // heads)
    writer.add_add_bos_token(False)


GGUF = {"phi": GgufFamily("PHI2", keys=keys)}
