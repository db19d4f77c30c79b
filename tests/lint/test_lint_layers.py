import pathlib
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).resolve().parents[2] / "tools/lint_layers.py"


def lint(files):
    """Exit code and output for a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        run = subprocess.run([sys.executable, LINT, root], capture_output=True, text=True)
        return run.returncode, run.stdout


CLEAN = {
    "ttt/base/error.h": "#include <string>\n",
    "ttt/kernels/rms_norm.h": '#include "base/error.h"\n',
    "ttt/kernels/cpu/simd.h": "#include <immintrin.h>\n",
    "ttt/kernels/cpu/rms_norm.cpp": '#include "kernels/cpu/simd.h"\n#include "kernels/rms_norm.h"\n',
    "ttt/normalization/rmsnorm.h": '#include "kernels/rms_norm.h"\n',
    "ttt/attention/attention.h": '#include "normalization/rmsnorm.h"\n',
    "checkpoint/store.cpp": '#include "base/error.h"\n#include <sys/mman.h>\n',
    "text/tokenizer.h": '#include "base/error.h"\n',
    "runtime/generator.cpp": '#include "checkpoint/store.h"\n#include "text/tokenizer.h"\n',
    "checkpoint/store.h": "#pragma once\n",
}


class Layers(unittest.TestCase):
    def refused(self, path, text, reason):
        code, output = lint({**CLEAN, path: text})
        self.assertEqual(code, 1, output)
        self.assertIn(f"{path}:", output)
        self.assertIn(reason, output)
        self.assertEqual(output.count("\n"), 1, output)

    def accepted(self, path, text):
        self.assertEqual(lint({**CLEAN, path: text}), (0, ""))

    def test_clean_tree(self):
        self.assertEqual(lint(CLEAN), (0, ""))

    def test_nothing_to_lint_is_a_failure(self):
        self.assertEqual(lint({"README.md": ""})[0], 1)

    def test_base_includes_nothing_of_ours(self):
        self.refused("ttt/base/tensor.h", '#include "kernels/rms_norm.h"\n', "base is not above kernels")

    def test_tables_by_text_have_a_seeded_hash(self):
        for table in ("std::unordered_map<std::string, int> ids;", "std::unordered_set<std::string_view> seen;",
                      "unordered_map<\n    std::string, std::vector<int>> more;"):
            self.refused("text/a.cpp", table + "\n", "wants a seeded hash")
        self.accepted("text/a.cpp", "std::unordered_map<std::string, int, SeededTextHash> ids;\n")
        self.accepted("text/a.cpp", "std::unordered_map<int, std::string> texts;\n")
        self.accepted("text/a.cpp", "TextTable<int> ids;  // no std::unordered_map<std::string, int>\n")

    def test_blocks_do_not_ask_whether_they_are_planned(self):
        self.refused("ttt/ffn/mlp.cpp", "if (!exec.planning()) f();\n", "asks whether it is planned")
        self.refused("models/llama/llama.cpp", "if (exec . planning ( )) f();\n", "asks whether it is planned")
        self.accepted("ttt/collectives/launch.h", "if (!exec.planning()) f();\n")

    def test_equal_rank_outside_blocks(self):
        self.refused("text/chat.cpp", '#include "checkpoint/store.h"\n', "text is not above checkpoint")
        self.refused("checkpoint/a.cpp", '#include "text/tokenizer.h"\n', "checkpoint is not above text")

    def test_upward(self):
        self.refused("ttt/kernels/a.cpp", '#include "normalization/rmsnorm.h"\n', "kernels is not above normalization")
        self.refused("ttt/model/a.cpp", '#include "checkpoint/store.h"\n', "model is not above checkpoint")
        self.refused("text/a.cpp", '#include "runtime/generator.h"\n', "text is not above runtime")

    def test_bodies_of_kernels_are_private(self):
        for path in ("ttt/kernels/a.h", "ttt/linear/a.cpp", "models/m/a.cpp"):
            self.refused(path, '#include "kernels/cpu/simd.h"\n', "private to kernels")
        self.refused("ttt/kernels/a.cpp", '#include "kernels/cpu/simd.h"\n', "private to kernels")
        self.accepted("ttt/kernels/norm/cpu/a.cpp", '#include "kernels/cpu/simd.h"\n')
        self.accepted("bench/peak/cpu/a.cpp", '#include "kernels/cpu/simd.h"\n')

    def test_source_files_are_not_included(self):
        self.refused("ttt/attention/a.cpp", '#include "normalization/rmsnorm.cpp"\n', "source files are not included")

    def test_third_party_headers(self):
        for header in ("mpi.h", "simdjson.h", "CLI/CLI.hpp", "gtest/gtest.h"):
            self.refused("ttt/collectives/a.h", f"#include <{header}>\n", f"<{header}> in a public header")
            self.accepted("ttt/collectives/a.cpp", f"#include <{header}>\n")

    def test_paths_begin_with_a_folder(self):
        self.refused("ttt/normalization/a.cpp", '#include "rmsnorm.h"\n', "begins with no folder")
        self.refused("runtime/a.cpp", '#include "ttt/base/error.h"\n', "begins with no folder")

    def test_missing_file(self):
        self.refused("runtime/a.cpp", '#include "base/no.h"\n', '"base/no.h" does not exist')

    def test_new_folder_needs_a_rank(self):
        self.refused("ttt/utils/a.h", "#pragma once\n", "utils is not a folder with a rank")

    def test_names_of_models(self):
        self.refused("ttt/attention/a.cpp", "int gemma_window = 0;\n", '"gemma" names a model')
        self.refused("ttt/attention/a.cpp", 'const char* s = "llama";\n', '"llama" names a model')
        self.accepted("ttt/attention/a.cpp", '// as Llama does\nconst char* rule = "llama3";\n')
        self.accepted("models/m/a.cpp", "int gemma_window = 0;\n")

    def test_comments_do_not_count(self):
        self.accepted("ttt/base/a.h", '// #include "kernels/rms_norm.h"\n/*\n#include <mpi.h>\n*/\n')


if __name__ == "__main__":
    unittest.main()
