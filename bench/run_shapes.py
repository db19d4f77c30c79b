#!/usr/bin/env python3
"""Measures shapes of models in several formats with `ttt bench` and writes Markdown tables.

    run_shapes.py build/bin/ttt                                      # the shape of Llama 3.2 1B in five formats
    run_shapes.py build/bin/ttt --shapes all --formats bf16,int8 --prompt 512,8192 --batch 1,16 --context 0,8192
    run_shapes.py build/bin/ttt --keep FOLDER -o tables.md -- --kv-format int8 -t 2    # options of ttt bench behind --
    run_shapes.py --from FOLDER                                      # the tables again, of answers that were kept

A shape is a file of bench/shapes, named without its ending, or a path of another config.json. Every shape and format is
a process of its own with random weights, so one that does not fit in memory loses only its own row. --through puts
a command before each, such as "nice -n -5" or one that quietens the machine. What is printed is described in
docs/performance.md. Needs Python alone. Exit status: 0, 1 when a run failed, 2 when the question makes no sense.
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import sys

SHAPES = pathlib.Path(__file__).resolve().parent / "shapes"


def give_up(message):
    print(f"run_shapes.py: {message}", file=sys.stderr)
    sys.exit(2)


def shape_files(names):
    """(name, path) of each shape."""
    if names == "all":
        return [(p.stem, p) for p in sorted(SHAPES.glob("*.json"))]
    found = []
    for name in names.split(","):
        path = pathlib.Path(name) if name.endswith(".json") else SHAPES / f"{name}.json"
        if not path.is_file():
            give_up(f"no shape {name!r}; there are {', '.join(p.stem for p in sorted(SHAPES.glob('*.json')))}")
        found.append((path.stem, path))
    return found


def measure(args, path, form, more):
    """The answer of one `ttt bench`, or None after saying why there is none."""
    command = [*shlex.split(args.through), args.ttt, "bench", "--config", str(path), "--format", form, "--json",
               "--prompt", args.prompt, "--batch", args.batch, "--generate", str(args.generate),
               "--repeat", str(args.repeat), "--chunk", str(args.chunk)]
    if args.context:
        command += ["--context", args.context]
    done = subprocess.run([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    print(f"{path.stem} {form}: status {done.returncode}: {done.stderr.strip()}", file=sys.stderr)
    return None


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, r)) + " |" for r in rows]) + "\n"


def percent(share):
    return f"{100 * share:.0f} %"


def speed(row, phase):
    """"134.1 (130.2 to 136.0)": the median, the slowest and the fastest run."""
    digits = 0 if row[f"{phase}_tokens_per_s"] >= 1000 else 1
    median, least, most = (f"{row[f'{phase}_tokens_per_s{end}']:.{digits}f}" for end in ("", "_min", "_max"))
    return f"{median} ({least} to {most})"


def prefill_rows(answers):
    rows = []
    for name, answer in answers:
        first, seen = None, set()
        for row in answer["rows"]:
            if row["prompt"] in seen:
                continue
            seen.add(row["prompt"])
            first = first or row
            share = f"{percent(row['prefill_share_of_peak'])} of {row['prefill_peak']}"
            ratio = row["prefill_tokens_per_s"] / first["prefill_tokens_per_s"]
            rows.append([name, row["format"], row["prompt"], speed(row, "prefill"), share,
                         "" if row is first else f"{ratio:.2f} of {first['prompt']}"])
    return rows


def decode_rows(answers):
    rows = []
    for name, answer in answers:
        empty, seen = {}, set()
        for row in answer["rows"]:
            key = row["batch"], row["context"]
            if key in seen:
                continue
            seen.add(key)
            first = empty.setdefault(row["batch"], row)
            ratio = row["decode_tokens_per_s"] / first["decode_tokens_per_s"]
            rows.append([name, row["format"], row["batch"], row["context"], speed(row, "decode"),
                         percent(row["decode_share_of_bandwidth"]), percent(row["decode_share_of_roofline"]),
                         "" if row is first else f"{ratio:.2f} of {first['context']}"])
    return rows


def memory_rows(answers):
    rows = []
    for name, answer in answers:
        # The combination that takes the most.
        row = max(answer["rows"], key=lambda r: r["planned_bytes"])
        planned, peak = row["planned_bytes"], row["peak_memory_bytes"]
        rows.append([name, row["format"], f"{row['load_s']:.2f}", f"{planned / 1e9:.3f}", f"{peak / 1e9:.3f}",
                     f"{100 * (peak / planned - 1):+.1f} %"])
    return rows


def counted(count, noun):
    return f"{count} {noun}" + ("" if count == 1 else "s")


def limits_line(answers):
    machines = [a["machine"] for _, a in answers]

    def span(key, factor, unit):
        values = [m[key] / factor for m in machines]
        low, high = f"{min(values):.3g}", f"{max(values):.3g}"
        return (low if low == high else f"{low} to {high}") + f" {unit}"

    of = sorted({f"`{m['isa']}`, {counted(m['threads'], 'thread')}" for m in machines})
    return (f"{'; '.join(of)}. Measured in the same runs: f32 {span('f32_ops_per_s', 1e12, 'Top/s')}, bf16 "
            f"{span('bf16_ops_per_s', 1e12, 'Top/s')}, int8 {span('int8_ops_per_s', 1e12, 'Top/s')}, read "
            f"{span('read_bytes_per_s', 1e9, 'GB/s')}. Medians of {counted(answers[0][1]['repeat'], 'run')}, the "
            "slowest and the fastest in brackets.\n")


def tables(answers):
    return "\n".join([
        limits_line(answers),
        table(["shape", "format", "prompt", "prefill, tokens/s", "share of peak", "relative"], prefill_rows(answers)),
        table(["shape", "format", "batch", "context", "decode, tokens/s", "share of bandwidth", "share of roofline",
               "relative"], decode_rows(answers)),
        table(["shape", "format", "load, s", "planned, GB", "peak, GB", "peak over planned"], memory_rows(answers))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ttt", nargs="?", help="the tool")
    parser.add_argument("--shapes", default="llama-1b", help="names or files with commas between them, or all")
    parser.add_argument("--formats", default="bf16,int8,int4,q4_k,bfp8_b")
    parser.add_argument("--prompt", default="512")
    parser.add_argument("--batch", default="1,16")
    parser.add_argument("--context", default="0", help="empty: decode begins behind the prompt")
    parser.add_argument("--generate", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--chunk", type=int, default=512, help="rows of a step, as the other commands have them")
    parser.add_argument("--through", default="", help="a command to start each run with")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the answers, SHAPE.FORMAT.json")
    parser.add_argument("--from", dest="kept", type=pathlib.Path, help="folder of such answers; nothing is measured")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="file for the tables (default: stdout)")
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[:own.index("--")], own[own.index("--") + 1:]
    args = parser.parse_args(own)
    if (args.ttt is None) == (args.kept is None):
        give_up("one of the tool and --from is wanted")

    answers, failed = [], False
    if args.kept:
        files = sorted(args.kept.glob("*.json"), key=lambda p: p.stat().st_mtime_ns)
        answers = [(p.name.rsplit(".", 2)[0], json.loads(p.read_text())) for p in files]
    else:
        for name, path in shape_files(args.shapes):
            for form in args.formats.split(","):
                answer = measure(args, path, form, more)
                failed = failed or answer is None
                if answer is None:
                    continue
                answers.append((name, answer))
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    (args.keep / f"{name}.{form}.json").write_text(json.dumps(answer, indent=2) + "\n")
    if not answers:
        give_up("nothing was measured")
    text = tables(answers)
    if args.output:
        args.output.write_text(text)
    else:
        print(text, end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
