#!/usr/bin/env python3
"""Refuses blocks that remember what they were built from: forward could branch on it.

Usage: lint_plan.py [ROOT]

In the folders of blocks a `struct Plan` holds no Spec, ImplConfig, optional, variant or string, and a class keeps
nothing but `plan_`. No block asks whether a step is planned: that is for launches. Prints one line for each violation
and exits 1 if there is any.
"""

import pathlib
import re
import sys

FOLDERS = ("normalization", "embeddings", "attention", "ffn", "heads", "linear")
SKIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
PLAN = re.compile(r"\bstruct\s+(?:\w+::)*Plan\b[^;{]*\{")
# With base classes, which may be templates.
CLASS = re.compile(r"(?<!enum )\bclass\s+(\w+)(?:\s+final)?\s*(?::(?!:)[^;{()]*)?\{")
REFUSED = re.compile(r"\b\w*(?:Spec|ImplConfig)\b|\boptional\s*<|\bvariant\s*<|\bstring\b|\bstring_view\b|\bstd::any\b")
DECLARES_TYPE = re.compile(r"(?:struct|class|union|enum(?:\s+class)?)\b[^{};]*\{\}\s*(\w*)")
FUNCTION_POINTER = re.compile(r"\(\s*(?:\w+::)?\*\s*(?:const\s+)?(\w+)\s*\)")
NOT_DATA = re.compile(r"(?:using|typedef|friend|static|template|struct|class|union|enum)\b|$")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def body_end(code, begin):
    """The position of the brace that closes the one before `begin`."""
    depth = 1
    for i in range(begin, len(code)):
        depth += (code[i] == "{") - (code[i] == "}")
        if depth == 0:
            return i
    return len(code)


def statements(body):
    """(offset, text) of the declarations of a class body; what is in nested braces is left out."""
    i = begin = 0
    text = ""
    while i < len(body):
        c = body[i]
        if not text and (c.isspace() or c == ";"):
            i += 1
            begin = i
            continue
        access = re.compile(r"(?:public|private|protected)\s*:(?!:)").match(body, i)
        if not text and access:
            i = begin = access.end()
        elif c == "{":
            i = body_end(body, i + 1) + 1
            text += "{}"
            following = body[i:].lstrip()[:1]
            if "(" in text and following not in (";", ",", "{"):  # the body of a function
                yield begin, text
                text, begin = "", i
        elif c == ";":
            yield begin, text
            i += 1
            text, begin = "", i
        else:
            text += c
            i += 1


def member_name(statement):
    """The name of the data member that a statement of a class declares, or None."""
    statement = statement.strip()
    declared = DECLARES_TYPE.match(statement)
    if declared:
        return declared.group(1) or None
    pointer = FUNCTION_POINTER.search(statement)
    if pointer and not NOT_DATA.match(statement):
        return pointer.group(1)
    if NOT_DATA.match(statement) or "operator" in statement:
        return None
    head = re.split(r"[={]", statement)[0]
    if "(" in head:
        return None
    words = re.findall(r"\w+", re.sub(r"<.*>|\[.*?\]|:\s*\d+\s*$", " ", head, flags=re.S))
    return words[-1] if len(words) > 1 else None


def check(path, shown):
    code = SKIPPED.sub(blank, path.read_text())
    found = []

    def note(position, what):
        found.append(f"{shown}:{code.count(chr(10), 0, position) + 1}: {what}")

    for plan in PLAN.finditer(code):
        for match in REFUSED.finditer(code, plan.end(), body_end(code, plan.end())):
            note(match.start(), f"a Plan holds {match.group(0).rstrip(' <')}: resolve it in the constructor")
    for match in re.finditer(r"\bplanning\s*\(", code):
        note(match.start(), "a block asks whether a step is planned: launch what depends on it")
    for block in CLASS.finditer(code):
        body = code[block.end():body_end(code, block.end())]
        for offset, statement in statements(body):
            name = member_name(statement)
            if name and name != "plan_":
                note(block.end() + offset, f"{block.group(1)} keeps {name}: a block keeps plan_ only")
    return found


def main(root):
    found, plans = [], 0
    for folder in FOLDERS:
        for path in sorted((root / "ttt" / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                plans += len(PLAN.findall(path.read_text()))
                found += check(path, path.relative_to(root).as_posix())
    for line in found:
        print(line)
    if not plans:
        print(f"no struct Plan below {root}/ttt")
    return 1 if found or not plans else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
