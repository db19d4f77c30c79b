#!/usr/bin/env python3
"""bench/run_shapes.py on a tiny shape, and the shapes of bench/shapes. TTT_TOOL is the tool."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
TOOL = os.environ["TTT_TOOL"]
TINY = dict(model_type="llama", hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=128, max_position_embeddings=256, hidden_act="silu", rms_norm_eps=1e-5)


def run_shapes(*arguments):
    return subprocess.run([sys.executable, BENCH / "run_shapes.py", *map(str, arguments)], capture_output=True, text=True)


class RunShapes(unittest.TestCase):
    def test_makes_tables_and_makes_them_again(self):
        with tempfile.TemporaryDirectory() as folder:
            shape, kept = pathlib.Path(folder, "tiny.json"), pathlib.Path(folder, "kept")
            shape.write_text(json.dumps(TINY))
            run = run_shapes(TOOL, "--shapes", shape, "--formats", "bf16,q4_0", "--prompt", "4,8", "--batch", "1,2",
                             "--context", "0,5", "--generate", 2, "--repeat", 1, "--keep", kept, "--", "-t", 1)
            self.assertEqual(run.returncode, 0, run.stderr)
            rows = [line for line in run.stdout.splitlines() if line.startswith("| tiny |")]
            # For each format: two prompts, four decodes, its memory.
            self.assertEqual(len(rows), 2 * (2 + 4 + 1), run.stdout)
            for line in run.stdout.splitlines():
                if line.startswith("| tiny | q4_0 | 8 |"):
                    self.assertIn("of int8", line)
            self.assertIn("1 thread.", run.stdout)
            self.assertEqual(sorted(p.name for p in kept.iterdir()), ["tiny.bf16.json", "tiny.q4_0.json"])
            again = run_shapes("--from", kept)
            self.assertEqual(again.stdout, run.stdout, again.stderr)

    def test_a_run_that_fails_costs_its_own_row(self):
        with tempfile.TemporaryDirectory() as folder:
            shape, tables = pathlib.Path(folder, "tiny.json"), pathlib.Path(folder, "tables.md")
            shape.write_text(json.dumps(TINY))
            run = run_shapes(TOOL, "--shapes", shape, "--formats", "bf16,q9", "--prompt", 4, "--batch", 1, "--generate", 1,
                             "--repeat", 1, "-o", tables)
            self.assertEqual(run.returncode, 1)
            self.assertIn("tiny q9: status 2", run.stderr)
            self.assertIn("| tiny | bf16 | 4 |", tables.read_text())

    def test_refuses(self):
        self.assertEqual(run_shapes().returncode, 2)
        run = run_shapes(TOOL, "--shapes", "llama-1t")
        self.assertEqual(run.returncode, 2)
        self.assertIn("llama-1b", run.stderr)


class Shapes(unittest.TestCase):
    def test_are_read(self):
        shapes = sorted((BENCH / "shapes").glob("*.json"))
        self.assertGreater(len(shapes), 7)
        for shape in shapes:
            # So long a context does not fit, which is said once the configuration is read and the model is built.
            run = subprocess.run([TOOL, "bench", "--config", shape, "-c", "1000000000"], capture_output=True, text=True)
            self.assertEqual(run.returncode, 5, run.stderr)
            self.assertIn("available", run.stderr)


if __name__ == "__main__":
    unittest.main()
