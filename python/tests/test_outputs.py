"""Outputs of models beside those of transformers, and what an array of them may be used for."""

import gc

import numpy as np
import pytest
from conftest import golden, of_range

import ttt

IDS = [5, 17, 301, 44, 2, 800, 9, 31]


def test_logits_of_transformers(llama):
    ids, wanted = np.load(golden("families/llama/llama3/ids.npy")), np.load(golden("families/llama/llama3/logits.npy"))
    rows = 16  # then the last rows of longer prompts
    got = llama.logits(ids[:rows])
    assert got.dtype == np.float32 and got.flags.c_contiguous and got.flags.writeable
    assert of_range(got, wanted[:rows]) < 1e-5


def test_ids_of_any_kind(tiny):
    wanted = tiny.logits(IDS)
    assert wanted.shape == (len(IDS), 904)
    for ids in (tuple(IDS), np.array(IDS), np.array(IDS, np.int32), np.array(IDS, np.uint16), np.array(IDS * 2)[:8],
                np.repeat(np.array(IDS, np.int32), 2)[::2]):
        np.testing.assert_array_equal(tiny.logits(ids), wanted)


def test_last_rows(tiny):
    np.testing.assert_array_equal(tiny.logits(IDS, last=3), tiny.logits(IDS)[-3:])


def test_no_copy_and_own_memory(tiny):
    first = tiny.logits(IDS)
    kept = first.copy()
    second = tiny.logits(IDS[::-1])
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)  # later runs do not write into it
    first[:] = 0  # nor does writing into it change the model
    np.testing.assert_array_equal(tiny.logits(IDS), kept)


def test_arrays_outlive_the_model(tiny_path):
    model = ttt.Model(tiny_path, threads=1)
    logits, kept = model.logits(IDS), model.logits(IDS).copy()
    del model
    gc.collect()
    np.testing.assert_array_equal(logits, kept)


def test_ragged_batch(tiny):
    batch = [IDS, IDS[:3], IDS[2:], [7], list(range(200)), IDS[::-1]]
    for got, ids in zip(tiny.logits(batch), batch, strict=True):
        assert of_range(got, tiny.logits(ids)) < 1e-5
    for got, ids in zip(tiny.logits(batch, last=1), batch, strict=True):
        assert got.shape == (1, 904)
        assert of_range(got, tiny.logits(ids)[-1:]) < 1e-5


def test_array_batch(tiny):
    batch = np.array([IDS, IDS[::-1], [1] * 8])
    got = tiny.logits(batch)
    assert got.shape == (3, 8, 904)
    for row, ids in zip(got, batch):
        assert of_range(row, tiny.logits(ids)) < 1e-5


def test_many_sequences_of_one_batch(tiny):
    batch = [[i, i + 1, i + 2] for i in range(40)]
    for got, ids in zip(tiny.logits(batch), batch, strict=True):
        assert of_range(got, tiny.logits(ids)) < 1e-5


def test_a_batch_lives_as_long_as_its_last_array(tiny):
    arrays = tiny.logits([IDS, IDS[:3]])
    last, kept = arrays[1], arrays[1].copy()
    del arrays
    gc.collect()
    tiny.logits([IDS] * 5)
    np.testing.assert_array_equal(last, kept)


def test_prompts_longer_than_a_step(tiny):
    ids = [(i * 37) % 900 for i in range(300)]
    whole, parts = tiny.logits(ids), [tiny.logits(ids[:n], last=1)[0] for n in (64, 65, 200, 300)]
    for n, part in zip((64, 65, 200, 300), parts):
        assert of_range(whole[n - 1], part) < 1e-5


@pytest.mark.parametrize("ids, words", [
    ([], "at least one token"), ([904], "token id wanted 0 to 903, got 904"), ([-1], "got -1"),
    ([1.5], "integers in one dimension"), ([[[1]]], "integers in one dimension"), ([2**40], "32 bits"),
    (list(range(513)), "at most 512 tokens"),
])
def test_refuses_ids(tiny, ids, words):
    with pytest.raises(ttt.UsageError, match=words):
        tiny.logits(ids)


@pytest.mark.parametrize("last", [0, 9, -1])
def test_refuses_rows(tiny, last):
    with pytest.raises(ttt.UsageError, match="last wanted 1 to 8"):
        tiny.logits(IDS, last=last)


def test_a_refused_batch_leaves_the_model_usable(tiny):
    wanted = tiny.logits(IDS)
    with pytest.raises(ttt.UsageError):
        tiny.logits([IDS, [904]])
    np.testing.assert_array_equal(tiny.logits(IDS), wanted)


