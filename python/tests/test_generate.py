"""Generations, whole and token by token."""

import gc

import numpy as np
import pytest
from conftest import golden, load_json

import ttt

PROMPT = [900, 5, 17, 301]


def test_greedy_of_transformers(llama):
    folder = golden("families/llama/llama3")
    ids, wanted = np.load(folder / "ids.npy"), np.load(folder / "greedy.npy").ravel()
    short = 16
    got = llama.generate(ids[:short], max_new_tokens=len(wanted), ignore_end=True)
    assert got.ids == wanted.tolist()


def test_greedy_is_the_likeliest(tiny):
    got = tiny.generate(PROMPT, max_new_tokens=5, ignore_end=True)
    ids = list(PROMPT)
    for id in got.ids:
        assert id == tiny.logits(ids, last=1)[0].argmax()
        ids.append(id)
    assert got.reason == "length" and got.prompt_ids == PROMPT and len(got.ids) == 5


def test_text(tiny):
    got = tiny.generate("the river", max_new_tokens=12, ignore_end=True)
    prompt = tiny.tokenizer.encode("the river")
    assert got.prompt_ids == prompt
    whole = tiny.tokenizer.decode(prompt + got.ids, skip_special=True)
    assert whole == tiny.tokenizer.decode(prompt, skip_special=True) + got.text
    assert str(got) == got.text


def test_stream_is_the_same(tiny):
    whole = tiny.generate("the river", max_new_tokens=20, temperature=1.0, seed=3, ignore_end=True)
    stream = tiny.generate("the river", max_new_tokens=20, temperature=1.0, seed=3, ignore_end=True, stream=True)
    tokens = list(stream)
    assert [t.id for t in tokens if t.id is not None] == whole.ids
    assert "".join(t.text for t in tokens) == whole.text
    assert stream.result == whole
    assert list(stream) == []


def test_a_stream_is_lazy_and_stops_when_it_is_dropped(tiny):
    calls = []
    with tiny.tap({"lm_head": lambda y: calls.append(len(y))}):
        stream = tiny.generate(PROMPT, max_new_tokens=100, ignore_end=True, stream=True)
        assert calls == []
        for token in stream:
            break
        assert len(calls) == 1
        del stream
        gc.collect()
        assert len(calls) == 1


def test_a_closed_stream_is_over(tiny):
    with tiny.generate(PROMPT, max_new_tokens=100, ignore_end=True, stream=True) as stream:
        first = next(stream)
    assert list(stream) == []
    assert stream.result.ids == [first.id] and stream.result.reason == "stopped"


def test_streams_side_by_side(tiny):
    prompts = [PROMPT, PROMPT[::-1], [3, 1, 4, 1, 5]]
    alone = [tiny.generate(p, max_new_tokens=8, ignore_end=True).ids for p in prompts]
    streams = [tiny.generate(p, max_new_tokens=8, ignore_end=True, stream=True) for p in prompts]
    together = [[] for _ in prompts]
    for _ in range(8):
        for out, stream in zip(together, streams):
            out.append(next(stream).id)
    assert together == alone


def test_seeds(tiny):
    def draw(seed):
        return tiny.generate(PROMPT, max_new_tokens=16, temperature=1.5, top_k=0, seed=seed, ignore_end=True).ids

    assert draw(1) == draw(1)
    assert len({tuple(draw(s)) for s in range(4)}) == 4
    assert draw(None) != draw(None)


def test_log_probs(tiny):
    got = tiny.generate(PROMPT, max_new_tokens=3, log_probs=4, ignore_end=True)
    logits = tiny.logits(PROMPT, last=1)[0].astype(np.float64)
    wanted = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
    first = got.tokens[0]
    order = np.argsort(-wanted)[:4]
    assert [t.id for t in first.top] == order.tolist()
    np.testing.assert_allclose([t.log_prob for t in first.top], wanted[order], atol=1e-5)
    assert first.log_prob == pytest.approx(wanted[first.id], abs=1e-5)
    assert tiny.generate(PROMPT, max_new_tokens=1).tokens[0].log_prob is None


