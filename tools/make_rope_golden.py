#!/usr/bin/env python3
"""Writes rope.json and rope_axes.json of tests/golden/attention: frequencies and rotations of every RoPE scaling, and
rotations by positions on several axes (M-RoPE, axial 2-D), as Hugging Face transformers computes them.
Usage: make_rope_golden.py <output folder>
"""

import json
import pathlib
import sys

import torch
from transformers import Gemma4VisionConfig, Llama4VisionConfig, LlamaConfig, PixtralVisionConfig
from transformers.models.cohere.modeling_cohere import apply_rotary_pos_emb as apply_interleaved
from transformers.models.gemma4.modeling_gemma4 import Gemma4VisionRotaryEmbedding, apply_multidimensional_rope
from transformers.models.glm.modeling_glm import GlmRotaryEmbedding
from transformers.models.glm.modeling_glm import apply_rotary_pos_emb as apply_interleaved_part
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb as apply_part
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.llama4.modeling_llama4 import Llama4VisionRotaryEmbedding, vision_apply_rotary_emb
from transformers.models.pixtral.modeling_pixtral import PixtralVisionRotaryEmbedding
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLTextConfig, Qwen2VLVisionConfig
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLRotaryEmbedding, Qwen2VLVisionRotaryEmbedding
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextRotaryEmbedding

DIM = 32
# Time, height and width of a text, an image in it, the text after it, and far beyond the original context.
POSITIONS = torch.tensor([[0, 1, 2, 2, 2, 2, 2, 2, 5, 6, 100, 4095, 4096, 20000, 131071, 1000000],
                          [0, 1, 2, 2, 2, 3, 3, 3, 5, 6, 101, 4095, 4097, 20007, 131071, 1000003],
                          [0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 103, 4095, 4099, 20001, 131071, 999999]])


def numbers(tensor):
    return [float(v) for v in tensor.detach().to(torch.float32).flatten()]


def llama_config(rope, head_dim=32, context=4096, **more):
    return LlamaConfig(hidden_size=head_dim * 4, num_attention_heads=4, num_key_value_heads=2, head_dim=head_dim,
                       max_position_embeddings=context, rope_parameters=rope, attn_implementation="eager", **more)


def rope_case(name, rope, ours, context=4096, length=None, head_dim=32, interleaved=False, part=None):
    """`rope` in the library's spelling, `ours` the scaling as a RoPESpec spells it; `length`: of the sequence; `part`:
    how many values of a head turn."""
    config = llama_config({**rope, **({"partial_rotary_factor": part / head_dim} if part else {})}, head_dim, context)
    embedding = (GlmRotaryEmbedding if part else LlamaRotaryEmbedding)(config)
    rows = torch.tensor([0, 1, 5, 100, 4095, 4096, 20000, 131071, 1000000])
    if length is not None:
        # The rules that depend on length see the longest position of a call.
        embedding(torch.zeros(1), torch.tensor([[length - 1]]))
    inv_freq = embedding.inv_freq.clone()
    angles = rows[:, None].float() * inv_freq[None, :]
    twice = interleaved and not part  # the family that turns a part of interleaved pairs repeats them itself
    pairs = torch.repeat_interleave(angles, 2, -1) if twice else torch.cat((angles, angles), -1)
    cos, sin = pairs.cos() * embedding.attention_scaling, pairs.sin() * embedding.attention_scaling
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(len(rows), head_dim, generator=generator)
    apply = (apply_interleaved_part if interleaved else apply_part) if part else (
        apply_interleaved if interleaved else apply_rotary_pos_emb)
    turned, _ = apply(x[None, None], x[None, None], cos[None], sin[None])
    spec = {"rotary_dim": part or head_dim, "base": rope["rope_theta"], "scaling": ours, "context": length or 0}
    if interleaved:
        spec["layout"] = "interleaved"
    return {"name": name, "spec": spec, "inv_freq": numbers(inv_freq),
            "attention_factor": float(embedding.attention_scaling), "positions": rows.tolist(), "x": numbers(x),
            "turned": numbers(turned)}


