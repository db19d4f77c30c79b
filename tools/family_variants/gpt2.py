"""GPT-2: learned positions, fused and transposed weights."""
from family_variants import GgufFamily, variant

WITHOUT = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size",
           "max_position_embeddings")
SIZES = dict(without=WITHOUT, n_embd=64, n_layer=2, n_head=4, n_positions=1024, tie_word_embeddings=True)
SMALL = {"bias": 0.1}  # else they decide about the token alone
TIED = {**SMALL, "wte": 0.2, "wpe": 0.5}

VARIANTS = {
    # As published: one tensor for embedding and head.
    "plain": variant("gpt2", gguf=True, changes=TIED, **SIZES),
    # Scores by the number of the layer, another width and activation of the feed-forward, three heads.
    "layer_scale": variant("gpt2", changes=SMALL,
                           **{**SIZES, "n_embd": 48, "n_head": 3, "n_layer": 3, "tie_word_embeddings": False},
                           scale_attn_by_inverse_layer_idx=True, n_inner=80, activation_function="relu",
                           layer_norm_epsilon=1e-3),
    # Scores as they are, a head of its own.
    "unscaled": variant("gpt2", gguf=False, changes={**SMALL, "c_attn": 0.5}, **{**SIZES, "tie_word_embeddings": False},
                        scale_attn_weights=False, activation_function="gelu"),
}


def sizes(config):
    return dict(config, max_position_embeddings=config["n_positions"], hidden_size=config["n_embd"],
                num_hidden_layers=config["n_layer"], intermediate_size=config["n_inner"] or 4 * config["n_embd"],
                num_attention_heads=config["n_head"], num_key_value_heads=config["n_head"])


def tensors(config, tensors):
    """Matrices as [out, in]."""
    return {name: t.T.contiguous() if name.endswith("weight") and (".c_" in name) else t for name, t in tensors.items()}


GGUF = {"gpt2": GgufFamily("GPT2", sizes=sizes, keys=lambda writer, config: writer.add_layer_norm_eps(config["layer_norm_epsilon"]), tensors=tensors)}
