"""Many requests at the same time, in threads and in event loops."""

import asyncio
import gc
import json
import re
import threading
import time

import pytest

import ttt

PROMPTS = [[900, 5 + i, 17, 301 + i] for i in range(8)]


@pytest.fixture(scope="module")
def engine(tiny_path):
    with ttt.Engine(ttt.Model(tiny_path, threads=2), sequences=4) as engine:
        yield engine


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_request_is_what_the_model_generates(engine):
    alone = engine.model.generate(PROMPTS[0], max_new_tokens=12, ignore_end=True)
    events = list(engine.generate(PROMPTS[0], max_new_tokens=12, ignore_end=True))
    assert [i for e in events for i in e.ids] == alone.ids
    assert "".join(map(str, events)) == alone.text
    assert [e.finish for e in events][-1] == "length" and not any(e.finish for e in events[:-1])


def test_requests_side_by_side(engine):
    alone = [engine.model.generate(p, max_new_tokens=12, ignore_end=True).ids for p in PROMPTS]
    streams = [engine.generate(p, max_new_tokens=12, ignore_end=True) for p in PROMPTS]
    assert [s.completions()[0].ids for s in streams] == alone
    usage = streams[0].usage
    assert usage["prompt"] == 4 and usage["generated"] == 12


def test_asyncio(engine):
    alone = [engine.model.generate(p, max_new_tokens=12, ignore_end=True).ids for p in PROMPTS]

    async def one(prompt):
        ids = []
        async for event in engine.generate(prompt, max_new_tokens=12, ignore_end=True):
            ids += event.ids
        return ids

    async def every():
        return await asyncio.gather(*map(one, PROMPTS))

    assert asyncio.run(every()) == alone
    assert asyncio.run(every()) == alone  # in another loop


def test_await_gives_all_continuations(engine):
    async def main():
        return await engine.generate(PROMPTS[0], n=3, max_new_tokens=6, temperature=1.0, seed=1, ignore_end=True)

    found = asyncio.run(main())
    assert [c.index for c in found] == [0, 1, 2] and all(len(c.ids) == 6 and c.finish == "length" for c in found)
    assert len({tuple(c.ids) for c in found}) > 1
    assert [c.ids for c in engine.generate(PROMPTS[0], n=3, max_new_tokens=6, temperature=1.0, seed=1,
                                           ignore_end=True).completions()] == [c.ids for c in found]


def test_the_loop_runs_on_while_requests_run(engine):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        requests = [engine.generate(PROMPTS[0], max_new_tokens=400, ignore_end=True) for _ in range(8)]
        before = ticks
        for request in requests:
            await request
        ticking.cancel()
        return ticks - before

    assert asyncio.run(main()) > 10


def test_a_cancelled_task_cancels_its_request(engine):
    async def main():
        async def endless():
            async for _ in engine.generate(PROMPTS[0], max_new_tokens=500, ignore_end=True):
                started.set()

        started = asyncio.Event()
        task = asyncio.create_task(endless())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = engine.stats["generated_tokens"]
    asyncio.run(main())
    until(lambda: engine.stats["running"] == 0)
    assert engine.stats["generated_tokens"] - before < 400


def test_a_dropped_stream_cancels_its_request(engine):
    stream = engine.generate(PROMPTS[0], max_new_tokens=500, ignore_end=True)
    next(stream)
    del stream
    gc.collect()
    until(lambda: engine.stats["running"] == 0)
    stream = engine.generate(PROMPTS[1], max_new_tokens=500, ignore_end=True)
    next(stream)
    stream.cancel()
    assert [e.finish for e in stream][-1] == "cancelled"


def test_a_time_limit(engine):
    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(engine.generate(PROMPTS[0], max_new_tokens=10**6, temperature=1.0, ignore_end=True,
                                                   min_new_tokens=400, n=4)._completions(), 0.05)

    asyncio.run(main())
    until(lambda: engine.stats["running"] == 0)


def test_threads(engine):
    alone = [engine.model.generate(p, max_new_tokens=10, ignore_end=True).ids for p in PROMPTS]
    found = [None] * len(PROMPTS)

    def work(i):
        found[i] = engine.generate(PROMPTS[i], max_new_tokens=10, ignore_end=True).completions()[0].ids

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(PROMPTS))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == alone


