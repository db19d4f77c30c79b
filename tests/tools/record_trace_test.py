#!/usr/bin/env python3
"""tools/record_trace.py on a causal model, an encoder and an encoder-decoder, each small and random.

Exits 77, skipped, without torch, transformers and safetensors.
"""

import pathlib
import subprocess
import sys
import tempfile

try:
    import safetensors
    import torch
    import transformers
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "record_trace.py"
SMALL = dict(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


def models():
    """Name -> (model, arguments of the recorder, arguments of the model, a module that has to be recorded)."""
    causal = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL))
    encoder = transformers.BertForMaskedLM(transformers.BertConfig(**SMALL))
    # No head for text: what is recorded is what the modules give.
    bare = transformers.BertModel(transformers.BertConfig(**SMALL))
    both = transformers.T5ForConditionalGeneration(transformers.T5Config(
        vocab_size=40, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, decoder_start_token_id=0))
    ids = {"input_ids": [3, 1, 4, 1, 5]}
    return {"causal": (causal, [], ids, "model.layers.1.mlp"),
            "encoder": (encoder, [], ids, "bert.encoder.layer.1.attention.output.LayerNorm"),
            "bare encoder": (bare, [], ids, "encoder.layer.1.output"),
            "started decoder": (both, [], ids | {"decoder_input_ids": [0]}, "decoder.block.1.layer.1.EncDecAttention"),
            "encoder-decoder": (both, ["--decoder-tokens", "0,7,9"], ids | {"decoder_input_ids": [0, 7, 9]},
                                "encoder.block.1.layer.0.SelfAttention")}


def check(name, directory):
    model, options, inputs, module = models()[name]
    model.eval().save_pretrained(directory)
    trace = directory / "trace.safetensors"
    subprocess.run([sys.executable, TOOL, directory, "--tokens", "3,1,4,1,5", "-o", trace, *options], check=True,
                   stdout=subprocess.DEVNULL)
    with safetensors.safe_open(trace, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
        assert file.metadata()["model_type"] == model.config.model_type
    for key, ids in inputs.items():
        assert tensors[key].tolist() == ids, (name, key)
    assert ("decoder_input_ids" in tensors) == ("decoder_input_ids" in inputs), name
    assert f"{module}:in" in tensors and f"{module}:out" in tensors, (name, sorted(tensors))
    with torch.no_grad():
        wanted = model(**{key: torch.tensor([ids]) for key, ids in inputs.items()}).get("logits")
    assert (wanted is not None) == ("logits:out" in tensors), name
    if wanted is not None:
        assert torch.allclose(tensors["logits:out"], wanted[0], atol=1e-5), name


def main():
    torch.manual_seed(1)
    transformers.utils.logging.disable_progress_bar()
    for name in models():
        with tempfile.TemporaryDirectory() as directory:
            check(name, pathlib.Path(directory))
    with tempfile.TemporaryDirectory() as directory:
        models()["encoder"][0].save_pretrained(directory)
        refused = subprocess.run([sys.executable, TOOL, directory, "--tokens", "1", "--decoder-tokens", "1", "-o",
                                  pathlib.Path(directory) / "x"], capture_output=True, text=True)
        assert refused.returncode != 0 and "wanted an encoder-decoder, got a bert" in refused.stderr, refused.stderr


if __name__ == "__main__":
    main()
