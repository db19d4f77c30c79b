"""Command R (cohere) and Command R7B (cohere2): parallel parts behind one norm, scaled logits."""
from family_variants import GgufFamily, variant

TIED = dict(tie_word_embeddings=True, changes={"embed_tokens": 0.5})

VARIANTS = {
    # As published.
    "plain": variant("cohere", gguf=True, logit_scale=0.25, **TIED),
    # Norms of queries and keys with gains for each head.
    "qk_norm": variant("cohere", gguf=True, use_qk_norm=True, num_attention_heads=6, num_key_value_heads=3, hidden_size=48,
                       logit_scale=0.25, **TIED),
    # As Command R+: norms of queries and keys, nothing else; scaled rotations.
    "qk_norm_linear": variant("cohere", longest=3000, use_qk_norm=True, logit_scale=0.25, **TIED,
                              rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 75000.0}),
    # Three of four layers have a window and turn positions.
    "cohere2": variant("cohere2", gguf=True, longest=3000, without=("head_dim",), hidden_size=64, num_hidden_layers=4,
                       sliding_window=100, logit_scale=0.25, **TIED),
    # The layers that the configuration lists; biases; a head of its own.
    "cohere2_listed": variant("cohere2", longest=3000, without=("head_dim",), hidden_size=64, num_hidden_layers=3,
                              sliding_window=9, attention_bias=True, hidden_act="gelu", logit_scale=0.5,
                              layer_types=["full_attention", "sliding_attention", "full_attention"]),
}


def keys(writer, config):
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_logit_scale(config["logit_scale"])
    if config["model_type"] == "cohere2":
        writer.add_sliding_window(config["sliding_window"])


GGUF = {"cohere": GgufFamily("COMMAND_R", keys=keys), "cohere2": GgufFamily("COHERE2", keys=keys)}