def rope_cases():
    theta = {"rope_theta": 10000.0}
    dynamic = {"kind": "dynamic", "factor": 4.0, "original_max_position_embeddings": 4096}
    llama3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    yarn = {"factor": 16.0, "original_max_position_embeddings": 4096}
    mscale = {**yarn, "mscale": 0.707, "mscale_all_dim": 1.1, "beta_fast": 48.0, "beta_slow": 2.0}
    short, long = [1.0 + 0.05 * i for i in range(16)], [1.0 + 1.7 * i for i in range(16)]
    longrope = {"short_factor": short, "long_factor": long, "factor": 32.0, "original_max_position_embeddings": 4096}
    yield rope_case("plain", {"rope_type": "default", **theta}, {"kind": "default"})
    yield rope_case("plain_interleaved", {"rope_type": "default", **theta}, {"kind": "default"}, interleaved=True)
    yield rope_case("large_base", {"rope_type": "default", "rope_theta": 1000000.0}, {"kind": "default"}, head_dim=128)
    yield rope_case("linear", {"rope_type": "linear", "factor": 4.0, **theta}, {"kind": "linear", "factor": 4.0})
    for length in (None, 5000, 65536):
        yield rope_case(f"dynamic_{length or 'short'}", {"rope_type": "dynamic", "factor": 4.0, **theta}, dynamic,
                        length=length)
    yield rope_case("llama3", {"rope_type": "llama3", "rope_theta": 500000.0, **llama3}, {"kind": "llama3", **llama3},
                    head_dim=64)
    yield rope_case("yarn", {"rope_type": "yarn", **theta, **yarn}, {"kind": "yarn", **yarn}, head_dim=64)
    yield rope_case("yarn_exact", {"rope_type": "yarn", **theta, **yarn, "truncate": False},
                    {"kind": "yarn", **yarn, "truncate": False})
    yield rope_case("yarn_factor", {"rope_type": "yarn", **theta, **yarn, "attention_factor": 1.5},
                    {"kind": "yarn", **yarn, "attention_factor": 1.5})
    yield rope_case("yarn_mscale", {"rope_type": "yarn", **theta, **mscale}, {"kind": "yarn", **mscale})
    for length in (None, 5000):
        yield rope_case(f"longrope_{'long' if length else 'short'}", {"rope_type": "longrope", **theta, **longrope},
                        {"kind": "longrope", **longrope}, length=length)
    part = {"rope_type": "default", **theta}
    yield rope_case("part", part, {"kind": "default"}, part=12)
    yield rope_case("part_interleaved", part, {"kind": "default"}, interleaved=True, part=12)
    yield rope_case("part_yarn", {"rope_type": "yarn", **theta, **yarn}, {"kind": "yarn", **yarn}, part=16)
    halves = {**longrope, "short_factor": short[:8], "long_factor": long[:8]}
    yield rope_case("part_longrope", {"rope_type": "longrope", **theta, **halves}, {"kind": "longrope", **halves},
                    length=5000, part=16)
    yield rope_case("proportional",
                    {"rope_type": "proportional", **theta, "partial_rotary_factor": 0.4, "factor": 2.0},
                    {"kind": "proportional", "proportion": 0.4, "factor": 2.0})


def case(name, spec, embedding, positions, turned, x):
    inv_freq = numbers(embedding.inv_freq) if hasattr(embedding, "inv_freq") else []
    return {"name": name, "spec": {"rotary_dim": DIM, **spec}, "inv_freq": inv_freq,
            "attention_factor": float(getattr(embedding, "attention_scaling", 1.0)), "positions": positions.tolist(),
            "x": numbers(x), "turned": numbers(turned)}


def rows_of(count):
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(7))


def mrope_case(name, ours, embedding_class, config_class, sections, rope=None, **options):
    config = config_class(hidden_size=4 * DIM, num_attention_heads=4, num_key_value_heads=2,
                          rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": sections,
                                           **(rope or {})}, **options)
    embedding = embedding_class(config)
    x = rows_of(POSITIONS.shape[1])
    cos, sin = embedding(x, POSITIONS[:, None])
    turned, _ = apply_rotary_pos_emb(x[None, None], x[None, None], cos, sin)
    return case(name, {"sections": sections, **ours}, embedding, POSITIONS, turned, x)


