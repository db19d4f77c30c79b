#!/usr/bin/env python3
"""Writes tests/golden/attention: small attention layers, slopes and buckets, as PyTorch and Hugging Face transformers
compute them; rotations are in make_rope_golden.py. Usage: make_attention_golden.py <output folder>
"""

import importlib
import json
import pathlib
import sys

import numpy as np
import torch
from transformers import BartConfig, LlamaConfig, T5Config
from transformers.masking_utils import (create_causal_mask, create_chunked_causal_mask,
                                        create_sliding_window_causal_mask)
from transformers.models.bart.modeling_bart import BartAttention
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLVisionRotaryEmbedding, VisionAttention
from transformers.models.t5.modeling_t5 import T5Attention

TOKENS = 40


def numbers(tensor):
    return [float(v) for v in tensor.detach().to(torch.float32).flatten()]


def llama_config(rope, head_dim=32, context=4096, **more):
    return LlamaConfig(hidden_size=head_dim * 4, num_attention_heads=4, num_key_value_heads=2, head_dim=head_dim,
                       max_position_embeddings=context, rope_parameters=rope, attn_implementation="eager", **more)


def module_of(family, name):
    return getattr(importlib.import_module(f"transformers.models.{family}.modeling_{family}"), name)


def save_case(folder, name, spec, tensors, names="separate"):
    layout = [{"name": key, "shape": list(value.shape)} for key, value in tensors.items()]
    flat = np.concatenate([value.detach().numpy().astype(np.float32).ravel() for value in tensors.values()])
    np.save(folder / f"{name}.npy", flat)
    return {"name": name, "names": names, "spec": spec, "tensors": layout}


def random_layer(layer):
    layer = layer.eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return layer


def layer_case(folder, name, family, prefix, spec, make_mask=create_causal_mask, slopes=None, extra_mask=None,
               names="separate", attention=None, rotary=None, renamed=None, call=None, axes=None, **options):
    """One attention module of a family with random weights. `spec`: the same as an AttentionSpec in JSON."""
    torch.manual_seed(11)
    config_class = getattr(importlib.import_module(f"transformers.models.{family}.configuration_{family}"),
                           f"{prefix}Config")
    known = {"num_hidden_layers": 1, "num_key_value_heads": spec["num_kv_heads"], "head_dim": spec["head_dim"], **options}
    known = {key: value for key, value in known.items() if value is not None}  # None: not of this family
    config = config_class(hidden_size=spec["hidden_dim"], num_attention_heads=spec["num_heads"],
                          max_position_embeddings=4096, attn_implementation="eager", **known)
    config._attn_implementation = "eager"
    layer = random_layer(module_of(family, attention or f"{prefix}Attention")(config, layer_idx=0))
    x = torch.randn(1, TOKENS, spec["hidden_dim"])
    rows = torch.arange(TOKENS)[None]
    mask = make_mask(config, x, None, None, position_ids=rows)
    tensors = {}
    if extra_mask is not None:
        tensors["mask"] = extra_mask
        mask = mask + extra_mask
    if axes is not None:
        tensors["positions"], rows = axes, axes[:, None]
    if slopes is None:
        positions = module_of(family, rotary or f"{prefix}RotaryEmbedding")(config)(x, rows, **(call or {}))
    else:
        # No rotation; the biases join the mask.
        positions = (torch.ones(1, TOKENS, spec["head_dim"]), torch.zeros(1, TOKENS, spec["head_dim"]))
        mask = mask + build_alibi_tensor(torch.ones(1, TOKENS), spec["num_heads"], torch.float32)[None]
    more = {"Gemma4Text": {"shared_kv_states": {}}, "Falcon": {"alibi": None}}.get(prefix, {})
    with torch.no_grad():
        y = layer(hidden_states=x, position_embeddings=positions, attention_mask=mask, **more)[0]
    weights = {(renamed or {}).get(key, key): value for key, value in layer.named_parameters()}
    return save_case(folder, name, spec, {**weights, **tensors, "x": x[0], "y": y[0]}, names)


def t5_case(folder, name, decoder):
    torch.manual_seed(12)
    buckets, reach = 12, 20
    config = T5Config(d_model=24, num_heads=4, d_kv=8, is_decoder=decoder, relative_attention_num_buckets=buckets,
                      relative_attention_max_distance=reach, attn_implementation="eager")
    config._attn_implementation = "eager"
    layer = random_layer(T5Attention(config, has_relative_attention_bias=True, layer_idx=0))
    x = torch.randn(1, TOKENS, 24)
    hidden = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)[None, None] if decoder else None
    with torch.no_grad():
        y = layer(x, mask=hidden)[0]
    spec = {"hidden_dim": 24, "num_heads": 4, "num_kv_heads": 4, "head_dim": 8, "scale": 1.0,
            "visible": {"ahead": 0 if decoder else 1 << 40},
            "position": {"kind": "relative_bias", "num_buckets": buckets, "max_distance": reach,
                         "bidirectional": not decoder}}
    weights = {key if "bias" in key else key.replace(".weight", "_proj.weight"): value
               for key, value in layer.named_parameters()}
    return save_case(folder, name, spec, {**weights, "x": x[0], "y": y[0]})


