"""The tokenizer beside Hugging Face's, by the digests of ids in tests/golden."""

import importlib
import json
import sys
from unittest import mock

import numpy as np
import pytest
from conftest import golden

import ttt


@pytest.fixture(scope="module")
def tokenizer():
    return ttt.Tokenizer(golden("tokenizers/llama3"))


@pytest.fixture(scope="module")
def corpus():
    """The module that wrote the fixtures, without the packages that only writing them needs."""
    names = ("tokenizers", "sentencepiece", "sentencepiece.sentencepiece_model_pb2")
    with mock.patch.dict(sys.modules, {name: mock.MagicMock() for name in names}):
        return importlib.import_module("make_tokenizer_fixtures")


@pytest.mark.parametrize("name", ["llama3", "gpt2", "bert_uncased", "t5", "gemma", "qwen2"])
def test_ids_and_texts_of_hugging_face(corpus, name):
    tokenizer = ttt.Tokenizer(golden(f"tokenizers/{name}"))
    lines = golden(f"tokenizers/{name}/digest.txt").read_text().splitlines()[:15]
    strings = corpus.corpus(len(lines) * corpus.GROUP)
    for number, line in enumerate(lines):
        ids = 2166136261
        for text in strings[number * corpus.GROUP:(number + 1) * corpus.GROUP]:
            for options in ({}, {"add_special": False}, {"add_special": False, "parse_special": False}):
                ids = corpus.fnv_ids(ids, tokenizer.encode(text, **options))
        assert f"{ids:08x}" == line.split()[0], f"strings {number * corpus.GROUP} and the next"


def test_there_and_back(tokenizer):
    text = "the river — Straße 中文 🙂"
    ids = tokenizer.encode(text, add_special=False)
    assert all(isinstance(i, int) for i in ids)
    assert tokenizer.decode(ids) == tokenizer.decode(np.array(ids)) == tokenizer.decode(iter(ids)) == text
    assert [tokenizer.id(t) for t in tokenizer.token(ids)] == ids
    assert tokenizer.id(tokenizer.token(ids)) == ids
    assert len(tokenizer) == tokenizer.vocab_size > max(ids)


def test_special_tokens(tokenizer):
    end = tokenizer.id("<|eot_id|>")
    assert tokenizer.is_special(end) and tokenizer.token(end) == "<|eot_id|>"
    assert tokenizer.added_tokens["<|eot_id|>"] == end
    assert tokenizer.encode("<|eot_id|>", add_special=False) == [end]
    assert end not in tokenizer.encode("<|eot_id|>", add_special=False, parse_special=False)
    assert tokenizer.decode([end], skip_special=True) == ""
    assert tokenizer.id("no such token") is None
    assert not tokenizer.is_token(10**6)


def test_limits(tokenizer):
    ids = tokenizer.encode("the river and the mill", add_special=False)
    assert tokenizer.encode("the river and the mill", add_special=False, max_ids=3) == ids[:3]
    assert tokenizer.encode("the river and the mill", add_special=False, max_ids=3, keep_end=True) == ids[-3:]


def test_pairs_and_types():
    tokenizer = ttt.Tokenizer(golden("encoder_texts/pairs"))
    ids, types = tokenizer.encode_with_types("who painted", "the bridge")
    assert len(ids) == len(types) and set(types) == {0, 1}
    assert ids == tokenizer.encode("who painted", "the bridge")


def test_stream_decoder(tokenizer):
    text = "grüße 🙂 中"
    ids = tokenizer.encode(text, add_special=False)
    decoder = tokenizer.stream_decoder()
    assert "".join(decoder.pieces(ids)) == text
    pieces = [decoder.push(i) for decoder in [tokenizer.stream_decoder()] for i in ids]
    assert all("\ufffd" not in p for p in pieces) and "".join(pieces) == text and "" in pieces
    rest = tokenizer.stream_decoder()
    rest.continue_after(ids[:2])
    # The second token is a half of the third letter, which its other half completes.
    assert tokenizer.decode(ids[:2]) == "gr\ufffd" and "gr" + "".join(rest.pieces(ids[2:])) == text


def test_refuses(tokenizer, tmp_path):
    with pytest.raises(ttt.UsageError, match="999999"):
        tokenizer.decode([999999])
    with pytest.raises(ttt.BadDataError):
        ttt.Tokenizer(tmp_path)
    with pytest.raises(ttt.IoError):
        ttt.Tokenizer(tmp_path / "none")
    with pytest.raises(TypeError):
        tokenizer.encode(5)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "Odd"}}))
    with pytest.raises(ttt.Error) as caught:
        ttt.Tokenizer(tmp_path)
    assert caught.value.code in (3, 6) and "tokenizer.json" in str(caught.value)
