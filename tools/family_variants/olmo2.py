"""OLMo-2 and OLMo-3: norms after attention and feed-forward, queries and keys normed over all heads."""
from family_variants import GgufFamily, variant

WITHOUT = ("head_dim",)
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "original_max_position_embeddings": 512}
DEFAULT = {"rope_type": "default", "rope_theta": 10000.0}

VARIANTS = {
    "olmo2": variant("olmo2", gguf=True, without=WITHOUT, num_hidden_layers=2),
    # Biases, three key heads.
    "bias": variant("olmo2", without=WITHOUT, hidden_size=48, num_attention_heads=6, num_key_value_heads=3, attention_bias=True,
                    intermediate_size=32),
    # One layer in four sees everything.
    "olmo3": variant("olmo3", longest=3000, without=WITHOUT, num_hidden_layers=4, sliding_window=9, intermediate_size=32),
    # Listed windows; scaled rotations where everything is seen.
    "olmo3_yarn": variant("olmo3", longest=3000, gguf=True, without=WITHOUT, num_hidden_layers=4, sliding_window=12,
                          intermediate_size=32, num_key_value_heads=4,
                          layer_types=["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"],
                          rope_parameters={"full_attention": YARN, "sliding_attention": DEFAULT}),
}


def keys(writer, config):
    if "layer_types" in config:
        writer.add_sliding_window(config["sliding_window"])
        writer.add_sliding_window_pattern([t == "sliding_attention" for t in config["layer_types"]])


GGUF = {"olmo2": GgufFamily("OLMO2", keys=keys), "olmo3": GgufFamily("OLMO2", keys=keys)}
