#!/usr/bin/env python3
"""Random texts of the grammars of JSON schemas are valid for the package jsonschema.

    run.py grammar_walks json_schemas.json [COUNT]

Exits with 77 where jsonschema is not installed: the test is skipped.
"""
import json
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)


def main():
    program, fixture, count = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "20"
    schemas = [e["schema"] for e in json.load(open(fixture, encoding="utf-8"))]
    checker = jsonschema.FormatChecker()
    validators = [jsonschema.Draft202012Validator(s, format_checker=checker) for s in schemas]
    lines = subprocess.run([program, fixture, count], check=True, capture_output=True).stdout.decode().strip("\n").split("\n")
    wrong = 0
    for line in lines:
        walk = json.loads(line)
        try:
            validators[walk["schema"]].validate(json.loads(walk["text"]))
        except (ValueError, jsonschema.ValidationError) as e:
            wrong += 1
            print(f"{json.dumps(schemas[walk['schema']])}\n  {walk['text']}\n  {str(e).splitlines()[0]}")
    print(f"{len(lines)} texts, {wrong} not valid")
    sys.exit(1 if wrong or len(lines) < 3 * len(schemas) else 0)


if __name__ == "__main__":
    main()