def test_bias_and_bad_words(tiny):
    likeliest = tiny.generate(PROMPT, max_new_tokens=1, ignore_end=True).ids[0]
    assert tiny.generate(PROMPT, max_new_tokens=1, ignore_end=True, logit_bias={7: 1000}).ids == [7]
    assert tiny.generate(PROMPT, max_new_tokens=1, ignore_end=True, bad_words=[[likeliest]]).ids != [likeliest]
    assert tiny.generate(PROMPT, max_new_tokens=1, ignore_end=True,
                         logit_bias={likeliest: -np.inf}).ids != [likeliest]


def test_end_ids(tiny):
    ids = tiny.generate(PROMPT, max_new_tokens=6, ignore_end=True).ids
    got = tiny.generate(PROMPT, max_new_tokens=6, end_ids=[ids[2]])
    assert got.ids == ids[:ids.index(ids[2])] and got.reason == "end"


def test_stop_texts(tiny):
    text = tiny.generate("the river", max_new_tokens=30, ignore_end=True).text
    assert len(text) > 20
    for begin, end in ((5, 6), (5, 9), (9, 16)):
        stop = text[begin:end]
        got = tiny.generate("the river", max_new_tokens=30, ignore_end=True, stop=["\0never", stop])
        assert got.text == text[:text.index(stop)] and got.reason == "stop"
        pieces = tiny.generate("the river", max_new_tokens=30, ignore_end=True, stop=stop, stream=True)
        assert "".join(t.text for t in pieces) == text[:text.index(stop)]
    # What only begins like a stop text is given out in the end.
    got = tiny.generate("the river", max_new_tokens=30, ignore_end=True, stop=text[-3:] + "\0")
    assert got.text == text and got.reason == "length"
    with pytest.raises(ttt.UsageError, match="stop wanted texts of at least one character"):
        tiny.generate("the", stop="")


def test_context_ends_a_generation(tiny_path):
    model = ttt.Model(tiny_path, ctx=16, threads=1)
    got = model.generate(PROMPT, max_new_tokens=100, ignore_end=True)
    assert got.reason == "context" and len(got.ids) == 13


@pytest.mark.parametrize("options, words", [
    ({"temperature": -1}, "temperature"), ({"top_p": 2}, "top_p"), ({"max_new_tokens": -1}, "max_new_tokens"),
    ({"seed": -1}, "seed wanted"), ({"end_ids": ["x"]}, "end_ids"), ({"logit_bias": {9999: 1}}, "logit_bias"),
    ({"temperature": "hot"}, "temperature"), ({"top_k": 1.5}, "top_k"),
])
def test_refuses_options(tiny, options, words):
    with pytest.raises(ttt.UsageError, match=words):
        tiny.generate(PROMPT, **options)


def test_refuses_prompts(tiny):
    with pytest.raises(ttt.UsageError, match="at least one token"):
        tiny.generate([])
    with pytest.raises(ttt.UsageError, match="at most 512 tokens"):
        tiny.generate([1] * 513)
    with pytest.raises(TypeError):
        tiny.generate(PROMPT, temprature=1)


def test_a_model_without_a_tokenizer(llama):
    got = llama.generate([1, 2, 3], max_new_tokens=4, ignore_end=True)
    assert len(got.ids) == 4 and got.text is None
    with pytest.raises(ttt.UsageError, match="stop wanted a model with a tokenizer"):
        llama.generate([1, 2, 3], stop="x")
    with pytest.raises(ttt.BadDataError):
        llama.generate("a text")


@pytest.mark.parametrize("name", ["bart", "t5"])
def test_encoder_decoders_of_transformers(name):
    folder = golden(f"encoder_texts/{name}")
    answers = load_json(folder / "answers.json")
    model = ttt.Model(folder, threads=1, strategy="reference")
    for text, wanted in zip(answers["texts"], answers["answers"], strict=True):
        assert model.generate(text, max_new_tokens=answers["count"]).text == wanted
