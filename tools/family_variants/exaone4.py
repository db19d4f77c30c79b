"""EXAONE 4: norms after attention and feed-forward, normed queries and keys; layers without a window do not rotate."""
from family_variants import GgufFamily, variant

FULL = {"sliding_window": None, "layer_types": ["full_attention"] * 2}

VARIANTS = {
    # As the large model: a window in three layers of four, listed.
    "window": variant("exaone4", longest=3000, gguf=True, num_hidden_layers=4, sliding_window=9, intermediate_size=32, changes={"q_norm": 0.6},
                      layer_types=["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"]),
    # As the small model: no windows, rotation in all layers; one tensor for embedding and head.
    "full": variant("exaone4", gguf=True, num_key_value_heads=1, tie_word_embeddings=True, changes={"embed_tokens": 0.2}, **FULL),
    # The pattern of the class where nothing is listed; heads of hidden / heads; another activation.
    "pattern": variant("exaone4", longest=3000, without=("head_dim",), num_hidden_layers=3, sliding_window=40, sliding_window_pattern=2,
                       num_attention_heads=6, num_key_value_heads=3, hidden_size=48, intermediate_size=40, hidden_act="gelu",
                       rms_norm_eps=1e-3),
    # Scaled rotations.
    "llama3": variant("exaone4", longest=3000, rope_parameters={"rope_type": "llama3", "rope_theta": 1e4, "factor": 16.0,
                                                                "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                                "original_max_position_embeddings": 256}, **FULL),
}


def keys(writer, config):
    if config["sliding_window"] is not None:
        writer.add_sliding_window(config["sliding_window"])
        writer.add_sliding_window_pattern([t == "sliding_attention" for t in config["layer_types"]])


GGUF = {"exaone4": GgufFamily("EXAONE4", keys=keys)}
