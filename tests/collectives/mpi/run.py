#!/usr/bin/env python3
"""Ranks over MPI: the collectives, and the tool under mpirun.

Usage: run.py MPIRUN MPI_RANKS [TOOL]

Without MPIRUN exits 77, skipped. The tool runs a random checkpoint, and SmolLM2 where TTT_SMOLLM2_GGUF names it.
"""

import array
import json
import math
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]

# As root, and on fewer cores than ranks: both are refused without being asked for.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_hwloc_base_binding_policy="none")
FAILED = []


def mpirun(arguments, ranks, **options):
    return subprocess.run([MPIRUN, "-n", str(ranks), *map(str, arguments)], env=ENVIRONMENT, capture_output=True,
                          text=True, timeout=120, **options)


def check(what, ok, details=""):
    if not ok:
        FAILED.append(what)
        print(f"failed: {what}\n{details}")


def details(result):
    return f"exit {result.returncode}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}"


def own_lines(result):
    return [line for line in result.stderr.splitlines() if line.startswith("ttt: ") and "warning" not in line]


def collectives():
    for ranks in (1, 2, 3, 4):
        result = mpirun([MPI_RANKS, "collectives"], ranks)
        check(f"collectives on {ranks}", result.returncode == 0, details(result))
    for case in ("late", "failing", "same_failure", "mismatch"):
        result = mpirun([MPI_RANKS, case], 3 if case != "mismatch" else 2)
        check(case, result.returncode == 0, details(result))
    begin = time.monotonic()
    result = mpirun([MPI_RANKS, "unwinding"], 3)
    check("unwinding ends the job", result.returncode != 0 and time.monotonic() - begin < 10, details(result))


def random_model(directory):
    """A Llama of nine heads over three, of random weights."""
    directory.mkdir()
    config = json.loads((ROOT / "tests/golden/llama/odd/config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config))
    hidden, ffn, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    q, kv = config["num_attention_heads"] * config["head_dim"], config["num_key_value_heads"] * config["head_dim"]
    shapes = {"model.embed_tokens.weight": [vocab, hidden], "model.norm.weight": [hidden],
              "lm_head.weight": [vocab, hidden]}
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        shapes |= {layer + "input_layernorm.weight": [hidden], layer + "post_attention_layernorm.weight": [hidden],
                   layer + "mlp.gate_proj.weight": [ffn, hidden], layer + "mlp.up_proj.weight": [ffn, hidden],
                   layer + "mlp.down_proj.weight": [hidden, ffn]}
        for name, rows, columns in (("q", q, hidden), ("k", kv, hidden), ("v", kv, hidden), ("o", hidden, q)):
            shapes[f"{layer}self_attn.{name}_proj.weight"] = [rows, columns]
            shapes[f"{layer}self_attn.{name}_proj.bias"] = [rows]
    generator, header, data = random.Random(1), {}, array.array("f")
    for name, shape in shapes.items():
        begin, scale = 4 * len(data), 2 / shape[-1] ** 0.5
        data.extend(generator.uniform(-scale, scale) for _ in range(math.prod(shape)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, 4 * len(data)]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data.tobytes())
    return directory


def generated(model, ranks, directory):
    tokens = directory / f"{ranks}.npy"
    result = mpirun([TOOL, "logits", "-m", model, "--tokens", "5,6,7,8,9", "--prefill", "3", "-o", tokens], ranks)
    check(f"logits on {ranks}", result.returncode == 0 and tokens.exists(), details(result))
    return tokens.read_bytes()[128:] if tokens.exists() else b""


def floats(data):
    values = array.array("f")
    values.frombytes(data)
    return values


def tool_agrees(model, directory):
    one = floats(generated(model, 1, directory))
    for ranks in (2, 3, 4):
        many = floats(generated(model, ranks, directory))
        spread = max(one) - min(one)
        check(f"logits of {ranks} ranks are those of one",
              len(many) == len(one) and max(abs(a - b) for a, b in zip(one, many)) < 1e-5 * spread)


def tool_refuses(model, directory):
    result = mpirun([TOOL, "logits", "-m", model, "--tokens", "1", "-o", directory / "x.npy"], 10)
    lines = own_lines(result)
    check("more ranks than heads", result.returncode == 2 and len(lines) == 1 and "heads 9, got 10" in lines[0],
          details(result))

    # One rank finds another file, or a broken one.
    broken = directory / "broken"
    shutil.copytree(model, broken)
    with open(broken / "model.safetensors", "r+b") as file:
        file.truncate(1000)
    other = directory / "other"
    shutil.copytree(model, other)
    config = json.loads((other / "config.json").read_text())
    config["rope_theta"] = 1234.0
    (other / "config.json").write_text(json.dumps(config))
    for name, path, word in (("broken", broken, "rank 1 on"), ("other", other, "the same model")):
        wrong = ["-n", "1", TOOL, "logits", "-m", path, "--tokens", "1", "-o", directory / "x.npy"]
        right = [TOOL, "logits", "-m", model, "--tokens", "1", "-o", directory / "x.npy"]
        result = mpirun([*right, ":", *wrong, ":", "-n", "1", *right], 1)
        lines = own_lines(result)
        check(f"a {name} file on one rank", result.returncode == 3 and len(lines) == 1 and word in lines[0],
              details(result))


def children(pid):
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except (OSError, ValueError):
            continue  # has ended meanwhile
        if int(fields["PPid"]) == pid:
            found.append(int(fields["Pid"]))
    return sorted(found)


def still_running(pids):
    """Those that are there after a moment: mpirun does not wait for the last to be gone."""
    for _ in range(20):
        left = []
        for pid in pids:
            try:
                state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if state not in "ZX":
                left.append(pid)
        if not left:
            break
        time.sleep(0.1)
    return left


def running(model, ranks):
    """A job that generates for long, once it has written something."""
    job = subprocess.Popen([MPIRUN, "-n", str(ranks), TOOL, "perplexity", "-m", model, "-f",
                            ROOT / "tests/golden/text/shakespeare.txt", "--ctx", "256"], env=ENVIRONMENT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    limit = time.monotonic() + 30
    while time.monotonic() < limit and len(children(job.pid)) < ranks:
        time.sleep(0.05)
    time.sleep(1.5)
    return job


def job_ends(model):
    for what, act in (("killed rank", lambda job: os.kill(children(job.pid)[-1], signal.SIGKILL)),
                      ("SIGINT", lambda job: job.send_signal(signal.SIGINT))):
        job = running(model, 3)
        ranks = children(job.pid)
        check(f"{what}: the job still runs", job.poll() is None and len(ranks) == 3)
        begin = time.monotonic()
        if job.poll() is None:
            act(job)
        job.communicate(timeout=30)
        took = time.monotonic() - begin
        left = still_running(ranks)
        check(f"{what}: ends all in time", job.returncode != 0 and took < (2 if what == "killed rank" else 10) and not left,
              f"exit {job.returncode}, {took:.2f} s, left {left}")


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        collectives()
        if TOOL:
            model = random_model(directory / "model")
            tool_agrees(model, directory)
            tool_refuses(model, directory)
            if os.environ.get("TTT_SMOLLM2_GGUF"):
                job_ends(os.environ["TTT_SMOLLM2_GGUF"])
    return 1 if FAILED else 0


if __name__ == "__main__":
    MPIRUN, MPI_RANKS = sys.argv[1:3]
    TOOL = sys.argv[3] if len(sys.argv) > 3 else None
    if not MPIRUN or not shutil.which(MPIRUN):
        print("skipped: MPI is not installed")
        sys.exit(77)
    sys.exit(main())