def test_stop_texts_and_log_probs(engine):
    whole = engine.generate("the river", max_new_tokens=20, ignore_end=True).completions()[0]
    stop = whole.text[6:9]
    got = engine.generate("the river", max_new_tokens=20, ignore_end=True, stop=stop, log_probs=2).completions()[0]
    assert got.text == whole.text[:whole.text.index(stop)]
    assert got.finish == "stop" and got.stopped_by == stop
    assert [t.id for t in got.tokens] == got.ids and all(len(t.top) == 2 and t.log_prob <= 0 for t in got.tokens)
    kept = engine.generate("the river", max_new_tokens=20, ignore_end=True, stop=stop, keep_stop=True).completions()[0]
    assert kept.text == whole.text[:whole.text.index(stop)] + stop
    events = engine.generate(PROMPTS[0], max_new_tokens=1, log_probs=0, prompt_log_probs=True)
    assert [t.id for e in events for t in e.prompt_tokens] == PROMPTS[0]


def test_prefix_cache(engine):
    prompt = [(i * 31) % 900 for i in range(200)]
    engine.generate(prompt, max_new_tokens=1).completions()
    stream = engine.generate(prompt, max_new_tokens=1)
    stream.completions()
    assert stream.usage["cached"] >= 100 and engine.stats["prefix_hits"] > 0


def test_chat(engine):
    reply = engine.chat("what is the river", system="be brief", max_new_tokens=8).completions()[0]
    wanted = engine.model.chat("what is the river", system="be brief", max_new_tokens=8)
    assert reply.ids == wanted.ids


@pytest.mark.parametrize("make", [lambda e: e.model.generate, lambda e: lambda *a, **k: e.generate(*a, **k).completions()[0]],
                         ids=["model", "engine"])
def test_structured_output(engine, make):
    generate = make(engine)
    text = generate("the river", regex="[0-9]{3}-(ab|cd)", max_new_tokens=60).text
    assert re.fullmatch("[0-9]{3}-(ab|cd)", text)
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "yy"]}, "n": {"type": "boolean"}},
              "required": ["a", "n"], "additionalProperties": False}
    document = json.loads(generate("the river", schema=schema, max_new_tokens=100).text)
    assert document["a"] in ("x", "yy") and isinstance(document["n"], bool)
    assert generate("the river", grammar='root ::= "yes" | "no"', max_new_tokens=20).text in ("yes", "no")
    with pytest.raises(ttt.UsageError, match="exclude each other"):
        generate("the", json=True, regex="a")
    with pytest.raises(ttt.BadDataError, match="grammar: line 1"):
        generate("the", grammar="root ::= (")
    with pytest.raises(ttt.Error, match="schema"):
        generate("the", schema={"type": "nonsense"})


def test_refuses_requests(engine):
    with pytest.raises(ttt.UsageError, match="n wanted"):
        engine.generate(PROMPTS[0], n=10**6)
    with pytest.raises(ttt.UsageError):
        engine.generate([])
    with pytest.raises(ttt.UsageError):
        engine.generate([1] * 600)
    with pytest.raises(TypeError):
        engine.generate(PROMPTS[0], best_of=2)

    async def inside():
        with pytest.raises(ttt.UsageError, match="wanted async for"):
            next(engine.generate(PROMPTS[0], max_new_tokens=1))

    asyncio.run(inside())
    stream = engine.generate(PROMPTS[0], max_new_tokens=1)

    async def outside():
        with pytest.raises(ttt.UsageError, match="wanted for"):
            await stream

    asyncio.run(outside())


def test_a_full_queue(tiny_path):
    with ttt.Engine(tiny_path, sequences=1, waiting=2) as small:
        with pytest.raises(ttt.ResourcesError, match="queue"):
            streams = [small.generate(PROMPTS[0], max_new_tokens=400, ignore_end=True) for _ in range(20)]
            del streams


def test_drain_and_close(tiny_path):
    engine = ttt.Engine(tiny_path, sequences=2)
    streams = [engine.generate(p, max_new_tokens=20, ignore_end=True) for p in PROMPTS]
    engine.drain()
    assert all(len(s.completions()[0].ids) == 20 for s in streams)
    with pytest.raises(ttt.ResourcesError, match="no further requests"):
        engine.generate(PROMPTS[0])
    engine.close()
    engine.close()
    with pytest.raises(ttt.UsageError, match="after close"):
        engine.generate(PROMPTS[0])

    async def main():
        async with ttt.Engine(tiny_path, sequences=2) as engine:
            stream = engine.generate(PROMPTS[0], max_new_tokens=500, ignore_end=True)
            async for _ in stream:
                break
        return [e.finish async for e in stream]

    assert asyncio.run(main())[-1] == "cancelled"


def test_an_engine_and_its_model_at_the_same_time(engine):
    wanted = engine.model.logits(PROMPTS[0])
    stream = engine.generate(PROMPTS[1], max_new_tokens=200, ignore_end=True)
    for _ in range(5):
        assert (engine.model.logits(PROMPTS[0]) == wanted).all()
    assert len(stream.completions()[0].ids) == 200
