#!/usr/bin/env python3
"""Ranks over MPI: the collectives, and the tool and an example under mpirun.

Usage: run.py MPIRUN MPI_RANKS [TOOL [EXAMPLE]]

Without MPIRUN exits 77, skipped. The tool runs a random checkpoint, and SmolLM2 where TTT_SMOLLM2_GGUF names it.
"""

import array
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import checkpoints

ROOT = pathlib.Path(__file__).resolve().parents[3]

# As root, and on fewer cores than ranks: both are refused without being asked for. MPI's libraries leave memory behind,
# which the address sanitiser would report.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_hwloc_base_binding_policy="none",
                   ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
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
    for case, ranks in (("late", 3), ("failing", 3), ("same_failure", 3), ("mismatch", 2), ("mesh", 4),
                        ("late_in_a_row", 4)):
        result = mpirun([MPI_RANKS, case], ranks)
        check(case, result.returncode == 0, details(result))
    begin = time.monotonic()
    result = mpirun([MPI_RANKS, "unwinding"], 3)
    check("unwinding ends the job", result.returncode != 0 and time.monotonic() - begin < 10, details(result))


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


def example_agrees(model, directory):
    """examples/logits_over_mpi.cpp: a program of one's own."""
    ids = [5, 6, 7, 8, 9]
    wanted = floats(generated(model, 1, directory))[-json.loads((model / "config.json").read_text())["vocab_size"]:]
    for ranks in (1, 2, 3):
        result = mpirun([EXAMPLE, model, *ids], ranks)
        got = [float(v) for v in result.stdout.split()]
        check(f"the example on {ranks} ranks prints the logits", result.returncode == 0 and len(got) == len(wanted) and
              max(abs(a - b) for a, b in zip(got, wanted)) < 1e-5 * (max(wanted) - min(wanted)), details(result))
    # What fails on one rank, and what fails on all, ends all with one message.
    everywhere = mpirun([EXAMPLE, directory / "missing", *ids], 3)
    check("the example without a model", everywhere.returncode == 4 and everywhere.stderr.count("missing") == 1 and
          "rank" not in everywhere.stderr.splitlines()[0], details(everywhere))
    one = mpirun([EXAMPLE, model, *ids, ":", "-n", "1", EXAMPLE, directory / "missing", *ids], 1)
    check("the example without a model on one rank", one.returncode == 4 and "rank 1 on" in one.stderr and
          one.stderr.count("missing") == 1 and not one.stdout, details(one))


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


# ---- every command on SmolLM2 ----------------------------------------------------------------------------------------

IDS = "504,3575,282,4649,314,260,198,5,77"


def outputs(model, ranks, directory):
    """What the commands write on so many ranks, by command; in kInvariant it is the same on any number."""
    text = ROOT / "tests/golden/text/shakespeare.txt"
    array_file = directory / "logits.npy"
    commands = {
        "generate": ["generate", "-m", model, "--strategy", "invariant", "-p", "The capital of France is", "-n", 24,
                     "--temp", 0],
        "sampled": ["generate", "-m", model, "--strategy", "invariant", "-p", "Once upon a time", "-n", 16,
                    "--temp", 0.9, "--seed", 7],
        "logits": ["logits", "-m", model, "--strategy", "invariant", "--tokens", IDS, "--prefill", 5, "-o", array_file],
        "accuracy": ["logits", "-m", model, "--strategy", "accuracy", "--tokens", IDS, "-o", array_file],
        "perplexity": ["perplexity", "-m", model, "--strategy", "invariant", "-f", text, "--tokens", 60, "--ctx", 30,
                       "--json"],
        "inspect": ["inspect", "-m", model, "--json"],
        "plan": ["plan", "-m", model, "--ctx", 256, "--json"],
        "bench": ["bench", "-m", model, "--prompt", 16, "--generate", 3, "--repeat", 1, "--json"],
    }
    written = {}
    for name, command in commands.items():
        result = mpirun([TOOL, *command], ranks)
        check(f"{name} on {ranks}", result.returncode == 0 and not own_lines(result), details(result))
        written[name] = result.stdout
        if command[0] == "logits":
            written[name] = floats(array_file.read_bytes()[128:]) if array_file.exists() else floats(b"")
            array_file.unlink(missing_ok=True)
    return written