def cross_case(folder, name, layer, renamed, bias, scale, call):
    """Cross attention of a few rows over a longer source."""
    torch.manual_seed(13)
    layer = random_layer(layer)
    x, source = torch.randn(1, 11, 24), torch.randn(1, TOKENS, 24)
    with torch.no_grad():
        y = layer(x, key_value_states=source, **call)[0]
    spec = {"hidden_dim": 24, "num_heads": 4, "num_kv_heads": 4, "head_dim": 6, "max_source_rows": 64,
            **{f"{part}_bias": bias for part in "qkvo"}, **({"scale": scale} if scale else {})}
    weights = {renamed(key): value for key, value in layer.named_parameters()}
    return save_case(folder, name, spec, {**weights, "x": x[0], "source": source[0], "y": y[0]})


def wide_cross_case(folder):
    """More queries than keys, grouped heads, values and a source of other widths: PyTorch's attention."""
    torch.manual_seed(17)
    shapes = {"q": (4 * 6, 24), "k": (2 * 6, 20), "v": (2 * 10, 20), "o": (24, 4 * 10)}
    weights = {part: 0.3 * torch.randn(shape) for part, shape in shapes.items()}
    x, source = torch.randn(TOKENS, 24), torch.randn(7, 20)
    q, k, v = (torch.nn.functional.linear(rows, weights[part]).view(len(rows), heads, -1).transpose(0, 1)[None]
               for part, rows, heads in (("q", x, 4), ("k", source, 2), ("v", source, 2)))
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    y = torch.nn.functional.linear(mixed[0].transpose(0, 1).reshape(TOKENS, -1), weights["o"])
    spec = {"hidden_dim": 24, "source_dim": 20, "num_heads": 4, "num_kv_heads": 2, "head_dim": 6, "value_dim": 10,
            "max_source_rows": 64}
    return save_case(folder, "wide_cross", spec, {**{f"{part}_proj.weight": w for part, w in weights.items()}, "x": x,
                                                  "source": source, "y": y})


def cross_cases(folder):
    t5 = T5Config(d_model=24, num_heads=4, d_kv=6, is_decoder=True, attn_implementation="eager")
    t5._attn_implementation = "eager"
    yield cross_case(folder, "t5_cross", T5Attention(t5, layer_idx=0),
                     lambda key: key.replace(".weight", "_proj.weight"), False, 1.0, {})
    bart = BartConfig(d_model=24, attn_implementation="eager")
    bart._attn_implementation = "eager"
    yield wide_cross_case(folder)
    yield cross_case(folder, "bart_cross", BartAttention(24, 4, is_decoder=True, config=bart, layer_idx=0),
                     lambda key: key.replace("out_proj", "o_proj"), True, None, {})


def latent_case(folder, name, version, ours, rope=None, scaling=None, **options):
    torch.manual_seed(14)
    prefix = f"Deepseek{version}"
    config = getattr(importlib.import_module("transformers"), f"{prefix}Config")(
        hidden_size=24, num_attention_heads=4, num_key_value_heads=4, kv_lora_rank=16, qk_nope_head_dim=8,
        qk_rope_head_dim=4, v_head_dim=6, max_position_embeddings=4096, num_hidden_layers=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, **(rope or {})},
        attn_implementation="eager", **options)
    config._attn_implementation = "eager"
    family = prefix.lower().replace("seekv", "seek_v")
    layer = random_layer(module_of(family, f"{prefix}Attention")(config, layer_idx=0))
    x = torch.randn(1, TOKENS, 24)
    rows = torch.arange(TOKENS)[None]
    mask = create_causal_mask(config, x, None, None, position_ids=rows)
    with torch.no_grad():
        y = layer(hidden_states=x, position_embeddings=module_of(family, f"{prefix}RotaryEmbedding")(config)(x, rows),
                  attention_mask=mask)[0]
    spec = {"hidden_dim": 24, "num_heads": 4, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4,
            "v_head_dim": 6, "norm_eps": 1e-6, "rope": {"rotary_dim": 4, **(scaling or {})}, **ours}
    return save_case(folder, name, spec, {**dict(layer.named_parameters()), "x": x[0], "y": y[0]})


