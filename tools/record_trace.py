#!/usr/bin/env python3
"""Records what every module of a Hugging Face model reads and writes for given tokens, for `ttt verify`.

    record_trace.py MODEL --tokens 1,2,3 -o trace.safetensors [--dtype float32] [--modules PATTERN ...]

MODEL is a Hugging Face directory or a .gguf file: a causal model, an encoder or an encoder-decoder. It is loaded as the
class that its configuration names under `architectures`; without a name, as a model with a head for text where there is
one. An encoder-decoder reads --tokens with its encoder and --decoder-tokens with its decoder, by default its start
token.

The file holds `input_ids` (for an encoder-decoder `decoder_input_ids` too) and, for every module that ran, tensors
named after it: `NAME:in` (the first tensor that it was given), `NAME:in.1`, ... (others that are rows of one sequence: an
encoder's states), `NAME:out` (the first that it returned), and `NAME:out.1`, `NAME:out.2`, ... for what else it returned:
a router's weights and chosen experts. `logits:out` holds the logits that the model as a whole returned. The batch
extent of one is dropped. A module that runs more than once in a pass is left out. Metadata tell format, model_type,
dtype, config (as JSON) and the version of transformers.

--modules keeps modules whose name matches one of the patterns (of shell type, "model.layers.0.*"); the ids stay.
--tokens-file takes an .npy file of integers. Everything is kept in memory until the end: meant for small models and
short inputs. Needs torch, transformers and safetensors.
"""
import argparse
import fnmatch
import inspect
import json
import pathlib
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import save_file


def tensors_in(values):
    """The tensors of arguments or of a result, in order; what is nested deeper (caches, positions) is left out."""
    if torch.is_tensor(values):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, (tuple, list)):
        return [v for v in values if torch.is_tensor(v)]
    return []


def stored(tensor):
    """As it is written: no batch extent, integers of 32 bits, memory of its own."""
    tensor = tensor.detach()
    if tensor.dim() > 1 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.int32)
    return tensor.to("cpu").contiguous().clone()


class Recorder:
    def __init__(self, model, patterns):
        self.tensors = {}
        self.patterns = patterns
        self.kept = 0
        self.ran, self.repeated = set(), set()
        for name, module in model.named_modules():
            if name and self.wants(name):
                module.register_forward_hook(lambda m, a, k, y, name=name: self.record(name, a, k, y), with_kwargs=True)
                self.kept += 1

    def wants(self, name):
        return not self.patterns or any(fnmatch.fnmatchcase(name, p) for p in self.patterns)

    def record(self, name, arguments, keywords, result):
        if name in self.ran:
            self.repeated.add(name)
        self.ran.add(name)
        given = tensors_in(arguments) or tensors_in(keywords)
        given += [t for t in tensors_in(keywords) if not any(t is g for g in given)]
        if given:
            self.tensors[f"{name}:in"] = stored(given[0])
        # Rows of another sequence; masks and tables of positions have other extents, and positions of rows one less.
        rows = [t for t in given[1:] if t.dim() == 3 and t.is_floating_point() and t.shape[0] == 1]
        for i, tensor in enumerate(rows):
            self.tensors[f"{name}:in.{i + 1}"] = stored(tensor)
        for i, tensor in enumerate(tensors_in(result)):
            self.tensors[f"{name}:out" + (f".{i}" if i else "")] = stored(tensor)

    def result(self):
        """What ran once."""
        return {k: v for k, v in self.tensors.items() if k.rpartition(":")[0] not in self.repeated}


def class_of(config):
    """The class that a checkpoint with this configuration was written from."""
    for name in config.architectures or []:
        if hasattr(transformers, name):
            return getattr(transformers, name)
    for auto in (transformers.AutoModelForSeq2SeqLM, transformers.AutoModelForCausalLM, transformers.AutoModelForMaskedLM):
        if type(config) in auto._model_mapping:
            return auto
    return transformers.AutoModel


def load(path, dtype):
    """In eval mode, with attention that is plain arithmetic."""
    if path.is_dir():
        model_class = class_of(transformers.AutoConfig.from_pretrained(path))
        return model_class.from_pretrained(path, dtype=dtype, attn_implementation="eager").eval()
    from hf_directory_from_gguf import load_gguf
    return load_gguf(path, dtype)


def integers(text, option):
    try:
        return [int(i) for i in text.split(",")]
    except ValueError:
        sys.exit(f"{option} wanted integers between commas, got {text!r}")


def token_ids(arguments):
    if not arguments.tokens_file:
        return integers(arguments.tokens, "--tokens")
    ids = np.load(arguments.tokens_file).reshape(-1)
    if ids.dtype.kind not in "iu":
        sys.exit(f"{arguments.tokens_file}: wanted integers, got {ids.dtype}")
    return [int(i) for i in ids]


def decoder_ids(model, arguments):
    """What the decoder reads; nothing where the model has no encoder beside it."""
    if not model.config.is_encoder_decoder:
        if arguments.decoder_tokens:
            sys.exit(f"--decoder-tokens wanted an encoder-decoder, got a {model.config.model_type}")
        return None
    if arguments.decoder_tokens:
        return integers(arguments.decoder_tokens, "--decoder-tokens")
    start = model.config.decoder_start_token_id
    if start is None:
        sys.exit("the configuration names no decoder_start_token_id: give --decoder-tokens")
    return [start]


def record(model, inputs, patterns):
    """Name -> tensor of one pass over `inputs`: name of an argument -> ids."""
    recorder = Recorder(model, patterns)
    if not recorder.kept:
        sys.exit("no module has a name that matches --modules")
    options = {"use_cache": False} if "use_cache" in inspect.signature(model.forward).parameters else {}
    with torch.no_grad():
        result = model(**{name: torch.tensor([ids]) for name, ids in inputs.items()}, **options)
    if recorder.repeated:
        print(f"left out, they ran more than once: {', '.join(sorted(recorder.repeated))}")
    tensors = {name: torch.tensor(ids, dtype=torch.int32) for name, ids in inputs.items()} | recorder.result()
    if torch.is_tensor(result.get("logits")) and recorder.wants("logits"):
        tensors["logits:out"] = stored(result["logits"])
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--tokens", help="token ids between commas")
    source.add_argument("--tokens-file", help=".npy file of token ids")
    parser.add_argument("--decoder-tokens", help="token ids between commas, for the decoder beside an encoder")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--modules", nargs="+", default=[], metavar="PATTERN")
    arguments = parser.parse_args()
    if not arguments.model.exists():
        sys.exit(f"{arguments.model}: no such file or directory")
    ids = token_ids(arguments)
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()

    model = load(arguments.model, getattr(torch, arguments.dtype))
    inputs = {"input_ids": ids}
    if (decoder := decoder_ids(model, arguments)) is not None:
        inputs["decoder_input_ids"] = decoder
    tensors = record(model, inputs, arguments.modules)
    config = {k: v for k, v in model.config.to_dict().items() if not k.startswith("_")}
    metadata = {"format": "ttt-trace", "model_type": model.config.model_type, "dtype": arguments.dtype,
                "config": json.dumps(config, default=str), "transformers": transformers.__version__}
    save_file(tensors, arguments.output, metadata=metadata)
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    print(f"{arguments.output}: {len(tensors)} tensors, {size:,} bytes, {len(ids)} tokens of {model.config.model_type}")


if __name__ == "__main__":
    main()
