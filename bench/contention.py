#!/usr/bin/env python3
"""Decodes beside other programs: tokens per second with one thread and with the default number of threads, alone and
beside processes that compute for 3 ms and sleep for 1 ms in turn, as a build does. The default must never be slower
than one thread.

Usage: contention.py TTT MODEL [PROCESSES [ROUNDS]]     4 processes, 5 rounds
"""

import json
import multiprocessing
import statistics
import subprocess
import sys
import time


def disturb():
    while True:
        end = time.perf_counter() + 0.003
        while time.perf_counter() < end:
            pass
        time.sleep(0.001)


def tokens_per_second(tool, model, threads):
    command = [tool, "bench", "-m", model, "--prompt", "8", "--generate", "48", "--json"]
    if threads:
        command += ["-t", str(threads)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr)
    return json.loads(result.stdout)["decode_tokens_per_s"]


def measure(tool, model, rounds):
    """Medians of alternating runs: one thread, default."""
    one, default = [], []
    for _ in range(rounds):
        one.append(tokens_per_second(tool, model, 1))
        default.append(tokens_per_second(tool, model, 0))
    return statistics.median(one), statistics.median(default)


def main(tool, model, processes=4, rounds=5):
    print("                     one thread    default    ratio   (tokens/s, medians)")
    for name, count in (("alone", 0), (f"beside {processes}", int(processes))):
        others = [multiprocessing.Process(target=disturb, daemon=True) for _ in range(count)]
        for other in others:
            other.start()
        try:
            one, default = measure(tool, model, int(rounds))
        finally:
            for other in others:
                other.terminate()
        print(f"{name:<20} {one:>10.1f} {default:>10.1f} {default / one:>8.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
