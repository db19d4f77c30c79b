#!/usr/bin/env python3
"""Compares `ttt bench` with other engines on one file and machine, in turn, and prints a Markdown table.

    bench/peers/compare.py build/bin/ttt model.gguf                     # every engine that get.sh finds or builds
    bench/peers/compare.py build/bin/ttt model.gguf --peers ik_llama.cpp,openvino --prompt 512,8192 --batch 1,8,16
    bench/peers/compare.py build/bin/ttt model.gguf --peer-model openvino=DIR    # another form of the same model
    bench/peers/compare.py build/bin/ttt model.gguf --at llama.cpp=DIR  # its programs are in DIR; nothing is fetched
    ... -- --kv-format bf16                                             # options of ttt bench behind --

For every prompt and batch all engines run one after the other, each in a process of its own, and that is repeated
(--repeat 5): what disturbs the machine disturbs all. Printed are medians of tokens per second of all sequences together, and
how many times as fast as each peer ttt is (the median of the ratios of the rounds). ik_llama.cpp repacks weights when it
loads (-rtr), which is its fastest way. An engine that fails is named once and left out. Exit status: 0, 1 when ttt or every peer
failed, 2 when the question makes no sense. Needs Python alone, and for the peers what get.sh says.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


PEERS = ("llama.cpp", "ik_llama.cpp", "openvino", "pytorch")


def give_up(message):
    print(f"compare.py: {message}", file=sys.stderr)
    sys.exit(2)


def run(command, timeout):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout)
    if done.returncode:
        raise RuntimeError(f"status {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def ttt(where, model, ask, args):
    answer = json.loads(run([where, "bench", "-m", model, "--prompt", str(ask["prompt"]), "--generate",
                             str(args.generate), "--batch", str(ask["batch"]), "--repeat", "1", "-t", str(args.threads),
                             "--json", *args.more], args.timeout))
    return answer["prefill_tokens_per_s"], answer["decode_tokens_per_s"]


def llama(where, model, ask, args, more=()):
    """Of the table that llama-batched-bench prints."""
    context = (ask["prompt"] + args.generate) * ask["batch"]
    said = run([f"{where}/llama-batched-bench", "-m", model, "-c", str(context), "-b", "2048", "-ub", "512", "-t",
                str(args.threads), "-npp", str(ask["prompt"]), "-ntg", str(args.generate), "-npl", str(ask["batch"]), *more],
               args.timeout)
    cells = [[c.strip() for c in line.strip("| \n").split("|")] for line in said.splitlines() if line.startswith("|")]
    head, row = cells[0], cells[-1]
    return float(row[head.index("S_PP t/s")]), float(row[head.index("S_TG t/s")])


def ik_llama(where, model, ask, args):
    return llama(where, model, ask, args, ["-rtr"])


def script(name):
    def measure(where, model, ask, args):
        answer = json.loads(run([where, str(HERE / name), model, str(ask["prompt"]), str(args.generate), str(ask["batch"]),
                                 str(args.threads)], args.timeout).splitlines()[-1])
        return answer["prefill"], answer["decode"]
    return measure


ENGINES = {"ttt": ttt, "llama.cpp": llama, "ik_llama.cpp": ik_llama, "openvino": script("openvino_bench.py"),
           "pytorch": script("pytorch_bench.py")}


def places(args):
    """{engine: what runs it}, ttt first."""
    found = {"ttt": args.ttt, **pairs(args.at)}
    wanted = [name for name in args.peers or PEERS if name not in found]
    if wanted and (args.peers or not args.at):
        done = subprocess.run([str(HERE / "get.sh"), *wanted], stdout=subprocess.PIPE, text=True)
        found |= dict(line.split(" ", 1) for line in done.stdout.splitlines())
    return found


def pairs(arguments):
    """{PEER: PATH} of PEER=PATH arguments."""
    found = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if name not in PEERS or not equals:
            give_up(f"wanted PEER=PATH, got {argument!r}; the peers are {', '.join(PEERS)}")
        found[name] = path
    return found


def measure(args, engines, models, ask):
    """{engine: [(prefill, decode) of each round, or None]}"""
    seen = {name: [] for name in engines}
    for _ in range(args.repeat):
        for name in list(engines):
            try:
                seen[name].append(ENGINES[name](engines[name], models[name], ask, args))
            except (RuntimeError, subprocess.TimeoutExpired, ValueError, IndexError, KeyError) as error:
                print(f"compare.py: {name}, prompt {ask['prompt']}, batch {ask['batch']}: {error}", file=sys.stderr)
                del engines[name], seen[name]
                if name == "ttt" or len(engines) == 1:
                    sys.exit(1)
    return seen


def cells(seen, name, phase):
    values = [round_[phase] for round_ in seen[name]]
    said = f"{statistics.median(values):.1f}"
    if name == "ttt":
        return [said]
    return [said, f"{statistics.median(own[phase] / peer for own, peer in zip(seen['ttt'], values)):.2f}"]


def numbers(text):
    return [int(n) for n in text.split(",")]


def main():
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[:own.index("--")], own[own.index("--") + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ttt")
    parser.add_argument("model")
    parser.add_argument("--peers", type=lambda s: s.split(","), default=[])
    parser.add_argument("--at", action="append", default=[], metavar="PEER=PATH")
    parser.add_argument("--peer-model", action="append", default=[], metavar="PEER=PATH")
    parser.add_argument("--prompt", type=numbers, default=[512])
    parser.add_argument("--batch", type=numbers, default=[1])
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=float, default=1800, help="seconds of one run")
    args = parser.parse_args(own)
    args.more = more
    if unknown := set(args.peers) - set(PEERS):
        give_up(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    engines = places(args)
    models = dict.fromkeys(ENGINES, args.model) | pairs(args.peer_model)
    if len(engines) == 1:
        give_up("there is no peer to compare with")
    asks = [{"prompt": p, "batch": b} for p in args.prompt for b in args.batch]
    results = [(ask, measure(args, engines, models, ask)) for ask in asks]
    head = ["prompt", "batch", "phase", "ttt"] + [h for n in engines if n != "ttt" for h in (n, f"ttt / {n}")]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for ask, seen in results:
        for phase, name in enumerate(("prefill", "decode")):
            row = [str(ask["prompt"]), str(ask["batch"]), name] + [c for n in engines for c in cells(seen, n, phase)]
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
