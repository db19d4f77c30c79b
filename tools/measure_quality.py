#!/usr/bin/env python3
"""Measures what formats of weights and of state cost a model in quality, and what llama.cpp costs on the same file.

    measure_quality.py -m MODEL --text FILE                       # 600 tokens of FILE
    measure_quality.py -m MODEL.gguf --text FILE --llama-cpp      # llama.cpp beside it, on the same tokens
    measure_quality.py -m MODEL --text FILE --windows 4 --no-formats --llama-cpp --json out.json
    measure_quality.py -m MODEL --text FILE --run '--format int4 --impl head.json'     # one run more

The reference is `ttt logits --strategy accuracy --format f32 --kv-format f32`: weights decoded, everything computed in
f32. Every other run gets the same token ids and is compared with it row by row. A Markdown table is printed: the mean
over rows of KL(reference || run) with its standard error, in thousandths of a nat; the share of rows whose likeliest
token is the reference's (top-1); the mean share of the reference's five likeliest tokens among the run's five (top-5);
and the perplexity of the text. With --llama-cpp a second table has the mean of the difference in KL, row by row,
between the first run (as stored, default strategy) and each run of llama.cpp.

Windows are consecutive stretches of the text, each of --n tokens and run by itself; the special tokens that the
tokenizer adds to a text (a begin token) start every window. Needs numpy; --llama-cpp needs the package
llama-cpp-python and a GGUF file. Exit status: 0, or 2 when a run failed or the question makes no sense.
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ["--strategy", "accuracy", "--format", "f32", "--kv-format", "f32"]
RUNS = [
    ("as stored", []),
    ("as stored, `--strategy accuracy`", ["--strategy", "accuracy"]),
    *((f"`--format {f}`", ["--format", f]) for f in ("bf16", "int8", "int4", "bfp8_b", "bfp4_b")),
    *((f"`--kv-format {f}`", ["--kv-format", f]) for f in ("bf16", "int8", "bfp8_b")),
]
ROWS_AT_ONCE = 32  # of logits in double precision


def give_up(message):
    print(message, file=sys.stderr)
    sys.exit(2)


def run_ttt(args, command, **keywords):
    line = [args.ttt, *command]
    try:
        done = subprocess.run(line, stdout=subprocess.PIPE, **keywords)
    except OSError as e:
        give_up(f"{args.ttt}: {e.strerror}")
    if done.returncode != 0:
        give_up(f"{' '.join(map(str, line))} ended with status {done.returncode}")
    return done.stdout


def token_ids(args, text, *flags):
    out = run_ttt(args, ["tokenize", "-m", args.model, "-f", "-", *flags], input=text)
    # Split at line feeds alone: the second column may hold other ends of lines.
    return [int(line.split(b"\t", 1)[0]) for line in out.split(b"\n") if line]


def windows_of(args):
    """Arrays int32 [n]: what the tokenizer starts a text with, then tokens of the text."""
    begin = token_ids(args, b"a")
    bare = token_ids(args, b"a", "--no-special-tokens")
    begin = begin[:begin.index(bare[0])]
    ids = token_ids(args, args.text.read_bytes(), "--no-special-tokens")
    own = args.n - len(begin)
    if own < 2 or len(ids) < own * args.windows:
        give_up(f"{args.text} wanted at least {max(own, 2) * args.windows} tokens for {args.windows} windows of "
                f"{args.n}, got {len(ids)}")
    return [np.array(begin + ids[i * own:(i + 1) * own], np.int32) for i in range(args.windows)]


def ttt_logits(args, ids, flags, folder, name):
    np.save(folder / "ids.npy", ids)
    out = folder / f"{name}.npy"
    line = ["logits", "-m", args.model, "--tokens-file", folder / "ids.npy", "-o", out, *flags]
    run_ttt(args, line + (["--threads", str(args.threads)] if args.threads else []))
    return np.load(out, mmap_mode="r")


class LlamaCpp:
    """llama.cpp on the same file, with its defaults but for the type of keys and values."""

    def __init__(self, args):
        try:
            import llama_cpp
        except ImportError as e:
            give_up(f"--llama-cpp wanted the package llama-cpp-python: {e}")
        self.package, self.args = llama_cpp, args
        self.version = llama_cpp.__version__

    def runs(self):
        return [("llama.cpp, its defaults (f16 state)", None), ("llama.cpp, f32 state", self.package.GGML_TYPE_F32)]

    def logits(self, ids, state):
        threads = {"n_threads": self.args.threads, "n_threads_batch": self.args.threads} if self.args.threads else {}
        types = {} if state is None else {"type_k": state, "type_v": state}
        model = self.package.Llama(str(self.args.model), n_ctx=len(ids), n_batch=512, logits_all=True, verbose=False,
                                   n_gpu_layers=0, **threads, **types)
        model.eval(ids.tolist())
        rows = np.array(model.scores[:len(ids)], np.float32)
        model.close()
        return rows


def log_softmax(logits):
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))


def five_largest(values):
    return np.argpartition(values, -5, axis=1)[:, -5:]


def compare(got, want, ids):
    """By row: kl [rows], top1 [rows], top5 [rows]; nll [rows - 1] of the token that follows."""
    if got.shape != want.shape:
        give_up(f"logits wanted {list(want.shape)}, got {list(got.shape)}")
    found = {"kl": [], "top1": [], "top5": [], "nll": []}
    for i in range(0, len(want), ROWS_AT_ONCE):
        q, p = log_softmax(got[i:i + ROWS_AT_ONCE]), log_softmax(want[i:i + ROWS_AT_ONCE])
        if not np.isfinite(q).all():
            give_up(f"logits are not finite in rows {i} to {i + len(q) - 1}")
        found["kl"].append((np.exp(p) * (p - q)).sum(axis=1))
        found["top1"].append(p.argmax(axis=1) == q.argmax(axis=1))
        pairs = zip(five_largest(p), five_largest(q))
        found["top5"].append(np.array([len(np.intersect1d(a, b)) / 5 for a, b in pairs]))
        nexts = ids[i + 1:i + 1 + len(q)]
        found["nll"].append(-q[np.arange(len(nexts)), nexts])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def standard_error(values):
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def figures(rows):
    return {"kl": float(rows["kl"].mean()), "kl_error": standard_error(rows["kl"]), "top1": float(rows["top1"].mean()),
            "top5": float(rows["top5"].mean()), "perplexity": float(np.exp(rows["nll"].mean()))}


def print_tables(by_name, llama_names):
    print("| run | KL to f32, 1e-3 nats | ± | top-1 | top-5 | perplexity |\n|---|---|---|---|---|---|")
    for name, rows in by_name.items():
        f = figures(rows)
        print(f"| {name} | {1000 * f['kl']:.3f} | {1000 * f['kl_error']:.3f} | {100 * f['top1']:.1f} % | "
              f"{100 * f['top5']:.1f} % | {f['perplexity']:.3f} |")
    if not llama_names:
        return
    print("\n| KL of the first run less that of | mean, 1e-3 nats | ± |\n|---|---|---|")
    for name in llama_names:
        less = by_name[RUNS[0][0]]["kl"] - by_name[name]["kl"]
        print(f"| {name} | {1000 * less.mean():+.3f} | {1000 * standard_error(less):.3f} |")


def measure(args, llama):
    """Rows of all windows by name of the run; the reference first."""
    parts = {}
    # 600 rows of logits of 262,144 tokens are 629 MB: of all runs only the reference's and the last one's are kept.
    runs = RUNS[:1 if args.no_formats else None] + [(f"`{given}`", shlex.split(given)) for given in args.run]
    with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
        folder = pathlib.Path(folder)
        for window, ids in enumerate(windows_of(args)):
            want = ttt_logits(args, ids, REFERENCE, folder, "reference")

            def note(name, got):
                print(f"window {window}: {name}", file=sys.stderr)
                parts.setdefault(name, []).append(compare(got, want, ids))

            note("f32 (the reference)", want)
            for name, flags in runs:
                note(name, ttt_logits(args, ids, flags, folder, "run"))
            for name, state in llama.runs() if llama else []:
                note(name, llama.logits(ids, state))
    return {name: {key: np.concatenate([p[key] for p in list_]) for key in list_[0]} for name, list_ in parts.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", type=pathlib.Path, required=True)
    parser.add_argument("--ttt", default=str(REPOSITORY / "build" / "bin" / "ttt"))
    parser.add_argument("--text", type=pathlib.Path, required=True, help="any text in UTF-8")
    parser.add_argument("--n", type=int, default=600, help="tokens of one window")
    parser.add_argument("--windows", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--run", action="append", default=[], metavar="FLAGS", help="one run more with these flags")
    parser.add_argument("--no-formats", action="store_true", help="of the usual runs only the first, as stored")
    parser.add_argument("--llama-cpp", action="store_true", help="measure llama.cpp too")
    parser.add_argument("--scratch", type=pathlib.Path, help="folder for the logits (default: the system's)")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    args = parser.parse_args()
    for file in (args.model, args.text):
        if not file.exists():
            give_up(f"{file}: no such file or directory")
    if args.n < 2 or args.windows < 1:
        give_up(f"--n wanted at least 2 and --windows at least 1, got {args.n} and {args.windows}")
    llama = LlamaCpp(args) if args.llama_cpp else None
    by_name = measure(args, llama)
    print(f"{args.model.name}: {args.windows} window(s) of {args.n} tokens"
          + (f"; llama-cpp-python {llama.version}" if llama else "") + "\n")
    print_tables(by_name, [name for name, _ in llama.runs()] if llama else [])
    if args.json:
        args.json.write_text(json.dumps({name: figures(rows) for name, rows in by_name.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
