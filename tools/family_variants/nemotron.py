"""Nemotron and Minitron: LayerNorm whose gains are stored less one, partly rotated heads, squared ReLU without gate."""
from family_variants import GgufFamily, variant

VARIANTS = {
    # Half of each head turned, as silence means.
    "half": variant("nemotron", gguf=True),
    # Biases, one key head, three layers, another part turned.
    "bias": variant("nemotron", gguf=True, num_hidden_layers=3, num_key_value_heads=1, attention_bias=True, mlp_bias=True,
                    intermediate_size=40, norm_eps=1e-3, changes={"q_proj": 0.5},
                    rope_parameters={"rope_type": "default", "rope_theta": 5000.0, "partial_rotary_factor": 0.25}),
    # Heads of hidden / heads, three of them for keys, another activation; one tensor for embedding and head.
    "tied": variant("nemotron", longest=3000, hidden_size=48, head_dim=None, num_attention_heads=6, num_key_value_heads=3,
                    hidden_act="silu", tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
}


def keys(writer, config):
    writer.add_layer_norm_eps(config["norm_eps"])
    part = config["rope_parameters"]["partial_rotary_factor"]
    writer.add_rope_dimension_count(int(part * config["head_dim"]))


def tensors(config, tensors):
    return {name: t.float() + 1 if name.endswith("norm.weight") else t for name, t in tensors.items()}


GGUF = {"nemotron": GgufFamily("NEMOTRON", keys=keys, tensors=tensors)}
