"""The interpreter's lock, signals, threads and forks."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import ttt

IDS = [5, 17, 301, 44, 2, 800, 9, 31]


def test_threads_share_a_model(tiny):
    prompts = [[i, i + 1, i + 2, i + 3] for i in range(6)]
    alone = [tiny.generate(p, max_new_tokens=12, ignore_end=True).ids for p in prompts]
    wanted = [tiny.logits(p) for p in prompts]
    failures = []

    def work(i):
        for _ in range(3):
            if tiny.generate(prompts[i], max_new_tokens=12, ignore_end=True).ids != alone[i]:
                failures.append(i)
            if not np.array_equal(tiny.logits(prompts[i]), wanted[i]):
                failures.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(prompts))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


def test_the_lock_is_released(tiny):
    """Another thread runs Python while the model computes: it counts during a step."""
    counted = []
    stop = threading.Event()

    def count():
        n = 0
        while not stop.is_set():
            n += 1
        counted.append(n)

    thread = threading.Thread(target=count)
    batch = [[i % 900 for i in range(500)]] * 4
    began = time.perf_counter()
    tiny.logits(batch)
    if time.perf_counter() - began < 0.02:
        batch *= 8
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)  # the lock changes hands only where it is released
    try:
        thread.start()
        tiny.logits(batch)
        stop.set()
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    assert counted[0] > 1000


SCRIPT = """
    import os, signal, sys, threading, time
    import ttt
    model = ttt.Model(sys.argv[1], threads=1)
    def interrupt():
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
    began = time.monotonic()
    try:
        {run}
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - began)
        assert model.logits([1, 2, 3]).shape == (3, 904)
"""


@pytest.mark.parametrize("run", [
    "while True: model.generate([1, 2], max_new_tokens=400, ignore_end=True)",
    "model.logits([[i % 900 for i in range(500)]] * 6000, last=1)",
    "model.perplexity([i % 900 for i in range(2000000)])",
    "model.chat('the river', max_new_tokens=1); [model.chat('the river') for _ in range(10000)]",
    "engine = ttt.Engine(model)\n    while True: engine.generate([1], max_new_tokens=400, ignore_end=True).completions()",
])
def test_ctrl_c_ends_any_run(tiny_path, run):
    script = textwrap.dedent(SCRIPT).format(run=run)
    done = subprocess.run([sys.executable, "-c", script, str(tiny_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("interrupted"), done.stdout + done.stderr
    assert float(done.stdout.split()[1]) < 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_is_told(tiny):
    process = os.fork()
    if process == 0:
        try:
            tiny.logits(IDS)
        except ttt.UsageError as error:
            os._exit(0 if "forked" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(process, 0)[1] == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_no_memory_is_lost(tiny):
    """Many runs, streams and conversations take no more memory than a few."""
    def work(n):
        for _ in range(n):
            tiny.logits(IDS)
            next(tiny.generate(IDS, stream=True))
            tiny.chat("the river", max_new_tokens=2)
            tiny.sequence(IDS, forks=1).fork()

    def resident():
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("the system has no /proc")
    work(30)
    before = resident()
    work(120)
    assert resident() - before < 8 << 20
