#!/usr/bin/env python3
"""Turns a GGUF file into a Hugging Face directory with the same (unpacked) weights.

    hf_directory_from_gguf.py MODEL.gguf DIRECTORY [--dtype float32|bfloat16] [--shard-size 500MB]

The quantised blocks are unpacked exactly in float32; --dtype bfloat16 then rounds them. Tied heads stay tied (one
tensor). The tokenizer that the file carries, chat template included, is saved next to the weights. Needs torch,
transformers, gguf.
"""
import argparse
import pathlib
import sys

import torch
import transformers


def load_gguf(path, dtype=torch.float32, attention="eager"):
    """The model in a GGUF file, unpacked, as one that can be saved: its config has no trace of quantisation."""
    path = pathlib.Path(path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation=attention)
    config = type(loaded.config).from_dict(
        {k: v for k, v in loaded.config.to_dict().items() if k not in ("quantization_config", "_name_or_path")})
    config.architectures = [type(loaded).__name__]
    config.dtype = dtype
    config._attn_implementation = attention
    with torch.device("meta"):
        model = type(loaded)(config)
    model.load_state_dict(loaded.state_dict(), assign=True)
    # Buffers such as the inverse frequencies are not in the state dict, and they stay float32 in every type.
    for (name, buffer), (other, source) in zip(model.named_buffers(), loaded.named_buffers(), strict=True):
        assert name == other, (name, other)
        owner = model.get_submodule(name.rpartition(".")[0])
        setattr(owner, name.rpartition(".")[2], source)
    model.tie_weights()
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    if loaded.generation_config is not None:
        model.generation_config = loaded.generation_config
    return model.eval()


def load_tokenizer(path):
    path = pathlib.Path(path)
    return transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--shard-size", default="50GB", help="largest safetensors file, as transformers spells it")
    parser.add_argument("--no-tokenizer", action="store_true")
    args = parser.parse_args()
    if not args.gguf.is_file():
        sys.exit(f"{args.gguf}: no such file")
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()

    model = load_gguf(args.gguf, getattr(torch, args.dtype))
    model.save_pretrained(args.directory, max_shard_size=args.shard_size)
    if not args.no_tokenizer:
        load_tokenizer(args.gguf).save_pretrained(args.directory)
    count = sum(p.numel() for p in model.parameters())
    print(f"{args.directory}: {model.config.model_type}, {count:,} parameters as {args.dtype}")
    for file in sorted(args.directory.iterdir()):
        print(f"  {file.name:32} {file.stat().st_size:>14,} bytes")


if __name__ == "__main__":
    main()
