"""Tiny checkpoints of model families for tools/make_family_golden.py: a module for each folder of models/, with

    VARIANTS    {name: variant(...)}, at least three whose options differ
    GGUF        optional: {model_type: GgufFamily}, for the variants with gguf=True (tools/gguf_from_hf_directory.py)

A module is data and small functions; what all have in common is here.
"""
import dataclasses
import importlib
import pathlib
import typing

VOCAB = 128

# What every variant may change. Heads are wider than hidden / heads; nothing but powers of two would divide by 3.
SHAPE = dict(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             intermediate_size=64, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2, pad_token_id=0,
             tie_word_embeddings=False)


@dataclasses.dataclass
class Variant:
    model_type: str
    config: dict
    longest: int    # rows of the longest prompt: 700, or 3000 where windows or scaled rotations are to be crossed
    gguf: bool      # whether a GGUF file of the same weights is written too
    changes: dict   # {part of a parameter's name: factor} after weights were drawn
    prepare: typing.Callable | None  # (model): changes weights to those that the file can hold
    store: typing.Callable | None    # (config, tensors): the file in place of what save_pretrained wrote


def variant(model_type, longest=700, gguf=False, without=(), changes=None, prepare=None, store=None, **config):
    """SHAPE with these keys in place of or beside its own; `without`: keys of SHAPE that the class does not have."""
    keys = {k: v for k, v in {**SHAPE, **config}.items() if k not in without}
    return Variant(model_type, keys, longest, gguf, changes or {}, prepare, store)


@dataclasses.dataclass
class GgufFamily:
    """How a directory becomes a GGUF file, as convert_hf_to_gguf.py of ggml-org/llama.cpp writes it."""
    architecture: str  # name of a member of gguf.MODEL_ARCH
    _: dataclasses.KW_ONLY
    # sizes(config): the configuration with the usual names of sizes
    sizes: typing.Callable = lambda config: config
    # keys(writer, config): what there is beside the sizes that all have
    keys: typing.Callable = lambda writer, config: None
    # tensors(config, {name: tensor}): changed names and values, and tensors that are not in the directory
    tensors: typing.Callable = lambda config, tensors: tensors
    own_tensors: bool = False  # whether `tensors` gives names of a GGUF file beside those of a directory


def modules():
    """{family: module} of this folder."""
    names = sorted(p.stem for p in pathlib.Path(__file__).parent.glob("*.py") if p.stem != "__init__")
    return {name: importlib.import_module(f"family_variants.{name}") for name in names}


def for_neighbouring_pairs(tensor, heads):
    """Rows of a projection to queries or keys in the order in which neighbouring rows are one rotated pair."""
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def permute_queries_and_keys(config, tensors):
    """q and k as architectures that rotate neighbouring pairs store them."""
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    return {name: next((for_neighbouring_pairs(t, n) for part, n in heads.items() if f".{part}." in name), t)
            for name, t in tensors.items()}
