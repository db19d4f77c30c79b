"""StarCoder2: LayerNorm, biases everywhere, a plain feed-forward, windows."""
from family_variants import GgufFamily, variant

WITHOUT = ("head_dim",)
TIED = dict(tie_word_embeddings=True, changes={"embed_tokens": 0.2})

VARIANTS = {
    "full": variant("starcoder2", gguf=True, without=WITHOUT),
    "window": variant("starcoder2", longest=3000, without=WITHOUT, hidden_size=64, sliding_window=40, num_key_value_heads=1, **TIED),
    # Without biases, another head, another activation.
    "no_bias": variant("starcoder2", without=WITHOUT, use_bias=False, hidden_act="silu", num_hidden_layers=3, norm_epsilon=1e-3),
}


def keys(writer, config):
    writer.add_layer_norm_eps(config["norm_epsilon"])


GGUF = {"starcoder2": GgufFamily("STARCODER2", keys=keys)}
