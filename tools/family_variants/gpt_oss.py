"""gpt-oss: sinks, windows in every other layer, biased and clamped experts."""
import torch

from family_variants import GgufFamily, variant

# What four bits stand for in MXFP4; 32 of them share a power of two.
NUMBERS = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])


def to_mxfp4(matrix):
    """[.., in] as codes [.., in / 32, 32] and exponents [.., in / 32], of which 127 is 2^0."""
    groups = matrix.float().reshape(*matrix.shape[:-1], -1, 32)
    exponents = torch.floor(torch.log2(groups.abs().amax(-1).clamp(min=1e-30))) - 2
    scaled = groups / torch.exp2(exponents)[..., None]
    codes = (scaled.abs()[..., None] - NUMBERS).abs().argmin(-1) + 8 * (scaled < 0)
    return codes.to(torch.uint8), (exponents + 127).to(torch.uint8)


def from_mxfp4(codes, exponents):
    values = NUMBERS[(codes & 7).long()] * torch.where(codes >= 8, -1.0, 1.0)
    return (values * torch.exp2(exponents.float() - 127)[..., None]).flatten(-2)


def is_experts(name):
    return name.endswith(("experts.gate_up_proj", "experts.down_proj"))


def round_experts(model):
    for name, p in model.named_parameters():
        if is_experts(name):
            p.copy_(from_mxfp4(*to_mxfp4(p.transpose(-1, -2))).transpose(-1, -2))


def store_experts(config, tensors):
    """As published: X_blocks, where neighbours share a byte, and X_scales, as [out, in]."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors
    result = {}
    for name, t in tensors.items():
        if not is_experts(name):
            result[name] = t
            continue
        codes, exponents = to_mxfp4(t.transpose(-1, -2))
        blocks = (codes[..., 0::2] | codes[..., 1::2] << 4).contiguous()
        assert torch.equal(convert_moe_packed_tensors(blocks, exponents), t), name  # as the reference reads them
        result |= {name + "_blocks": blocks, name + "_scales": exponents.contiguous()}
    return dict(config, quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]}), result


SMALL = {"bias": 0.3}
EXPERTS = dict(num_local_experts=4, num_experts_per_tok=2, changes=SMALL)
YARN = {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
        "original_max_position_embeddings": 512}

VARIANTS = {
    # As published, but weights of the experts in bf16.
    "bf16": variant("gpt_oss", gguf=True, longest=3000, **EXPERTS, sliding_window=100, rope_parameters=YARN),
    # As published.
    "mxfp4": variant("gpt_oss", longest=3000, gguf=True, **EXPERTS, sliding_window=100, rope_parameters=YARN,
                     prepare=round_experts, store=store_experts),
    # No biases in attention, plain rotations, other layers, another clamp that is reached often.
    "unbiased": variant("gpt_oss", longest=3000, **{**EXPERTS, "num_local_experts": 6, "num_experts_per_tok": 3},
                        num_hidden_layers=3, sliding_window=9, attention_bias=False, swiglu_limit=0.7, swiglu_alpha=1.2,
                        num_attention_heads=6, num_key_value_heads=3, intermediate_size=40,
                        layer_types=["full_attention", "sliding_attention", "full_attention"],
                        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
}


def keys(writer, config):
    writer.add_sliding_window(config["sliding_window"])
    writer.add_expert_feed_forward_length(config["intermediate_size"])


def tensors(config, tensors):
    """Rows of gate and up apart, as [out, in]; blocks of MXFP4 with their scale before them and codes of both halves in a byte."""
    result = {}
    for name in [n for n in tensors if n.endswith("_blocks")]:
        blocks, exponents = tensors.pop(name), tensors.pop(name.replace("_blocks", "_scales"))
        codes = torch.stack([blocks & 15, blocks >> 4], dim=-1).flatten(-2)
        rows = torch.cat([exponents[..., None], codes[..., :16] | codes[..., 16:] << 4], dim=-1).flatten(-2)
        parts = {"down_proj": rows} if "down_proj" in name else {"gate_proj": rows[:, 0::2], "up_proj": rows[:, 1::2]}
        stem = name.removesuffix("_blocks")
        for part, t in parts.items():
            result[stem.replace("gate_up_proj", part) + ".weight"] = t.contiguous()
    for name, t in tensors.items():
        kind = ".bias" if name.endswith("_bias") else ".weight"
        stem = name.removesuffix("_bias")
        turned = t.transpose(-1, -2) if is_experts(stem) and kind == ".weight" else t
        if stem.endswith("gate_up_proj"):
            for i, part in enumerate(("gate_proj", "up_proj")):
                result[stem.replace("gate_up_proj", part) + kind] = turned[:, i::2].contiguous()
        elif stem.endswith("experts.down_proj"):
            result[stem + kind] = turned.contiguous()
        else:
            result[name + ".weight" if name.endswith("sinks") else name] = t
    return result


GGUF = {"gpt_oss": GgufFamily("GPT_OSS", keys=keys, tensors=tensors)}