def latent_cases(folder):
    yarn = {"factor": 8.0, "original_max_position_embeddings": 16, "mscale": 1.0, "mscale_all_dim": 1.0}
    yield latent_case(folder, "latent_v2", "V2", {"rope": {"rotary_dim": 4, "layout": "interleaved"}}, q_lora_rank=None)
    yield latent_case(folder, "latent_v3", "V3", {"q_lora_rank": 12, "rope": {"rotary_dim": 4,
                      "layout": "interleaved"}}, q_lora_rank=12, rope_interleave=True)
    yield latent_case(folder, "latent_half", "V3", {}, q_lora_rank=None, rope_interleave=False)
    yield latent_case(folder, "latent_biased", "V3", {"q_lora_rank": 12, "bias": True}, q_lora_rank=12,
                      rope_interleave=False, attention_bias=True)
    yield latent_case(folder, "latent_yarn", "V3", {}, q_lora_rank=None, rope_interleave=False,
                      rope={"rope_type": "yarn", **yarn}, scaling={"scaling": {"kind": "yarn", **yarn}})


def bucket_cases():
    for buckets, reach, both in ((32, 128, True), (32, 128, False), (12, 20, True), (12, 20, False), (64, 1000, True)):
        distances = torch.arange(-2 * reach, 2 * reach + 1)
        found = T5Attention._relative_position_bucket(distances, both, buckets, reach)
        yield {"spec": {"num_buckets": buckets, "max_distance": reach, "bidirectional": both},
               "buckets": found.tolist()}


def visible_case(folder, name, spec, visible):
    """Rows seen by number, which families only have in part: PyTorch's attention with a mask of what is seen."""
    torch.manual_seed(15)
    spec = {**spec, "visible": visible}
    config = llama_config({"rope_type": "default", "rope_theta": 10000.0}, head_dim=spec["head_dim"])
    hidden, heads, kv_heads, dim = (spec[key] for key in ("hidden_dim", "num_heads", "num_kv_heads", "head_dim"))
    weights = {part: 0.3 * torch.randn(shape) for part, shape in (
        ("q", (heads * dim, hidden)), ("k", (kv_heads * dim, hidden)), ("v", (kv_heads * dim, hidden)),
        ("o", (hidden, heads * dim)))}
    x = torch.randn(TOKENS, hidden)
    q, k, v = (torch.nn.functional.linear(x, weights[part]).view(TOKENS, -1, dim).transpose(0, 1)[None]
               for part in "qkv")
    rows = torch.arange(TOKENS)
    q, k = apply_rotary_pos_emb(q, k, *LlamaRotaryEmbedding(config)(x, rows[None]))
    query, key = rows[:, None], rows[None]
    begin = torch.maximum(query - visible.get("behind", TOKENS), query - query % visible.get("chunk", TOKENS))
    seen = ((key >= begin) | (key < visible.get("pinned", 0))) & (key <= query + visible.get("ahead", 0))
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True)
    y = torch.nn.functional.linear(mixed[0].transpose(0, 1).reshape(TOKENS, -1), weights["o"])
    return save_case(folder, name, spec, {**{f"{part}_proj.weight": w for part, w in weights.items()}, "x": x, "y": y})


