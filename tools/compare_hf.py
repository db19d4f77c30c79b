#!/usr/bin/env python3
"""Compares ttt with transformers on one model: every logit of a text, or a greedy continuation.

    compare_hf.py -m MODEL                                      # 600 tokens of the text that the tests use
    compare_hf.py -m MODEL --text FILE --n 2500 --prefill 2400 --chunk 256 --format bf16 --kv-format bf16
    compare_hf.py -m MODEL --tokens-file ids.npy --max-error 1e-4 --min-pcc 0.99999
    compare_hf.py -m MODEL --generate [--prompt TEXT] [--new 96]
    compare_hf.py -m MODEL --logits logits.npy                  # of an earlier run

MODEL is a Hugging Face directory or a GGUF file; a directory without a tokenizer gets random tokens. The reference
runs in float32 (--reference-dtype float64 for a finer one) with eager attention, on weights as stored. Exit status: 0
within the thresholds, 1 outside, 2 when ttt failed or the question makes no sense. Needs torch and transformers (gguf
for GGUF files).
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TEXT = REPOSITORY / "tests" / "golden" / "text" / "shakespeare.txt"


def give_up(message):
    print(message, file=sys.stderr)
    sys.exit(2)


class Reference:
    def __init__(self, path, dtype):
        import torch
        import transformers
        transformers.utils.logging.disable_progress_bar()
        self.torch = torch
        self.tokenizer = None
        if path.suffix == ".gguf":
            from hf_directory_from_gguf import load_gguf, load_tokenizer
            self.model, self.tokenizer = load_gguf(path), load_tokenizer(path)
        else:
            self.model = transformers.AutoModelForCausalLM.from_pretrained(
                path, dtype=torch.float32, attn_implementation="eager").eval()
            if any((path / f).exists() for f in ("tokenizer.json", "tokenizer.model")):
                self.tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        self.model = self.model.to(getattr(torch, dtype))
        self.vocab = self.model.config.vocab_size

    def logits(self, ids):
        with self.torch.no_grad():
            return self.model(self.torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()

    def greedy(self, ids, count):
        """The likeliest next tokens, without the one that ends, and the gap to the second likeliest of each."""
        out = self.model.generate(self.torch.tensor([list(ids)]), max_new_tokens=count, do_sample=False,
                                  return_dict_in_generate=True, output_logits=True)
        new = out.sequences[0, len(ids):].tolist()
        gaps = [float(-np.diff(step[0].topk(2).values.numpy())[0]) for step in out.logits]
        ends = self.model.generation_config.eos_token_id
        if new and new[-1] in (ends if isinstance(ends, list) else [ends]):
            new, gaps = new[:-1], gaps[:-1]
        return new, gaps


def model_flags(args):
    flags = ["-m", str(args.model)]
    for name in ("format", "kv_format", "strategy", "isa", "chunk", "threads"):
        value = getattr(args, name)
        if value is not None:
            flags += ["--" + name.replace("_", "-"), str(value)]
    return flags + args.ttt_args


def run_ttt(args, command):
    line = [args.ttt, command[0], *model_flags(args), *command[1:]]
    print("+", " ".join(map(str, line)), file=sys.stderr)
    try:
        done = subprocess.run(line, stdout=subprocess.PIPE)
    except OSError as e:
        give_up(f"{args.ttt}: {e.strerror}")
    if done.returncode != 0:
        give_up(f"ttt ended with status {done.returncode}")
    return done.stdout


def ttt_logits(args, ids, prefill=None, last=None):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        np.save(folder / "ids.npy", np.asarray(ids, np.int32))
        command = ["logits", "--tokens-file", str(folder / "ids.npy"), "-o", str(folder / "logits.npy")]
        if prefill is not None:
            command += ["--prefill", str(prefill)]
        if last is not None:
            command += ["--last", str(last)]
        run_ttt(args, command)
        return np.load(folder / "logits.npy")


def log_softmax(logits):
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))


def compare(got, want, ids):
    """Figures by name, and the largest error of each row as a share of the range."""
    spread = float(want.max() - want.min())
    row_error, kl, nll_got, nll_want = [], [], [], []
    correlation = np.zeros(5)  # sums of x, y, xx, yy, xy, about a common centre
    centre = float(want.mean())
    step = 128
    for i in range(0, len(want), step):
        g, w = got[i:i + step], want[i:i + step]
        row_error.append(np.abs(g.astype(np.float64) - w).max(axis=1) / spread)
        x, y = g.astype(np.float64) - centre, w.astype(np.float64) - centre
        correlation += [x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()]
        p, q = log_softmax(w), log_softmax(g)
        kl.append((np.exp(p) * (p - q)).sum(axis=1))
        nexts = ids[i + 1:i + 1 + len(w)]
        rows = np.arange(len(nexts))
        nll_want.append(-p[rows, nexts])
        nll_got.append(-q[rows, nexts])
    sx, sy, sxx, syy, sxy = correlation
    n = got.size
    row_error, kl = np.concatenate(row_error), np.concatenate(kl)
    figures = {
        "range": spread, "max_error": float(row_error.max()),
        "pcc": float((sxy - sx * sy / n) / np.sqrt((sxx - sx * sx / n) * (syy - sy * sy / n))),
        "top1": float((got.argmax(axis=1) == want.argmax(axis=1)).mean()),
        "mean_kl": float(kl.mean()), "max_kl": float(kl.max()),
        "perplexity_ttt": float(np.exp(np.concatenate(nll_got).mean())) if len(ids) > 1 else float("nan"),
        "perplexity_reference": float(np.exp(np.concatenate(nll_want).mean())) if len(ids) > 1 else float("nan")}
    return figures, row_error


def choose_ids(args, reference):
    if args.tokens_file:
        if args.tokens_file.suffix == ".npy":
            ids = np.load(args.tokens_file).astype(np.int64)
        else:
            ids = np.array(args.tokens_file.read_text().replace(",", " ").split(), np.int64)
    elif reference.tokenizer is None:
        from make_random_checkpoint import token_ids
        ids = token_ids(reference.vocab, args.n)
    else:
        ids = np.array(reference.tokenizer((args.text or TEXT).read_text(encoding="utf-8")).input_ids, np.int64)
    ids = ids[:args.n]
    if len(ids) == 0 or ids.min() < 0 or ids.max() >= reference.vocab:
        give_up(f"token ids wanted 0 to {reference.vocab - 1}, at least one")
    return ids


def compare_logits(args, reference):
    ids = choose_ids(args, reference)
    got = np.load(args.logits) if args.logits else ttt_logits(args, ids, args.prefill)
    if got.shape != (len(ids), reference.vocab):
        give_up(f"logits wanted {[len(ids), reference.vocab]}, got {list(got.shape)}")
    if not np.isfinite(got).all():
        print(f"not finite: first in row {int(np.argmin(np.isfinite(got).all(axis=1)))}")
        return False
    want = reference.logits(ids)
    f, row_error = compare(got, want, ids)
    print(f"tokens                 {len(ids)}")
    print(f"reference logits       {want.min():.4f} .. {want.max():.4f}")
    print(f"largest error / range  {f['max_error']:.3e}  (row {int(row_error.argmax())}; "
          f"median row {np.median(row_error):.3e})")
    print(f"1 - PCC                {1 - f['pcc']:.3e}")
    print(f"top-1 agreement        {f['top1']:.5f}")
    print(f"KL, mean and largest   {f['mean_kl']:.3e}  {f['max_kl']:.3e}")
    print(f"perplexity             ttt {f['perplexity_ttt']:.5f}, reference {f['perplexity_reference']:.5f}, "
          f"ratio {f['perplexity_ttt'] / f['perplexity_reference']:.6f}")
    beyond = np.flatnonzero(row_error > args.max_error)
    if len(beyond):
        row = int(beyond[0])
        column = int(np.abs(got[row].astype(np.float64) - want[row]).argmax())
        print(f"first row beyond       {row} of {len(beyond)} (token {ids[row]}): error {row_error[row]:.3e} of the "
              f"range, column {column}: ttt {got[row, column]:.6f}, reference {want[row, column]:.6f}")
    return not len(beyond) and f["pcc"] >= args.min_pcc and f["top1"] >= args.min_top1


def compare_generation(args, reference):
    """Feeds the reference's continuation to ttt, token by token: ttt's own would part from it at the same place."""
    if reference.tokenizer is not None:
        prompt_ids = reference.tokenizer(args.prompt).input_ids
    else:
        prompt_ids = choose_ids(args, reference)[:16].tolist()
    new, gaps = reference.greedy(prompt_ids, args.new)
    if not new:
        give_up("the reference ends at once; try another prompt")
    ids = prompt_ids + new[:-1]
    got = ttt_logits(args, ids, prefill=len(prompt_ids), last=len(new)).argmax(axis=1)
    parted = next((i for i, (a, b) in enumerate(zip(got.tolist(), new)) if a != b), None)
    print(f"prompt                 {len(prompt_ids)} tokens, then {len(new)}")
    print(f"smallest gap           {min(gaps):.4f} between the two largest logits (token {int(np.argmin(gaps))})")
    if parted is None:
        print(f"tokens                 all {len(new)} agree")
    else:
        print(f"tokens                 part at {parted}: ttt {got[parted]}, reference {new[parted]}, "
              f"gap there {gaps[parted]:.4f}")
    if reference.tokenizer is None:
        return parted is None
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "prompt.txt"
        file.write_bytes(args.prompt.encode())
        text = run_ttt(args, ["generate", "-f", str(file), "-n", str(args.new), "--temp", "0",
                              "--ignore-generation-config"])
    text = text.decode("utf-8", "replace")
    want = reference.tokenizer.decode(new, skip_special_tokens=True)
    print(f"text of ttt generate   {'the same' if text == want else 'another'}")
    if text != want:
        print(f"  ttt       {text!r}\n  reference {want!r}")
    return parted is None and text == want


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", type=pathlib.Path, required=True)
    parser.add_argument("--ttt", default=str(REPOSITORY / "build" / "bin" / "ttt"))
    parser.add_argument("--text", type=pathlib.Path, help="default: the text of the tests")
    parser.add_argument("--tokens-file", type=pathlib.Path, help=".npy, or integers as text")
    parser.add_argument("--n", type=int, default=600, help="use the first N tokens")
    parser.add_argument("--prefill", type=int, help="N tokens as prefill, the rest one by one")
    parser.add_argument("--logits", type=pathlib.Path, help="compare this .npy; ttt is not run")
    parser.add_argument("--chunk", type=int)
    parser.add_argument("--threads", type=int)
    for flag in ("--format", "--kv-format", "--strategy", "--isa"):
        parser.add_argument(flag)
    parser.add_argument("--ttt-args", nargs=argparse.REMAINDER, default=[], help="the rest of the line goes to ttt")
    parser.add_argument("--reference-dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--reference-threads", type=int, default=1)
    parser.add_argument("--generate", action="store_true")
    parser.add_argument("--prompt", default="The sun rises in the east and")
    parser.add_argument("--new", type=int, default=96)
    parser.add_argument("--max-error", type=float, default=1e-3, help="of the range of the reference's logits")
    parser.add_argument("--min-pcc", type=float, default=0.9999)
    parser.add_argument("--min-top1", type=float, default=0.0)
    args = parser.parse_args()
    if not args.model.exists():
        give_up(f"{args.model}: no such file or directory")
    reference = Reference(args.model, args.reference_dtype)
    reference.torch.set_num_threads(args.reference_threads)
    ok = compare_generation(args, reference) if args.generate else compare_logits(args, reference)
    print("within the thresholds" if ok else "OUTSIDE the thresholds")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
