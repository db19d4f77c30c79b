#!/usr/bin/env python3
"""Refuses includes against the direction of the layers, names of models inside ttt/, tables by text with a hash whose
collisions can be computed in advance, and blocks that ask whether they are planned.

Usage: lint_layers.py [ROOT]

Prints one line for each violation and exits 1 if there is any. The rules are in docs/design.md, "Layers".
"""

import pathlib
import re
import sys

BLOCKS = ("normalization", "embeddings", "attention", "ffn", "heads", "sampling")
RANKS = {"base": 0, "kernels": 1, "collectives": 1, "block": 2, "linear": 3, "state": 3, **dict.fromkeys(BLOCKS, 4),
         "model": 5, "testing": 6, "checkpoint": 6, "text": 6, "runtime": 7, "models": 8, "server": 8,
         "bench": 8, "apps": 9, "python": 9}
OUTSIDE_TTT = ("checkpoint", "text", "runtime", "models", "server", "bench", "apps", "python")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*")', re.S)
# "llama3" alone is the published name of a rule for rotary frequencies, not of a model's code.
MODEL_NAME = re.compile(r"llama(?!3)|mistral|mixtral|qwen|gemma|smollm|deepseek|falcon|starcoder|olmo|granite|chatglm|"
                        r"gpt_?neo|gpt_?oss|gpt_?2|gpt_?j|roberta|distilbert|\bbert|internlm|commandr|\bphi_?\d",
                        re.I)

# A table by text is a TextTable (base/text_table.h) or ordered.
HASHED_TEXT = re.compile(r"\bunordered_(?:multi)?(?:map|set)\s*<\s*(?:const\s+)?(?:std::)?string(?:_view)?\b[^;]*;", re.S)
# A plan is the same code run over headers: only what launches kernels and collectives tells it from a run.
PLANNING = re.compile(r"\bplanning\s*\(\s*\)")


def without_comments(code):
    return COMMENT.sub(lambda m: m.group(1) or "\n" * m.group(0).count("\n"), code)


def line_of(code, position):
    return code.count("\n", 0, position) + 1


def folder_of(path):
    """The layer of a path as an include line spells it: its first folder."""
    return path.split("/")[0]


def private(path):
    """Bodies of kernels, compiled once for each instruction set."""
    return re.match(r"(kernels/(\w+/)?|bench/\w+/)cpu/", path)


def refusal(own_folder, own_path, include):
    """Why a file of `own_folder` may not have this include line, or None."""
    folder = folder_of(include)
    if include.endswith(".cpp"):
        return "source files are not included"
    if folder not in RANKS:
        return f'"{include}" begins with no folder of the library'
    if private(include) and not private(own_path):
        return "the cpu folders of kernels are private to kernels"
    if folder == own_folder:
        return None
    if folder in BLOCKS and own_folder in BLOCKS:
        return None
    if RANKS[folder] >= RANKS[own_folder]:
        return f"{own_folder} is not above {folder}"
    return None


def public(own_folder, own_path):
    return own_folder not in ("apps", "python", "server") and not private(own_path)


def third_party(include):
    """Public headers use the standard library, whose headers have neither a folder nor an extension."""
    return "/" in include or "." in include


def check(root, path):
    relative = path.relative_to(root).as_posix()
    own_path = relative.removeprefix("ttt/")
    own_folder = folder_of(own_path)
    in_ttt = relative.startswith("ttt/")
    code = path.read_text()
    found = []

    def note(position, what):
        found.append(f"{relative}:{line_of(code, position)}: {what}")

    if own_folder not in RANKS:
        note(0, f"{own_folder} is not a folder with a rank; give it one in tools/lint_layers.py")
        return found
    code = without_comments(code)
    for match in INCLUDE.finditer(code):
        own, system = match.groups()
        if own:
            why = refusal(own_folder, own_path, own)
            if why:
                note(match.start(), why)
            elif not ((root / "ttt" / own).exists() or (not in_ttt and (root / own).exists())):
                note(match.start(), f'"{own}" does not exist')
        elif path.suffix == ".h" and public(own_folder, own_path) and third_party(system):
            # Test helpers for users may need the test framework that they help with.
            if not (own_folder == "testing" and system.startswith("gtest/")):
                note(match.start(), f"<{system}> in a public header")
    for match in HASHED_TEXT.finditer(code):
        if "Seeded" not in match.group(0):
            note(match.start(), "a table by text wants a seeded hash: TextTable in base/text_table.h")
    if own_folder in BLOCKS or own_folder in ("block", "linear", "model", "models", "runtime"):
        for match in PLANNING.finditer(code):
            note(match.start(), "asks whether it is planned")
    if in_ttt:
        for match in MODEL_NAME.finditer(code):
            note(match.start(), f'"{match.group(0)}" names a model')
    return found


def main(root):
    found, files = [], 0
    for top in ("ttt",) + OUTSIDE_TTT:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                files += 1
                found += check(root, path)
    for line in found:
        print(line)
    if not files:
        print(f"no sources below {root}")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