def commands_agree(model, directory):
    one = outputs(model, 1, directory)
    check("generate continues the text", one["generate"].lstrip().startswith("Paris"), one["generate"])
    largest = max(one["logits"]) - min(one["logits"])
    for ranks in (2, 3, 4):
        many = outputs(model, ranks, directory)
        for name in ("generate", "sampled", "logits", "perplexity"):
            check(f"{name} of {ranks} ranks is that of one", one[name] and many[name] == one[name],
                  f"{one[name][:200]}\n{many[name][:200]}")
        check(f"logits of {ranks} ranks differ by rounding only", len(many["accuracy"]) == len(one["accuracy"]) > 0 and
              max(abs(a - b) for a, b in zip(one["accuracy"], many["accuracy"])) < 1e-5 * largest)
        try:  # a second copy on stdout would be trailing data
            inspected, plan, bench = (json.loads(many[name]) for name in ("inspect", "plan", "bench"))
            alone = json.loads(one["inspect"])
            check(f"inspect on {ranks} is of the same blocks, and of a part of their weights",
                  [b["path"] for b in inspected["blocks"]] == [b["path"] for b in alone["blocks"]] and
                  ranks * (inspected["bytes_mapped"] + inspected["bytes_owned"]) <
                  1.4 * (alone["bytes_mapped"] + alone["bytes_owned"]), many["inspect"][:1500])
            owned = json.loads(one["plan"])["ranks"][0]["owned"]
            check(f"plan on {ranks} is of its ranks", len(plan["ranks"]) == ranks and
                  all(0.7 < ranks * r["owned"] / owned < 1.4 for r in plan["ranks"]), many["plan"][:1500])
            check(f"bench on {ranks} measures", bench["decode_tokens_per_s"] > 0 and bench["prefill_tokens_per_s"] > 0)
        except (ValueError, KeyError) as error:
            check(f"JSON of {ranks} ranks", False, repr(error))


def verify_is_of_one_rank(directory):
    golden = ROOT / "tests/golden/trace/bias"
    model = checkpoints.recorded_model(directory / "recorded", json.loads((golden / "config.json").read_text()))
    command = [TOOL, "verify", "-m", model, "--trace", golden / "trace.safetensors"]
    result = mpirun(command, 1)
    check("verify on 1", result.returncode == 0 and result.stdout.count("places agree") == 1, details(result))
    result = mpirun(command, 2)
    lines = own_lines(result)
    check("verify on 2", result.returncode == 6 and len(lines) == 1 and "compared on one rank, got 2" in lines[0],
          details(result))


def wrapper(directory, right, wrong):
    """A command that gives rank 1 another file than the others, as another host's disk would."""
    script = directory / "on_rank.sh"
    script.write_text(f'#!/bin/sh\nmodel="{right}"\n[ "$OMPI_COMM_WORLD_RANK" = 1 ] && model="{wrong}"\n'
                      f'exec "{TOOL}" "$@" -m "$model"\n')
    script.chmod(0o755)
    return script


def bad_files(model, directory):
    truncated = directory / "truncated.gguf"
    with open(model, "rb") as source, open(truncated, "wb") as file:
        file.write(source.read(40_000_000))
    for what, wrong, status, word in (("a truncated file", truncated, 3, "truncated.gguf"),
                                      ("no file", directory / "missing.gguf", 4, "missing.gguf")):
        script = wrapper(directory, model, wrong)
        for ranks in (2, 4):
            result = mpirun([script, "generate", "-p", "The capital", "-n", 4, "--temp", 0], ranks)
            lines = own_lines(result)
            check(f"{what} on rank 1 of {ranks}",
                  result.returncode == status and len(lines) == 1 and "rank 1 on" in lines[0] and word in lines[0] and
                  not result.stdout, details(result))
    result = mpirun([TOOL, "generate", "-m", model, "-p", "The", "-n", 4], 10)
    lines = own_lines(result)
    check("more ranks than heads of a GGUF",
          result.returncode == 2 and len(lines) == 1 and "heads 9, got 10" in lines[0], details(result))


# ---- how a job ends --------------------------------------------------------------------------------------------------


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
    job = subprocess.Popen([MPIRUN, "-n", str(ranks), TOOL, "generate", "-m", model, "-p", "Once upon a time", "-n",
                            "6000", "--ctx", "8000", "--temp", "0.9", "--seed", "3"], env=ENVIRONMENT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.read(job.stdout.fileno(), 1)
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
        limit = 2 if what == "killed rank" else 10
        check(f"{what}: ends all in time", job.returncode != 0 and took < limit and not left,
              f"exit {job.returncode}, {took:.2f} s, left {left}")


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        collectives()
        if TOOL:
            config = json.loads((ROOT / "tests/golden/llama/odd/config.json").read_text())
            model = checkpoints.random_model(directory / "model", config)
            tool_agrees(model, directory)
            tool_refuses(model, directory)
            verify_is_of_one_rank(directory)
            if EXAMPLE:
                example_agrees(model, directory)
            smollm2 = os.environ.get("TTT_SMOLLM2_GGUF")
            if smollm2:
                commands_agree(smollm2, directory)
                bad_files(smollm2, directory)
                job_ends(smollm2)
    return 1 if FAILED else 0


if __name__ == "__main__":
    MPIRUN, MPI_RANKS = sys.argv[1:3]
    TOOL, EXAMPLE = (sys.argv[3:] + [None, None])[:2]
    if not MPIRUN or not shutil.which(MPIRUN):
        print("skipped: MPI is not installed")
        sys.exit(77)
    sys.exit(main())
