#!/usr/bin/env python3
"""examples/logits.cpp prints what the tool writes, and refuses as the library does. Usage: logits_example.py LOGITS TOOL"""

import array
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/collectives/mpi"))
import checkpoints  # noqa: E402


def run(*command):
    return subprocess.run([str(a) for a in command], capture_output=True, text=True)


def main(logits, tool):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        config = json.loads((ROOT / "tests/golden/llama/gqa/config.json").read_text())
        model = checkpoints.random_model(directory / "model", config)
        printed = run(logits, model, 3, 1, 4, 1, 5)
        npy = directory / "logits.npy"
        written = run(tool, "logits", "-m", model, "--tokens", "3,1,4,1,5", "--last", 1, "-o", npy)
        if printed.returncode or written.returncode:
            sys.exit(printed.stderr + written.stderr)
        wanted = array.array("f")
        wanted.frombytes(npy.read_bytes()[-4 * config["vocab_size"]:])
        if [float(line) for line in printed.stdout.split()] != [float(f"{v:.9g}") for v in wanted]:
            sys.exit(f"the example and the tool differ:\n{printed.stdout[:400]}\n{list(wanted[:10])}")
        for arguments, status, word in (((directory / "none", 1), 4, "none"), ((model, 10 ** 6), 2, "1000000"),
                                        ((model,), 2, "usage")):
            refused = run(logits, *arguments)
            if refused.returncode != status or word not in refused.stderr:
                sys.exit(f"{arguments}: wanted exit {status} and {word}, got {refused.returncode}: {refused.stderr}")


if __name__ == "__main__":
    main(*sys.argv[1:])
