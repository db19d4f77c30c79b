"""Errors as exceptions."""

import json
import pickle
import shutil

import pytest
from conftest import CONFIG, golden

import ttt


def test_classes_and_kinds():
    assert issubclass(ttt.UsageError, (ttt.Error, ValueError)) and issubclass(ttt.IoError, OSError)
    assert issubclass(ttt.ResourcesError, MemoryError) and issubclass(ttt.UnsupportedError, NotImplementedError)
    assert issubclass(ttt.BadDataError, ValueError) and issubclass(ttt.PeerLostError, ConnectionError)
    kinds = [ttt.InternalError, ttt.UsageError, ttt.BadDataError, ttt.IoError, ttt.ResourcesError,
             ttt.UnsupportedError, ttt.PeerLostError]
    assert [k.code for k in kinds] == [1, 2, 3, 4, 5, 6, 7]
    assert all(issubclass(k, ttt.Error) for k in kinds) and len({k.kind for k in kinds}) == 7


def test_no_file(tmp_path):
    with pytest.raises(ttt.IoError) as caught:
        ttt.Model(tmp_path / "none.gguf")
    assert isinstance(caught.value, OSError) and caught.value.kind == "io" and "none.gguf" in str(caught.value)


def test_bad_data(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + (3).to_bytes(4, "little") + b"\x7f" * 40)
    with pytest.raises(ttt.BadDataError, match="broken.gguf") as caught:
        ttt.Model(tmp_path / "broken.gguf")
    assert caught.value.kind == "bad data" and isinstance(caught.value, ValueError)


def test_shapes_that_contradict_the_configuration(tmp_path):
    folder = golden("families/llama/llama3")
    shutil.copy(folder / "model.safetensors", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["intermediate_size"] += 1
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ttt.BadDataError, match=r"model.layers.0.mlp. gate_proj.weight wanted \[65, 32\], got \[64"):
        ttt.Model(tmp_path)


def test_parts_of_a_message(tiny):
    with tiny.tap({"lm_head": lambda y: y[:1]}), pytest.raises(ttt.UsageError) as caught:
        tiny.logits([1, 2])
    error = caught.value
    assert (error.where, error.block, error.field) == ("tap", "lm_head", "replacement")
    assert (error.wanted, error.got) == ("an array of float32 [2, 904] or None", "float32 (1, 904)")
    assert str(error) == f"tap: [lm_head] replacement wanted {error.wanted}, got {error.got}"


def test_unsupported(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "model_type": "unheard_of"}))
    shutil.copy(golden("families/llama/llama3/model.safetensors"), tmp_path)
    with pytest.raises(ttt.UnsupportedError, match="unheard_of"):
        ttt.Model(tmp_path)


def test_memory(tiny_path, tmp_path):
    config = {**CONFIG, "max_position_embeddings": 1 << 40}
    shutil.copytree(tiny_path, tmp_path / "long")
    (tmp_path / "long/config.json").write_text(json.dumps(config))
    with pytest.raises(ttt.ResourcesError) as caught:
        ttt.Model(tmp_path / "long", ctx=1 << 33)
    assert isinstance(caught.value, MemoryError) and "need" in str(caught.value)


@pytest.mark.parametrize("options, words", [
    ({"format": "q9"}, "format wanted one of"), ({"kv_format": "int4"}, "kv_format wanted one of"),
    ({"strategy": "fast"}, "strategy wanted"), ({"isa": "sse9"}, "isa wanted"), ({"ctx": -1}, "ctx wanted"),
    ({"threads": -1}, "threads wanted"), ({"chunk": 0}, "chunk wanted"), ({"output": "poems"}, "output wanted"),
    ({"impl": {"no.such.block": {}}}, "no.such.block"), ({"strict": 1}, "strict wanted a bool"),
    ({"ctx": 1.5}, "ctx wanted"), ({"impl": {1: {}}}, "wanted keys of type str"),
])
def test_options_of_a_model(tiny_path, options, words):
    with pytest.raises(ttt.UsageError, match=words):
        ttt.Model(tiny_path, **options)


def test_output_that_a_checkpoint_has_not(tiny_path):
    with pytest.raises(ttt.UnsupportedError):
        ttt.Model(tiny_path, output="classes")


def test_documents_are_checked():
    template = ttt.ChatTemplate("{{ word }}")
    deep = []
    for _ in range(200):
        deep = [deep]
    for value, words in ((object(), "request.word wanted dict"), ({1: 2}, "keys of type str"), (deep, "levels"),
                         (2**70, "64 bits"), ([1, {"a": b"x"}], r"request.word\[1\].a wanted dict")):
        with pytest.raises(ttt.UsageError, match=words):
            template.render([], word=value)


def test_exceptions_can_be_pickled():
    with pytest.raises(ttt.UsageError) as caught:
        ttt.ChatTemplate("{{ word }}").render([], word=object())
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is ttt.UsageError and str(again) == str(caught.value)
