"""Embeddings, classes and ranks beside those of transformers and sentence-transformers."""

import numpy as np
import pytest
from conftest import golden, load_json, of_range

import ttt


def test_labels_of_transformers():
    folder = golden("encoder_texts/labels")
    answers = load_json(folder / "answers.json")
    model = ttt.Model(folder, threads=1, strategy="reference")
    assert model.labels == answers["labels"]
    wanted = next(c["scores"] for c in answers["cases"] if c["config"] == {"problem_type": None})
    got = model.classify(answers["texts"])
    np.testing.assert_allclose([list(row.values()) for row in got], wanted, atol=1e-4)
    assert list(got[0]) == answers["labels"]
    assert model.classify(answers["texts"][0]) == pytest.approx(got[0], abs=1e-5)
    with pytest.raises(ttt.UnsupportedError, match="one class, got 3"):
        model.rerank("who", ["she"])
    with pytest.raises(ttt.UnsupportedError, match="hidden states"):
        model.embed(["a"])


def test_ranks_of_sentence_transformers():
    folder = golden("encoder_texts/pairs_plain")
    answers = load_json(folder / "answers.json")
    model = ttt.Model(folder, threads=1, output="classes", strategy="reference")
    plain = answers["scores"]
    ranked = model.rerank(answers["query"], answers["texts"])
    assert [r.index for r in ranked] == sorted(range(len(plain)), key=lambda i: -plain[i])
    assert sorted(ranked, key=lambda r: -r.score) == ranked
    assert model.rerank(answers["query"], answers["texts"], top_n=2) == ranked[:2]
    assert ranked[0].text == answers["texts"][ranked[0].index]
    np.testing.assert_allclose(sorted((r.score for r in ranked), reverse=True), sorted(
        applied(model, answers), reverse=True), atol=1e-4)


def applied(model, answers):
    """The function of scores that the checkpoint's configuration names."""
    config = model.info["config"]
    name = config.get("sentence_transformers", {}).get("activation_fn", "Sigmoid")
    scores = np.array(answers["scores"])
    return scores if name.endswith("Identity") else 1 / (1 + np.exp(-scores))


def test_a_model_of_pairs_gives_the_same():
    folder = golden("encoder_texts/pairs")
    answers = load_json(folder / "answers.json")
    model = ttt.Model(folder, threads=1)
    pairs = [(answers["query"], text) for text in answers["texts"]]
    got = [list(row.values())[0] for row in model.classify(pairs)]
    ranked = {r.index: r.score for r in model.rerank(answers["query"], answers["texts"])}
    np.testing.assert_allclose([ranked[i] for i in range(len(pairs))], got, atol=1e-6)


def test_embeddings_of_sentence_transformers():
    folder = golden("encoder_texts/embedding")
    answers = load_json(folder / "answers.json")
    model = ttt.Model(folder, threads=1, strategy="reference")
    got = model.embed(answers["texts"])
    assert got.dtype == np.float32 and got.shape == np.shape(next(iter(answers["embeddings"].values())))
    name = load_json(folder / "2_Dense/config.json")["activation_function"].rsplit(".", 1)[1]
    assert of_range(got, answers["embeddings"][name]) < 1e-4
    np.testing.assert_allclose(model.embed(answers["texts"][1]), got[1], atol=1e-5)
    np.testing.assert_allclose(model.embed(answers["texts"], batch=1), got, atol=1e-5)
    assert model.embed([]).shape == (0, got.shape[1])
    with pytest.raises(ttt.UsageError, match="batch"):
        model.embed(["a"], batch=0)
    with pytest.raises(ttt.UnsupportedError, match="classes"):
        model.classify("a")


def test_minilm_as_sentence_transformers(minilm):
    lines = golden("minilm/lines.txt").read_text().splitlines()
    wanted = np.load(golden("minilm/embeddings.npy"))
    assert of_range(minilm.embed(lines), wanted) < 1e-3