def wide_cases(folder, spec, bias, theta, llama4):
    """Values of another width than keys; keys and values fused by KV head; local chunks."""
    rope = spec["position"]
    wide = {"v_head_dim": 6, "attention_value_scale": 1.0, "mlp_layer_types": ["dense"],
            "rope_parameters": {kind: {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
                                for kind in ("full_attention", "sliding_attention")}}
    mimo = {**spec, "head_dim": 12, "value_dim": 6, "position": {**rope, "rotary_dim": 6}}
    yield layer_case(folder, "value_width", "mimo_v2_flash", "MiMoV2Flash", mimo, layer_types=["full_attention"],
                     call={"layer_type": "full_attention"}, **wide)
    yield layer_case(folder, "value_width_window_sinks", "mimo_v2_flash", "MiMoV2Flash",
                     {**mimo, **bias, "sinks": True, "visible": {"behind": 6}},
                     make_mask=create_sliding_window_causal_mask, layer_types=["sliding_attention"],
                     call={"layer_type": "sliding_attention"}, attention_bias=True, sliding_window=7,
                     **{**wide, "num_key_value_heads": 1})
    yield layer_case(folder, "fused_by_group", "falcon", "Falcon", {**spec, "hidden_dim": 32, **bias, "o_bias": True},
                     names="interleaved", renamed={"dense.weight": "o_proj.weight", "dense.bias": "o_proj.bias"},
                     new_decoder_architecture=True, num_kv_heads=2, bias=True, alibi=False, head_dim=None, **theta)
    yield layer_case(folder, "chunk", "llama4", "Llama4Text",
                     {**spec, "position": {**rope, "layout": "interleaved"}, "visible": {"chunk": 9}},
                     make_mask=create_chunked_causal_mask, no_rope_layers=[1], use_qk_norm=False,
                     attention_chunk_size=9, layer_types=["chunked_attention"], **llama4)


def grid_positions():
    """Time, height and width of a text, two images of 3 x 4 and 2 x 2 patches in it, and the text after them."""
    columns, begin = [], 0
    for length, (lines, width) in ((5, (3, 4)), (4, (2, 2)), (TOKENS - 25, (0, 0))):
        columns += [(begin + i,) * 3 for i in range(length)]
        begin += length
        columns += [(begin, begin + line, begin + column) for line in range(lines) for column in range(width)]
        begin += max(lines, width)
    return torch.tensor(columns).T


def axes_cases(folder, spec, bias):
    rope = {**spec["position"], "rotary_dim": 12}
    spec = {**spec, "hidden_dim": 48, "head_dim": 12}
    parameters = {"rope_type": "default", "rope_theta": 10000.0}
    yield layer_case(folder, "mrope", "qwen2_vl", "Qwen2VLText",
                     {**spec, **bias, "position": {**rope, "sections": [1, 3, 2]}}, axes=grid_positions(),
                     attention="Qwen2VLAttention", rotary="Qwen2VLRotaryEmbedding",
                     rope_parameters={**parameters, "mrope_section": [1, 3, 2]})
    yield layer_case(folder, "mrope_interleaved", "qwen3_vl", "Qwen3VLText",
                     {**spec, "hidden_dim": 24, "qk_norm": {"eps": 1e-6},
                      "position": {**rope, "sections": [3, 2, 1], "interleaved_sections": True}},
                     axes=grid_positions(), rope_parameters={**parameters, "mrope_section": [3, 2, 1]})
    yield vision_case(folder, spec, bias)


def vision_case(folder, spec, bias):
    torch.manual_seed(16)
    rope = {"rope_type": "axial", "rope_theta": 10000.0}
    config = Qwen2VLVisionConfig(embed_dim=48, num_heads=4, rope_parameters=rope, attn_implementation="eager")
    config._attn_implementation = "eager"
    layer = random_layer(VisionAttention(config))
    x = torch.randn(TOKENS, 48)
    positions = torch.stack([torch.arange(TOKENS) // 8, torch.arange(TOKENS) % 8])
    cos, sin = Qwen2VLVisionRotaryEmbedding(config)(x, positions.T)
    with torch.no_grad():
        y = layer(x, torch.tensor([0, TOKENS]), position_embeddings=(cos, sin))
    ours = {**spec, **bias, "o_bias": True, "num_kv_heads": 4, "visible": {"ahead": 1 << 40},
            "position": {"kind": "rope", "rotary_dim": 12, "sections": [3, 3], "section_frequencies": "own"}}
    weights = {key.replace("qkv", "qkv_proj").replace("proj.", "o_proj.") if key.startswith("proj") else
               key.replace("qkv", "qkv_proj"): value for key, value in layer.named_parameters()}
    return save_case(folder, "axial_vision", ours, {**weights, "positions": positions, "x": x, "y": y}, "fused")


def layer_cases(folder):
    rope = {"kind": "rope", "rotary_dim": 8}
    spec = {"hidden_dim": 24, "num_heads": 4, "num_kv_heads": 2, "head_dim": 8, "position": rope}
    bias = {"q_bias": True, "k_bias": True, "v_bias": True}
    theta = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
    yield layer_case(folder, "grouped", "llama", "Llama", spec, **theta)
    yield layer_case(folder, "one_kv_head_biased", "llama", "Llama", {**spec, "num_kv_heads": 1, **bias, "o_bias": True},
                     attention_bias=True, **theta)
    yield layer_case(folder, "qkv_bias", "qwen2", "Qwen2", {**spec, **bias}, **theta)
    yield layer_case(folder, "window", "mistral", "Mistral", {**spec, "visible": {"behind": 6}},
                     make_mask=create_sliding_window_causal_mask, sliding_window=7, **theta)
    yield layer_case(folder, "qk_norm", "qwen3", "Qwen3",
                     {**spec, "head_dim": 12, "position": {**rope, "rotary_dim": 12}, "qk_norm": {"eps": 1e-6}}, **theta)
    yield layer_case(folder, "soft_cap", "gemma2", "Gemma2", {**spec, "scale": 20 ** -0.5, "soft_cap": 3.0},
                     query_pre_attn_scalar=20, attn_logit_softcapping=3.0, layer_types=["full_attention"], **theta)
    yield layer_case(folder, "sinks", "gpt_oss", "GptOss", {**spec, **bias, "o_bias": True, "sinks": True},
                     layer_types=["full_attention"], **theta)
    yield layer_case(folder, "half_turned_interleaved", "glm", "Glm",
                     {**spec, "position": {**rope, "rotary_dim": 4, "layout": "interleaved"}},
                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
                     attention_bias=False)
    yield layer_case(folder, "alibi", "llama", "Llama",
                     {**spec, "num_heads": 6, "num_kv_heads": 3, "position": {"kind": "alibi"}}, slopes=True, **theta)
    drawn = torch.randn(TOKENS, TOKENS, generator=torch.Generator().manual_seed(5))
    drawn[drawn > 1] = float("-inf")
    yield layer_case(folder, "masked", "llama", "Llama", spec, extra_mask=drawn.fill_diagonal_(0.5), **theta)
    yield layer_case(folder, "qk_norm_whole", "olmo2", "Olmo2",
                     {**spec, "qk_norm": {"eps": 1e-5}, "qk_norm_whole": True}, rms_norm_eps=1e-5, **theta)
    llama4 = {"attention": "Llama4TextAttention", "rotary": "Llama4TextRotaryEmbedding", "rms_norm_eps": 1e-5, **theta}
    yield layer_case(folder, "l2_norm", "llama4", "Llama4Text",
                     {**spec, "position": {**rope, "layout": "interleaved"}, "qk_norm": {"eps": 1e-5, "affine": False}},
                     no_rope_layers=[1], use_qk_norm=True, **llama4)
    yield layer_case(folder, "temperature", "llama4", "Llama4Text",
                     {**spec, "position": {"kind": "none"}, "temperature": {"scale": 0.4, "floor_scale": 8}},
                     no_rope_layers=[0], attn_temperature_tuning=True, attn_scale=0.4, floor_scale=8, **llama4)
    yield layer_case(folder, "gated", "qwen3_next", "Qwen3Next",
                     {**spec, "gate": True, "qk_norm": {"eps": 1e-6, "weight_offset": 1.0}}, names="gated_query",
                     layer_types=["full_attention"],
                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0})
    yield layer_case(folder, "fused", "phi3", "Phi3", spec, names="fused", pad_token_id=0, **theta)
    yield layer_case(folder, "fused_by_head", "gpt_neox", "GPTNeoX",
                     {**spec, "num_kv_heads": 4, "position": {**rope, "rotary_dim": 4}, **bias, "o_bias": True,
                      "hidden_dim": 32}, names="interleaved", num_key_value_heads=None,
                     renamed={"dense.weight": "o_proj.weight", "dense.bias": "o_proj.bias"},
                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5})
    yield layer_case(folder, "keys_are_values", "gemma4", "Gemma4Text",
                     {**spec, "scale": 1.0, "qk_norm": {"eps": 1e-6}, "v_norm": {"eps": 1e-6, "affine": False}},
                     names="key_is_value", layer_types=["full_attention"], attention_k_eq_v=True, global_head_dim=8,
                     num_global_key_value_heads=2, num_kv_shared_layers=0, call={"layer_type": "full_attention"},
                     rope_parameters={kind: {"rope_type": "default", "rope_theta": 10000.0}
                                      for kind in ("full_attention", "sliding_attention")})
    yield from wide_cases(folder, spec, bias, theta, llama4)
    yield from axes_cases(folder, spec, bias)
    for name, visible in (("window_pinned", {"behind": 6, "pinned": 3}),
                          ("window_both_sides", {"behind": 6, "ahead": 4}),
                          ("chunk_pinned", {"chunk": 9, "pinned": 2}), ("bidirectional", {"ahead": 1 << 40})):
        yield visible_case(folder, name, spec, visible)
    yield t5_case(folder, "t5_encoder", False)
    yield t5_case(folder, "t5_decoder", True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    slopes = {n: numbers(build_alibi_tensor(torch.ones(1, 2), n, torch.float32)[:, 0, 1]) for n in (1, 3, 8, 12, 71)}
    for name, value in (("layers", list(layer_cases(folder))), ("alibi", slopes),
                        ("cross_layers", list(cross_cases(folder))), ("latent_layers", list(latent_cases(folder))),
                        ("relative_buckets", list(bucket_cases()))):
        (folder / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")


main()
