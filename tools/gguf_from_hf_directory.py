#!/usr/bin/env python3
"""Writes the weights and sizes of a Hugging Face directory as a GGUF file, without its tokenizer.

    gguf_from_hf_directory.py DIRECTORY FILE.gguf

What a family needs beside its sizes says its module in tools/family_variants (GGUF). Names of tensors and keys are those of the gguf package of ggml-org/llama.cpp, values stay as stored but for vectors, which
become f32 as its converter makes them; norms of Gemma get one more. For tests of model families whose rows GGUF files keep
in the order of Hugging Face: gemma2, qwen2, qwen3, qwen2_moe, qwen3_moe. Needs torch, safetensors and gguf.
"""
import argparse
import json
import pathlib

import gguf
import torch
from safetensors.torch import load_file

from family_variants import GgufFamily, modules

FAMILIES = {"gemma2": GgufFamily("GEMMA2"), "qwen2": GgufFamily("QWEN2"), "qwen3": GgufFamily("QWEN3"),
            "qwen2_moe": GgufFamily("QWEN2MOE"), "qwen3_moe": GgufFamily("QWEN3MOE")}
for module in modules().values():
    FAMILIES |= getattr(module, "GGUF", {})


def add_sizes(writer, config):
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    if "rms_norm_eps" in config:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta"), **(config.get("rope_scaling") or {})}
    rope = rope.get("full_attention", rope)  # of the layers that see everything, where there are two kinds
    if rope["rope_theta"]:
        writer.add_rope_freq_base(rope["rope_theta"])
    if rope.get("rope_type", "default") == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    elif rope.get("rope_type", "default") not in ("default", "longrope"):
        raise SystemExit(f"rope_type {rope['rope_type']} is not written by this script")
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    if config["model_type"] == "gemma2":
        writer.add_sliding_window(config["sliding_window"])
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    experts = config.get("num_experts") or config.get("num_local_experts")
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
        if "moe_intermediate_size" in config:
            writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    if config.get("shared_expert_intermediate_size"):
        writer.add_expert_shared_feed_forward_length(config["shared_expert_intermediate_size"])


def own_name(name):
    return name.startswith(("blk.", "rope_factors_"))


def stack_experts(tensors):
    """model.layers.N.mlp.experts.E.gate_proj.weight for every E as one model.layers.N.mlp.experts.gate_proj.weight."""
    stacked, groups = {}, {}
    for name, tensor in tensors.items():
        head, found, tail = name.partition(".experts.")
        index, _, rest = tail.partition(".")
        if found and index.isdigit():
            groups.setdefault(f"{head}.experts.{rest}", {})[int(index)] = tensor
        else:
            stacked[name] = tensor
    for name, experts in groups.items():
        stacked[name] = torch.stack([experts[i] for i in range(len(experts))])
    return stacked


def add_tensor(writer, name, tensor):
    tensor = tensor.squeeze()
    if tensor.dim() == 1 or tensor.dtype == torch.float32:
        writer.add_tensor(name, tensor.float().numpy())
    elif tensor.dtype == torch.bfloat16:
        writer.add_tensor(name, tensor.view(torch.int16).numpy().view("uint8"), raw_dtype=gguf.GGMLQuantizationType.BF16)
    elif tensor.dtype == torch.uint8:  # blocks of MXFP4
        writer.add_tensor(name, tensor.numpy(), raw_dtype=gguf.GGMLQuantizationType.MXFP4)
    else:
        raise SystemExit(f"{name}: {tensor.dtype} is not written by this script")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    args = parser.parse_args()
    config = json.loads((args.directory / "config.json").read_text())
    family = FAMILIES[config["model_type"]]
    architecture = gguf.MODEL_ARCH[family.architecture]
    names = gguf.get_tensor_name_map(architecture, family.sizes(config)["num_hidden_layers"])
    writer = gguf.GGUFWriter(args.file, gguf.MODEL_ARCH_NAMES[architecture])
    add_sizes(writer, family.sizes(config))
    family.keys(writer, config)
    tensors = family.tensors(config, stack_experts(load_file(args.directory / "model.safetensors")))
    for name, tensor in sorted(tensors.items()):
        there = names.get_name(name, try_suffixes=(".weight", ".bias")) or (name if family.own_tensors and own_name(name) else None)
        if there is None:
            raise SystemExit(f"{name} has no name in {gguf.MODEL_ARCH_NAMES[architecture]}")
        gain = config["model_type"].startswith("gemma") and name.endswith("norm.weight")
        add_tensor(writer, there, tensor.float() + 1 if gain else tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
