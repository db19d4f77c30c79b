"""GLM-4 in both forms that transformers has: `glm` norms before attention and feed-forward, `glm4` after them too."""
import torch

from family_variants import GgufFamily, variant

VARIANTS = {
    # Half of each head turned, as silence means; biased q, k and v.
    "glm": variant("glm", gguf=True),
    "glm_no_bias": variant("glm", gguf=True, attention_bias=False, num_key_value_heads=1, num_hidden_layers=3,
                           rope_parameters={"rope_type": "default", "rope_theta": 5000.0, "partial_rotary_factor": 0.25}),
    "glm4": variant("glm4", gguf=True),
    # Whole heads, scaled rotations, no biases, one tensor for embedding and head.
    "glm4_linear": variant("glm4", longest=3000, attention_bias=False, tie_word_embeddings=True, changes={"embed_tokens": 0.2},
                           rope_parameters={"rope_type": "linear", "factor": 8.0, "rope_theta": 10000.0,
                                            "partial_rotary_factor": 1.0}),
}


def keys(writer, config):
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_rope_dimension_count(int(width * config["rope_parameters"].get("partial_rotary_factor", 0.5)))


def chatglm(config, found):
    """q, k and v in one tensor, as older files of this architecture have them: here those without biases."""
    if config["attention_bias"]:
        return found
    result = {}
    for name, tensor in found.items():
        if ".self_attn.q_proj." in name:
            parts = [found[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
            result[f"blk.{name.split('.')[2]}.attn_qkv.{name.split('.')[-1]}"] = torch.cat(parts)
        elif not any(f".self_attn.{p}_proj." in name for p in "kv"):
            result[name] = tensor
    return result


GGUF = {"glm": GgufFamily("CHATGLM", keys=keys, tensors=chatglm, own_tensors=True), "glm4": GgufFamily("GLM4", keys=keys)}
