"""Models for the tests: committed ones of random weights, and a small one that talks, which is written here."""

import json
import os
import pathlib
import shutil
import sys

import numpy as np
import pytest

import ttt

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
sys.path.insert(0, str(ROOT / "tools"))

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "vocab_size": 904, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False,
    "bos_token_id": 900, "eos_token_id": 901,
}
TEMPLATE = ("{{ bos_token }}{% for m in messages %}{{ m.role + ':' + m.content }}<|eot_id|>\n{% endfor %}"
            "{% if tools %}{{ tools | length }} tools\n{% endif %}"
            "{% if add_generation_prompt %}assistant:{% endif %}")


def golden(path):
    return GOLDEN / path


def load_json(path):
    return json.loads(pathlib.Path(path).read_text())


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory):
    """A Llama of 904 ids with the tokenizer of tests/golden/tokenizers/llama3 and a chat template."""
    import make_random_checkpoint
    path = tmp_path_factory.mktemp("tiny")
    make_random_checkpoint.write_checkpoint(path, CONFIG)
    shutil.copy(golden("tokenizers/llama3/tokenizer.json"), path)
    (path / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "chat_template": TEMPLATE}))
    return path


@pytest.fixture(scope="session")
def tiny(tiny_path):
    """The model of tiny_path. Tests leave no tap behind."""
    model = ttt.Model(tiny_path, threads=2, chunk=64)
    yield model
    assert model._taps == []


@pytest.fixture(scope="session")
def llama():
    """A Llama of random weights with the logits that transformers computes."""
    return ttt.Model(golden("families/llama/llama3"), threads=1, strategy="reference")


def _real(variable):
    path = os.environ.get(variable)
    if not path:
        pytest.skip(f"{variable} does not name a model")
    return path


@pytest.fixture(scope="session")
def smollm2_path():
    return _real("TTT_SMOLLM2_GGUF")


@pytest.fixture(scope="session")
def smollm2(smollm2_path):
    return ttt.Model(smollm2_path)


@pytest.fixture(scope="session")
def minilm():
    return ttt.Model(_real("TTT_MINILM"))


def of_range(got, wanted):
    """The largest error as a part of the range of what is wanted."""
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    assert got.shape == wanted.shape
    return np.abs(got - wanted).max() / (wanted.max() - wanted.min())
