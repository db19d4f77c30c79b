#!/usr/bin/env python3
"""Writes tests/golden/trace: two tiny models and what `record_trace.py` records of them.

    make_trace_golden.py [--output tests/golden/trace]

`bias`: the random checkpoint of bias/config.json, which is not kept (make_random_checkpoint.py makes it again).
`router`: a model with experts, drawn by PyTorch.
Needs torch and transformers.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

from golden_arguments import golden_parser
from make_random_checkpoint import write_checkpoint

TOOLS = pathlib.Path(__file__).resolve().parent
ROUTER = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
              num_key_value_heads=1, head_dim=8, moe_intermediate_size=8, num_experts=6, num_experts_per_tok=3,
              norm_topk_prob=False, max_position_embeddings=64, decoder_sparse_step=1, mlp_only_layers=[],
              tie_word_embeddings=True)


def make_router_model(directory):
    torch.manual_seed(5)
    config = transformers.Qwen3MoeConfig(**ROUTER)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            parameter.data.normal_(0, 0.4)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    (directory / "model.safetensors").chmod(0o644)


def record(model, tokens, output, *options):
    subprocess.run([sys.executable, TOOLS / "record_trace.py", model, "--tokens", tokens, "-o", output, *options],
                   check=True)
    output.chmod(0o644)


def main():
    output = golden_parser(__doc__, "trace").parse_args().output
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as directory:
        config = json.loads((output / "bias/config.json").read_text())
        write_checkpoint(pathlib.Path(directory), config, "float32")
        record(directory, "3,17,90,8,44,4,4,71,31,7,60,1", output / "bias/trace.safetensors")
    router = output / "router"
    router.mkdir(parents=True, exist_ok=True)
    make_router_model(router)
    record(router, "3,17,30,8,4,4,21,31,7,39", router / "trace.safetensors")


if __name__ == "__main__":
    main()