def qwen2_vision_case():
    config = Qwen2VLVisionConfig(embed_dim=4 * DIM, num_heads=4,
                                 rope_parameters={"rope_type": "axial", "rope_theta": 10000.0})
    embedding, positions = Qwen2VLVisionRotaryEmbedding(config), POSITIONS[1:]
    x = rows_of(positions.shape[1])
    cos, sin = embedding(x, positions.T)
    turned, _ = apply_rotary_pos_emb(x[None, None], x[None, None], cos[None], sin[None])
    spec = {"sections": [8, 8], "section_frequencies": "own"}
    found = case("axial_own", spec, embedding, positions, turned, x)
    return {**found, "inv_freq": 2 * found["inv_freq"]}


def pixtral_case():
    config = PixtralVisionConfig(hidden_size=4 * DIM, num_attention_heads=4,
                                 rope_parameters={"rope_type": "axial", "rope_theta": 10000.0})
    embedding, positions = PixtralVisionRotaryEmbedding(config), POSITIONS[1:]
    x = rows_of(positions.shape[1])
    cos, sin = embedding(x, positions.T)
    turned, _ = apply_rotary_pos_emb(x[None, None], x[None, None], cos[None], sin[None])
    return case("axial_strided", {"sections": [8, 8], "section_frequencies": "strided"}, embedding, positions, turned, x)


def gemma4_case():
    config = Gemma4VisionConfig(hidden_size=4 * DIM, num_attention_heads=4, head_dim=DIM,
                                rope_parameters={"rope_type": "axial", "rope_theta": 100.0})
    embedding, positions = Gemma4VisionRotaryEmbedding(config), POSITIONS[1:]
    x = rows_of(positions.shape[1])
    cos, sin = embedding(x, positions.T[None])
    turned = apply_multidimensional_rope(x[None, :, None], cos, sin, positions.T[None])
    spec = {"sections": [8, 8], "section_frequencies": "own", "layout": "half_split_by_axis", "base": 100.0}
    found = case("axial_by_axis", spec, embedding, positions, turned, x)
    return {**found, "inv_freq": 2 * found["inv_freq"]}


def llama4_case():
    side = 5
    config = Llama4VisionConfig(hidden_size=4 * DIM, num_attention_heads=4, image_size=side, patch_size=1,
                                rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    embedding = Llama4VisionRotaryEmbedding(config)
    x = rows_of(side * side + 1)
    turned, _ = vision_apply_rotary_emb(x[None, :, None], x[None, :, None], embedding(x))
    grid = torch.arange(side * side)
    # The last row is the class token's, which does not turn.
    columns, lines = (torch.cat([axis + 1, torch.zeros(1, dtype=torch.long)]) for axis in (grid % side, grid // side))
    spec = {"sections": [8, 8], "section_frequencies": "own", "layout": "interleaved"}
    return case("axial_interleaved", spec, embedding, torch.stack([columns, lines]), turned, x)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    yarn = {"factor": 4.0, "original_max_position_embeddings": 4096}
    interleaved = {"interleaved_sections": True}
    cases = [
        mrope_case("mrope", {}, Qwen2VLRotaryEmbedding, Qwen2VLTextConfig, [4, 6, 6]),
        mrope_case("mrope_yarn", {"scaling": {"kind": "yarn", **yarn}}, Qwen2VLRotaryEmbedding, Qwen2VLTextConfig,
                   [4, 6, 6], rope={"rope_type": "yarn", **yarn}, max_position_embeddings=16384),
        mrope_case("mrope_interleaved", interleaved, Qwen3VLTextRotaryEmbedding, Qwen3VLTextConfig, [6, 5, 5],
                   head_dim=DIM),
        mrope_case("mrope_interleaved_uneven", interleaved, Qwen3VLTextRotaryEmbedding, Qwen3VLTextConfig, [11, 3, 2],
                   head_dim=DIM),
        qwen2_vision_case(), pixtral_case(), gemma4_case(), llama4_case()]
    for name, value in (("rope", list(rope_cases())), ("rope_axes", cases)):
        (folder / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")


main()
