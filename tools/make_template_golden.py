#!/usr/bin/env python3
"""Records what Jinja2 makes of templates, with exactly the settings that transformers gives it.

    make_template_golden.py

writes tests/golden/templates/*.json: every template of tools/template_shapes.py and tools/template_language.py with its
inputs, and for each the text that came out, or the reason why none did. Dates are those of a fixed second in UTC.
"""
import datetime
import json
import pathlib
import re
import traceback

import jinja2
from transformers.utils import chat_template_utils

import template_language
import template_shapes

OUTPUT = pathlib.Path(__file__).parent.parent / "tests/golden/templates"
SECOND = 1_785_312_000 + 49_629  # a Wednesday, 13:47:09


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(SECOND, datetime.timezone.utc).replace(tzinfo=None)


chat_template_utils.datetime = FixedDate
BEYOND, UNSUPPORTED = "beyond 64 bits", "not supported"


def line_of(error):
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename in ("<template>", "<unknown>")]
    return lines[-1] if lines else None


def render(template, variables):
    """{"text": ...}, or {"error": reason, "line": n, "parse": whether the template itself is wrong}."""
    try:
        compiled = chat_template_utils._cached_compile_jinja_template(template)
    except Exception as error:
        return {"error": str(error), "line": line_of(error), "parse": True}
    try:
        return {"text": compiled.render(**variables)}
    except Exception as error:
        return {"error": str(error), "line": line_of(error)}


def is_wide(result):
    """Whether Python counted beyond 64 bits, which is an error here."""
    return any(int(digits) >= 2**63 for digits in re.findall(r"(?<![\d.])\d{19,}(?![\d.e])", result.get("text", "")))


def without_addresses(result):
    return not re.search(r"0x[0-9a-f]{6,}|<generator|<built-in|<bound| object at ", result.get("text", ""))


def case(name, template, inputs):
    runs = []
    for variables in inputs:
        run = {"with": variables, **render(template, variables)}
        if is_wide(run):
            run = {"with": variables, "error": BEYOND, "line": run["text"].count("\n") + 1}
        assert without_addresses(run), (name, run)
        runs.append(run)
    return {"name": name, "template": template, "runs": runs}


def write(name, value):
    path = OUTPUT / name
    path.write_text(json.dumps(value, ensure_ascii=False, indent=None, separators=(",", ":")).replace('},{"name"', '},\n{"name"') + "\n")
    print(path.name, path.stat().st_size)


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    write("chats.json", {"second": SECOND, "cases": [case(*s) for s in template_shapes.SHAPES]})
    write("language.json", {"second": SECOND, "cases": [case(*t) for t in template_language.LANGUAGE]})
    expressions = []
    for e in template_language.EXPRESSIONS:
        result = render("{{ " + e + " }}", template_language.DATA)
        if not without_addresses(result):
            print("left out, an address:", e, result)
            continue
        if is_wide(result):
            result = {"error": BEYOND}
        if e in template_language.UNSUPPORTED:
            result = {"error": UNSUPPORTED}
        expressions.append([e, result["text"]] if "text" in result else [e, None, result["error"]])
    write("expressions.json", {"second": SECOND, "with": template_language.DATA, "expressions": expressions})
    print(len(template_shapes.SHAPES), "chats,", len(template_language.LANGUAGE), "templates,", len(expressions), "expressions")


if __name__ == "__main__":
    main()
