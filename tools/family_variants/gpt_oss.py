"""gpt-oss: sinks, windows in every other layer, biased and clamped experts."""
from family_variants import GgufFamily, variant

EXPERTS = dict(num_local_experts=4, num_experts_per_tok=2)
YARN = {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
        "original_max_position_embeddings": 512}

VARIANTS = {
    # As published, but weights of the experts in bf16.
    "bf16": variant("gpt_oss", gguf=True, longest=3000, **EXPERTS, sliding_window=100, rope_parameters=YARN),
    # No biases in attention, plain rotations, other layers, another clamp that is reached often.
    "unbiased": variant("gpt_oss", longest=3000, **{**EXPERTS, "num_local_experts": 6, "num_experts_per_tok": 3},
                        num_hidden_layers=3, sliding_window=9, attention_bias=False, swiglu_limit=0.7, swiglu_alpha=1.2,
                        num_attention_heads=6, num_key_value_heads=3, intermediate_size=40,
                        layer_types=["full_attention", "sliding_attention", "full_attention"],
                        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    # All layers see everything.
    "full": variant("gpt_oss", **EXPERTS, sliding_window=None, layer_types=["full_attention", "full_attention"],
                    tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
}


def keys(writer, config):
    writer.add_sliding_window(config["sliding_window"])
    writer.add_expert_feed_forward_length(config["intermediate_size"])


def tensors(config, tensors):
    """Rows of gate and up apart, as [out, in]."""
    result = {}
    for name, t in tensors.items():
        kind = ".bias" if name.endswith("_bias") else ".weight"
        stem = name.removesuffix("_bias")
        turned = t if kind == ".bias" else t.transpose(-1, -2)
        if stem.endswith("gate_up_proj"):
            for i, part in enumerate(("gate_proj", "up_proj")):
                result[stem.replace("gate_up_proj", part) + kind] = turned[:, i::2].contiguous()
        elif stem.endswith("experts.down_proj"):
            result[stem + kind] = turned.contiguous()
        else:
            result[name + ".weight" if name.endswith("sinks") else name] = t
    return result


GGUF = {"gpt_oss": GgufFamily("GPT_OSS", keys=keys, tensors=tensors)}
