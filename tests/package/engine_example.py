#!/usr/bin/env python3
"""examples/engine.cpp writes the texts that the tool generates one by one. Usage: engine_example.py ENGINE TOOL"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/collectives/mpi"))
import checkpoints  # noqa: E402

PROMPTS = ["Once upon a time", "x", "A longer text, of which there is more to read: " + "and so on, " * 8]


def run(*command):
    return subprocess.run([str(a) for a in command], capture_output=True)


def byte_tokenizer():
    """A token for each byte, in GPT-2's alphabet."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    alphabet = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": level, "post_processor": None,
            "decoder": level,
            "model": {"type": "BPE", "vocab": {alphabet[b]: b for b in range(256)}, "merges": []}}


def main(engine, tool):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        config = json.loads((ROOT / "tests/golden/llama/gqa/config.json").read_text())
        config["vocab_size"] = 256
        model = checkpoints.random_model(directory / "model", config)
        (model / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
        printed = run(engine, model, *PROMPTS)
        if printed.returncode:
            sys.exit(printed.stderr)
        for i, prompt in enumerate(PROMPTS):
            prefix = f"{i} ".encode()
            got = b"".join(line[len(prefix):] for line in printed.stdout.split(b"\n") if line.startswith(prefix))
            alone = run(tool, "generate", "-m", model, "-p", prompt, "-n", 32, "--temp", 0)
            if alone.returncode:
                sys.exit(alone.stderr)
            wanted = alone.stdout.removeprefix(prompt.encode()).split(b"\n")[0]
            if got.rstrip(b"\n") != wanted.rstrip(b"\n") or not got:
                sys.exit(f"{prompt}: the example and the tool differ:\n{got}\n{wanted}")
        for arguments, status, word in (((directory / "none", "a"), 4, b"none"), ((model,), 2, b"usage")):
            refused = run(engine, *arguments)
            if refused.returncode != status or word not in refused.stderr:
                sys.exit(f"{arguments}: wanted exit {status} and {word}, got {refused.returncode}: {refused.stderr}")


if __name__ == "__main__":
    main(*sys.argv[1:])
