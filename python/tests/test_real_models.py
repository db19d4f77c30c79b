"""Real models beside transformers, where they are."""

import numpy as np
import pytest
from conftest import golden, load_json

import ttt


@pytest.fixture(scope="module")
def reference():
    return load_json(golden("smollm2/reference.json"))


def test_continuations(smollm2, reference):
    for case in reference["generation"]:
        if case["smallest_gap"] < 0.5:
            continue
        prompt = smollm2.tokenizer.encode(case["prompt"])
        assert prompt == case["prompt_ids"]
        got = smollm2.generate(case["prompt"], max_new_tokens=24)
        assert got.ids == case["ids"][:24], case["name"]


def test_perplexity(smollm2, reference):
    ids = np.frombuffer(golden("smollm2/text_ids.u16").read_bytes(), np.uint16)[:600]
    got = smollm2.perplexity(ids)
    assert got.tokens == 599 and got.window == 2048
    assert got == pytest.approx(35.7837, rel=0.02)
    text = golden("text/shakespeare.txt").read_text()
    assert smollm2.tokenizer.encode(text[:2000])[:500] == ids[:500].tolist()


def test_chat(smollm2):
    reply = smollm2.chat("What is the capital of France? Answer in one word.", temperature=0, max_new_tokens=16)
    assert "Paris" in reply.content and reply.reason == "end"


def test_activation_patching(smollm2):
    """The state of a name moves an answer: the stream of one prompt in another one."""
    tokenizer = smollm2.tokenizer
    france, italy = (tokenizer.encode(f"The capital of {c} is") for c in ("France", "Italy"))
    paris, rome = (tokenizer.encode(f" {c}", add_special=False)[0] for c in ("Paris", "Rome"))
    with smollm2.capture("model.layers.0.mlp") as kept:
        smollm2.logits(italy, last=1)

    def patch(stream):
        stream[3] = kept["model.layers.0.mlp"][3]
        return stream

    clean = smollm2.logits(france, last=1)[0]
    with smollm2.tap({"model.layers.0.mlp": patch}):
        patched = smollm2.logits(france, last=1)[0]
    assert clean[paris] > clean[rome] and patched[rome] > patched[paris]


def test_errors_of_a_real_file(smollm2_path):
    with pytest.raises(ttt.UnsupportedError, match="output"):
        ttt.Model(smollm2_path, output="hidden states")
