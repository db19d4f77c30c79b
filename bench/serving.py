#!/usr/bin/env python3
"""Measures `ttt serve` as its clients see it: tokens per second with several clients at once, the time to the first token
and between tokens, the gaps of running streams while a long prompt arrives, and what the prefix cache saves.

Usage: serving.py TTT MODEL [--clients 1,8,32] [--tokens 64] [--requests 2] [--long 4000] [-- OPTIONS OF ttt serve]

Prints a table in Markdown. Any server of the OpenAI API can be measured instead: --address http://127.0.0.1:8080, without
TTT and MODEL. Prompts begin with a number of their own, so that no prefix cache knows them.
"""

import argparse
import http.client
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

WORDS = "the river carries small stones from the mountain to the sea and leaves them on the shore where children find them ".split()
numbers = itertools.count(1000)


def prompt(words):
    return f"{next(numbers)}: " + " ".join(itertools.islice(itertools.cycle(WORDS), words))


class Stream(threading.Thread):
    """One streamed completion: when it was asked for, when each part came, and how many tokens it had."""

    def __init__(self, address, text, tokens):
        super().__init__()
        self.address, self.text, self.tokens = address, text, tokens
        self.began = 0.0
        self.times, self.generated, self.error = [], 0, None

    def run(self):
        try:
            self.complete()
        except Exception as error:
            self.error = error

    def complete(self):
        connection = http.client.HTTPConnection(self.address, timeout=600)
        body = {"prompt": self.text, "max_tokens": self.tokens, "temperature": 0, "ignore_eos": True, "stream": True,
                "stream_options": {"include_usage": True}}
        self.began = time.perf_counter()
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(response.read().decode())
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if any(choice.get("text") for choice in event.get("choices", [])):
                self.times.append(time.perf_counter())
            if event.get("usage"):
                self.generated = event["usage"]["completion_tokens"]
        connection.close()


def run(streams):
    """The streams of a run, at once; seconds until the last one ends."""
    begin = time.perf_counter()
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.join()
        if stream.error:
            raise stream.error
    return time.perf_counter() - begin


def gaps(streams, begin=0.0, end=float("inf")):
    return [b - a for s in streams for a, b in zip(s.times, s.times[1:]) if b >= begin and a <= end]


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


def milliseconds(seconds):
    return f"{1e3 * seconds:.0f} ms"


def clients(address, counts, tokens, requests):
    print("| clients | tokens/s | time to first token, median and p99 | between tokens, median and p99 |\n|---|---|---|---|")
    for count in counts:
        speeds, all_streams = [], []
        for _ in range(requests):
            streams = [Stream(address, prompt(40), tokens) for _ in range(count)]
            seconds = run(streams)
            speeds.append(sum(s.generated for s in streams) / seconds)
            all_streams += streams
        first = [s.times[0] - s.began for s in all_streams]
        between = gaps(all_streams)
        print(f"| {count} | {statistics.median(speeds):.1f} | {milliseconds(quantile(first, .5))}, {milliseconds(quantile(first, .99))} "
              f"| {milliseconds(quantile(between, .5))}, {milliseconds(quantile(between, .99))} |", flush=True)


def long_prompt(address, words, tokens):
    """Four streams run; a long prompt arrives after their first tokens."""
    running = [Stream(address, prompt(40), 8 * tokens) for _ in range(4)]
    for stream in running:
        stream.start()
    while not all(s.times or s.error for s in running):
        time.sleep(0.01)
    late = Stream(address, prompt(words), 1)
    run([late])
    for stream in running:
        stream.join()
    during = gaps(running, late.began, late.times[0])
    print(f"\nFour streams while a prompt of {words} words arrives: {milliseconds(quantile(during, .5))} between tokens in the median, "
          f"{milliseconds(quantile(during, .99))} at p99; its first token came after {late.times[0] - late.began:.2f} s.", flush=True)


def same_prefix(address, words):
    text = prompt(words)
    first = Stream(address, text, 1)
    run([first])
    again = Stream(address, text, 1)
    run([again])
    a, b = first.times[0] - first.began, again.times[0] - again.began
    print(f"\nA prompt of {words} words: first token after {a:.2f} s, asked again {b:.3f} s: {a / b:.0f} times as fast.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ttt", nargs="?")
    parser.add_argument("model", nargs="?")
    parser.add_argument("--address", help="of a server that runs already")
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--requests", type=int, default=2, help="runs for each number of clients")
    parser.add_argument("--long", type=int, default=4000, help="words of the long prompt")
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args, options = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1:]
    counts = [int(c) for c in args.clients.split(",")]
    server = None
    if args.address is None:
        command = [args.ttt, "serve", "-m", args.model, "--port", "0", "--max-num-seqs", str(max(counts)), *options]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in server.stderr:
            if " on http://" in line:
                args.address = line.split()[-1]
                break
        threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
    try:
        address = urllib.parse.urlsplit(args.address).netloc
        run([Stream(address, prompt(40), 8)])  # warms up
        clients(address, counts, args.tokens, args.requests)
        long_prompt(address, args.long, args.tokens)
        same_prefix(address, args.long // 2)
    finally:
        if server is not None:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
