"""Functions at the blocks of a model."""

import functools
import json
import threading

import numpy as np
import pytest
from conftest import golden, load_json, of_range

import ttt

IDS = [5, 17, 301, 44, 2, 800, 9, 31]
STREAM = "model.layers.1.mlp"  # the residual stream after the second layer


def test_a_tap_sees_what_a_block_writes(tiny):
    seen = []
    with tiny.tap({"lm_head": seen.append}) as tap:
        logits = tiny.logits(IDS)
    assert tap.paths == ["lm_head"]
    np.testing.assert_array_equal(np.concatenate(seen), logits)
    tiny.logits(IDS)
    assert len(seen) == 1  # the tap is gone


def test_blocks_add_up_to_the_stream(tiny):
    """What attention adds, by its last projection, is the difference of the stream before and after it."""
    names = ("model.embed_tokens", "model.layers.0.self_attn.o_proj", "model.layers.0.self_attn",
             "model.layers.0.mlp.down_proj", "model.layers.0.mlp")
    with tiny.capture(*names) as kept:
        tiny.logits(IDS)
    stream, attention, after, mlp, end = (kept[n] for n in names)
    np.testing.assert_allclose(stream + attention, after, atol=1e-5)
    np.testing.assert_allclose(after + mlp, end, atol=1e-5)


def test_order_and_shapes_are_those_of_blocks(tiny):
    with tiny.capture() as kept:
        tiny.logits(IDS, last=2)
    blocks = tiny.blocks()
    assert list(kept) == [b.path for b in blocks]
    extents = {"rows": len(IDS), "wanted rows": 2}
    for block in blocks:
        assert kept[block.path].shape == tuple(extents.get(n, n) for n in block.shape), block.path


def test_a_replacement_is_what_the_model_goes_on_with(tiny):
    other = IDS[::-1]
    with tiny.capture(STREAM) as kept:
        wanted = tiny.logits(other)
    with tiny.tap({STREAM: lambda y: kept[STREAM]}):
        patched = tiny.logits(IDS)
    # All that comes after the second layer sees only the stream.
    with tiny.capture("model.layers.2.input_layernorm") as after:
        tiny.logits(other)
    np.testing.assert_array_equal(patched, wanted)
    assert not np.allclose(tiny.logits(IDS), wanted)
    assert len(after) == 1


def test_replacement_inside_a_block(tiny):
    """Without what all attention and all feed-forward blocks add, the stream is the embedding."""
    zero = {"model.layers.*.o_proj": np.zeros_like, "model.layers.*.down_proj": np.zeros_like}
    with tiny.tap(zero) as tap, tiny.capture("model.embed_tokens", "model.layers.2.mlp") as kept:
        tiny.logits(IDS)
    assert len(tap.paths) == 6
    np.testing.assert_array_equal(kept["model.embed_tokens"], kept["model.layers.2.mlp"])


def test_memory_itself(tiny):
    wanted = tiny.logits(IDS)

    def double(values):
        values *= 2

    with tiny.tap({"lm_head": double}):
        np.testing.assert_array_equal(tiny.logits(IDS), wanted)  # a copy
    with tiny.tap({"lm_head": double}, copy=False):
        np.testing.assert_array_equal(tiny.logits(IDS), wanted * 2)


def test_a_function_that_takes_the_path(tiny):
    paths = []

    def two(values, path):
        paths.append(path)

    def bound(values, path="default"):
        assert path == "default"

    with tiny.tap({"model.layers.*.mlp": two, "model.norm": bound, "lm_head": functools.partial(two, path="own")}):
        tiny.logits(IDS)
    assert paths == ["model.layers.0.mlp", "model.layers.1.mlp", "model.layers.2.mlp", "own"]


def test_taps_one_after_another(tiny):
    with tiny.tap({"lm_head": lambda y: y * 0 + 1}), tiny.tap({"lm_head": lambda y: y + 1}):
        assert (tiny.logits(IDS) == 2).all()


def test_generation_and_batches_are_seen(tiny):
    rows = []
    with tiny.tap({"model.norm": lambda y: rows.append(len(y))}):
        tiny.generate(IDS, max_new_tokens=3, ignore_end=True)
        assert rows == [8, 1, 1]
        rows.clear()
        tiny.logits([IDS, IDS[:3]])
        assert rows == [8, 3]  # every sequence by itself
        rows.clear()
        tiny.logits(list(range(100)))
        assert rows == [64, 36]  # in steps of `chunk`


@pytest.mark.parametrize("value, got", [
    (np.zeros((8, 904), np.float64), r"float64 \(8, 904\)"), (np.zeros((7, 904), np.float32), r"float32 \(7, 904\)"),
    (np.zeros(904, np.float32), r"float32 \(904,\)"), (3.0, "float"), ("text", "str"),
])
def test_refuses_replacements(tiny, value, got):
    with tiny.tap({"lm_head": lambda y: value}), pytest.raises(ttt.UsageError, match=got) as caught:
        tiny.logits(IDS)
    assert caught.value.block == "lm_head" and "float32 [8, 904]" in caught.value.wanted


def test_refuses_paths_and_functions(tiny):
    with pytest.raises(ttt.UsageError, match="matches no block"):
        tiny.tap({"model.layers.9.mlp": print})
    with pytest.raises(ttt.UsageError, match="wanted a function"):
        tiny.tap({"lm_head": 3})
    with pytest.raises(ttt.UsageError, match="matches no block"):
        tiny.capture("nothing.*")


def test_an_exception_ends_the_run(tiny):
    wanted = tiny.logits(IDS)

    def fails(values):
        raise LookupError("mine")

    with tiny.tap({STREAM: fails}), pytest.raises(LookupError, match="mine"):
        tiny.logits(IDS)
    np.testing.assert_array_equal(tiny.logits(IDS), wanted)


def test_a_tap_may_not_run_the_model_but_may_remove_itself(tiny):
    def again(values):
        tiny.logits(IDS)

    with tiny.tap({"lm_head": again}), pytest.raises(ttt.UsageError, match="a call from a tap"):
        tiny.logits(IDS)

    calls = []

    def once(values, path):
        calls.append(path)
        tap.remove()

    tap = tiny.tap({"model.layers.*.mlp": once})
    tiny.logits(IDS)
    assert calls == ["model.layers.0.mlp"]


def test_taps_from_another_thread(tiny):
    seen = []
    with tiny.tap({"lm_head": lambda y: seen.append(threading.current_thread().name)}):
        thread = threading.Thread(target=tiny.logits, args=(IDS,), name="worker")
        thread.start()
        thread.join()
    assert seen == ["worker"]


def test_what_transformers_records(tmp_path):
    """Modules of transformers wrote, for the same model, what captures see at the same places."""
    import make_random_checkpoint
    folder = golden("trace/bias")
    make_random_checkpoint.write_checkpoint(tmp_path, load_json(folder / "config.json"))
    trace = read_safetensors(folder / "trace.safetensors")
    model = ttt.Model(tmp_path, threads=1)
    ids = next(values for name, values in trace.items() if values.dtype.kind == "i").ravel()
    with model.capture() as kept:
        model.logits(ids)
    compared = 0
    for path, values in kept.items():
        # transformers' attention and MLP return what they add; here these places are the stream.
        name = path + ":out"
        if name not in trace or path.endswith((".self_attn", ".mlp")):
            continue
        assert of_range(values, trace[name].reshape(values.shape)) < 1e-4, path
        compared += 1
    assert compared >= 10, sorted(trace)[:40]


def read_safetensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    types = {"F32": np.float32, "I64": np.int64, "I32": np.int32}
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + size + begin:8 + size + end], types[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors
