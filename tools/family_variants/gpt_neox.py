"""GPT-NeoX and Pythia: q, k and v of each head side by side, two norms in parallel."""
import torch

from family_variants import GgufFamily, variant

SMALL = {"bias": 0.1}  # else they decide about the token alone
WITHOUT = ("num_key_value_heads", "head_dim")

VARIANTS = {
    # As Pythia.
    "pythia": variant("gpt_neox", without=WITHOUT, gguf=True, hidden_size=64, rotary_pct=0.25, changes=SMALL),
    # One part of a layer after the other, whole heads turned, no biases in attention.
    "sequential": variant("gpt_neox", without=WITHOUT, gguf=True, hidden_size=48, num_attention_heads=3, rotary_pct=1.0,
                          use_parallel_residual=False, attention_bias=False, rotary_emb_base=500.0,
                          changes=SMALL),
    # Scaled rotations of half of each head; one tensor for embedding and head.
    "linear": variant("gpt_neox", without=WITHOUT, longest=3000, hidden_size=64, tie_word_embeddings=True,
                      changes={**SMALL, "embed_in": 0.2},
                      rope_parameters={"rope_type": "linear", "factor": 4.0, "partial_rotary_factor": 0.5,
                                       "rope_theta": 10000.0}),
}


def keys(writer, config):
    rope = config["rope_parameters"]
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_parallel_residual(config["use_parallel_residual"])
    writer.add_rope_dimension_count(int(rope["partial_rotary_factor"] * (config["hidden_size"] // config["num_attention_heads"])))


def tensors(config, tensors):
    """All of q, then all of k and of v."""
    heads = config["num_attention_heads"]

    def by_kind(t):
        parts = t.reshape(heads, 3, t.shape[0] // heads // 3, *t.shape[1:])
        return torch.cat([parts[:, i].reshape(-1, *t.shape[1:]) for i in range(3)])

    return {name: by_kind(t) if "query_key_value" in name else t for name, t in tensors.items()}


GGUF = {"gpt_neox": GgufFamily("GPTNEOX", sizes=lambda config: dict(config, num_key_value_heads=config["num_attention_heads"]), keys=keys, tensors=tensors)}