def test_encoder_states():
    folder = golden("encoders/bert")
    model = ttt.Model(folder, threads=1, strategy="reference")
    ids, types = np.load(folder / "ids_16.npy"), np.load(folder / "types_16.npy")
    wanted = np.load(folder / "output_16.npy")
    assert of_range(model.outputs(ids, token_types=types), wanted) < 1e-4
    with pytest.raises(ttt.UnsupportedError, match="output is logits, got hidden states"):
        model.logits(ids)


def test_classes_of_a_sequence():
    folder = golden("encoders/bert_class")
    model = ttt.Model(folder, threads=1, strategy="reference")
    got = model.outputs(np.load(folder / "ids_16.npy"), token_types=np.load(folder / "types_16.npy"))
    wanted = np.load(folder / "output_16.npy").reshape(1, -1)
    assert of_range(got, wanted) < 1e-4


def test_image():
    folder = golden("encoders/vit_class")
    model = ttt.Model(folder, threads=1, strategy="reference")
    wanted = np.load(folder / "output.npy").reshape(1, -1)
    assert of_range(model.outputs(pixels=np.load(folder / "pixels.npy")), wanted) < 1e-4
    with pytest.raises(ttt.UsageError, match="pixels exclude"):
        model.outputs([1], pixels=np.load(folder / "pixels.npy"))


def test_encoder_decoder():
    folder = golden("encoders/bart")
    model = ttt.Model(folder, threads=1, strategy="reference")
    source, target = np.load(folder / "source_16.npy"), np.load(folder / "target_16.npy")
    wanted = np.load(folder / "output_16.npy")
    got = model.logits(target, source=source)
    assert of_range(got, wanted.reshape(got.shape)) < 1e-4
    with pytest.raises(ttt.UsageError, match="source"):
        model.logits(target)


def test_sequence_goes_on(tiny):
    whole = tiny.logits(IDS)
    sequence = tiny.sequence(IDS[:3])
    np.testing.assert_allclose(sequence.extend(IDS[3:6], last=3), whole[3:6], atol=1e-4)
    assert len(sequence) == 6
    sequence.truncate(4)
    np.testing.assert_allclose(sequence.extend(IDS[4:])[0], whole[-1], atol=1e-4)
    with pytest.raises(ttt.UsageError, match="truncate wanted 0 to 8"):
        sequence.truncate(9)
    with pytest.raises(ttt.ResourcesError):
        sequence.fork()


def test_forks_go_apart(tiny):
    trunk = tiny.sequence(IDS[:4], forks=2)
    a, b = trunk.fork(), trunk.fork()
    left, right = a.extend(IDS[4:])[0], b.extend(IDS[:4])[0]
    np.testing.assert_allclose(left, tiny.logits(IDS)[-1], atol=1e-4)
    np.testing.assert_allclose(right, tiny.logits(IDS[:4] * 2)[-1], atol=1e-4)
    assert len(trunk) == 4
    with pytest.raises(ttt.ResourcesError):
        trunk.fork()
    del a
    trunk.fork()


def test_info_and_blocks(tiny):
    info = tiny.info
    assert info["family"] == "llama" and info["vocab_size"] == 904 and info["context"] == 512
    assert info["config"]["hidden_size"] == 64
    memory = info["memory"]
    parts = ("weights_mapped", "weights_owned", "state", "scratch", "outputs", "inputs")
    assert memory["total"] == sum(memory[k] for k in parts)
    blocks = {b.path: b for b in tiny.blocks()}
    attention = blocks["model.layers.1.self_attn"]
    assert attention.kind == "Attention" and attention.shape == ("rows", 64)
    assert {w.name.rsplit(".", 2)[1]: w.shape for w in attention.weights}["q_proj"] == (64, 64)
    assert blocks["lm_head"].shape == ("wanted rows", 904)
    assert sum(b.parameters for b in tiny.blocks()) == info["parameters"]
    assert [b.path for b in tiny.blocks("model.layers.*.mlp")] == [f"model.layers.{i}.mlp" for i in range(3)]


def test_formats_and_strategies(tiny_path, tiny):
    wanted = tiny.logits(IDS)
    coarse = ttt.Model(tiny_path, format="int8", kv_format="bf16", strategy="performance", threads=1, ctx=32)
    assert coarse.context == 32
    assert 0 < of_range(coarse.logits(IDS), wanted) < 0.05
    reference = ttt.Model(tiny_path, strategy="reference", threads=1)
    assert of_range(reference.logits(IDS), wanted) < 1e-5
    other = ttt.Model(tiny_path, impl={"model.layers.*.self_attn": {"state": "int8"}}, threads=1)
    assert 0 < of_range(other.logits(IDS), wanted) < 0.05
