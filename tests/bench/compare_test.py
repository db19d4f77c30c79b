#!/usr/bin/env python3
"""bench/peers/compare.py with the tool and a stand-in for another engine. TTT_TOOL is the tool."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = os.environ["TTT_TOOL"]
MODEL = ROOT / "tests/golden/families/mistral/full/model.gguf"
# Prints a table as llama-batched-bench does, and fails where it is asked for 9 sequences.
STAND_IN = """#!/usr/bin/env python3
import sys
ask = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert ask["-npp"] == "4" and ask["-ntg"] == "3" and ask["-c"] == str(7 * int(ask["-npl"])), sys.argv
if ask["-npl"] == "9":
    sys.exit("too many")
print("main: n_kv_max = 7")
print("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |")
print("|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|")
print("|     4 |      3 |    1 |      7 |    4.000 |     1.00 |    1.500 |     2.00 |    5.500 |     1.27 |")
"""


def compare(*arguments):
    return subprocess.run([sys.executable, ROOT / "bench/peers/compare.py", *map(str, arguments)], capture_output=True,
                          text=True)


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        program = pathlib.Path(self.folder.name, "llama-batched-bench")
        program.write_text(STAND_IN)
        program.chmod(0o755)
        self.options = ["--at", f"llama.cpp={self.folder.name}", "--prompt", 4, "--generate", 3, "--repeat", 2, "--threads", 1]

    def test_medians_and_ratios(self):
        run = compare(TOOL, MODEL, *self.options, "--", "--format", "f32")
        self.assertEqual(run.returncode, 0, run.stderr)
        head, _, prefill, decode = [[c.strip() for c in line.strip("|").split("|")] for line in run.stdout.splitlines()]
        self.assertEqual(head, ["prompt", "batch", "phase", "ttt", "llama.cpp", "ttt / llama.cpp"])
        self.assertEqual([prefill[2], decode[2]], ["prefill", "decode"])
        self.assertEqual([prefill[4], decode[4]], ["1.0", "2.0"])
        self.assertAlmostEqual(float(prefill[5]), float(prefill[3]), delta=0.06)
        self.assertAlmostEqual(float(decode[5]), float(decode[3]) / 2, delta=0.06)

    def test_a_peer_that_fails_is_named(self):
        run = compare(TOOL, MODEL, *self.options, "--batch", 9)
        self.assertEqual(run.returncode, 1)
        self.assertIn("llama.cpp, prompt 4, batch 9: status 1: too many", run.stderr)

    def test_refuses(self):
        run = compare(TOOL, MODEL, "--peers", "vllm")
        self.assertEqual(run.returncode, 2)
        self.assertIn("no peer is called vllm", run.stderr)
        self.assertEqual(compare(TOOL, MODEL, "--at", "llama.cpp").returncode, 2)


if __name__ == "__main__":
    unittest.main()
