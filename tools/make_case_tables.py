#!/usr/bin/env python3
"""Writes text/template/case_tables.cpp: the properties of characters that Python's str methods use and the tokenizers'
tables lack, asked of this Python character by character.

Usage: make_case_tables.py [--output FILE]
"""

import argparse
import pathlib
import unicodedata

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(holds):
    """[first, last] of every run of code points for which `holds`."""
    out = []
    for c in POINTS:
        if holds(chr(c)):
            if out and out[-1][1] == c - 1:
                out[-1][1] = c
            else:
                out.append([c, c])
    return out


def range_table(name, holds):
    cells = [f"{{{a:#x}, {b:#x}}}" for a, b in ranges(holds)]
    return table("Range", name, cells)


def mapping_table(name, change):
    cells = []
    for c in POINTS:
        s = change(chr(c))
        if s != chr(c):
            to = ", ".join(f"{x:#x}" for x in [ord(k) for k in s] + [0] * (3 - len(s)))
            cells.append(f"{{{c:#x}, {{{to}}}}}")
    return table("Mapping", name, cells)


def table(kind, name, cells):
    lines, line = [], "   "
    for cell in cells:
        if len(line) + len(cell) + 2 > 118:
            lines.append(line)
            line = "   "
        line += f" {cell},"
    lines.append(line)
    return f"const {kind} {name}[] = {{\n" + "\n".join(lines) + f"\n}};\nconst std::size_t {name}Count = std::size({name});\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default=str(pathlib.Path(__file__).parent.parent / "text/template/case_tables.cpp"))
    args = parser.parse_args()
    parts = [
        "// Written by tools/make_case_tables.py; do not edit.",
        f"// Unicode {unicodedata.unidata_version}, as Python's str methods apply it.",
        "",
        '#include "text/template/case_tables.h"',
        "",
        "#include <iterator>",
        "",
        "// clang-format off",
        "namespace ttt::case_tables {",
        "",
        mapping_table("kUpper", str.upper),
        mapping_table("kTitle", str.title),
        mapping_table("kLower", str.lower),
        range_table("kDecimal", str.isdecimal),
        range_table("kDigit", str.isdigit),
        range_table("kNumeric", str.isnumeric),
        range_table("kLetter", str.isalpha),
        range_table("kSpace", str.isspace),
        # Cased by the Unicode property, as str.isupper, str.islower and str.title take it.
        range_table("kUpperCase", str.isupper),
        range_table("kLowerCase", str.islower),
        range_table("kUnprintable", lambda c: not c.isprintable()),
        "}  // namespace ttt::case_tables",
        "// clang-format on",
        "",
    ]
    pathlib.Path(args.output).write_text("\n".join(parts))


if __name__ == "__main__":
    main()
