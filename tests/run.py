"""Builds, runs the tests through ctest and counts them; the work behind ./test.sh.

Usage: run.py --build DIR [NAME]

A GoogleTest executable and a run of pytest count as their test cases, any other test of ctest as one. NAME selects,
without regard to case:
a test of ctest whose name contains it; else the suites of the test files whose file name contains it; else the suites
whose own name contains it.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUITE = re.compile(r"^(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+)\s*,", re.M)


def say(text):
    print(f"test.sh: {text}", file=sys.stderr, flush=True)


class Entry:
    def __init__(self, line):
        self.name, self.kind, targets, sources = line.split(";")
        self.targets = [t for t in targets.split(",") if t]
        self.sources = [pathlib.Path(s) for s in sources.split(",") if s]
        self.suites = {}  # by source file
        for source in self.sources:
            self.suites[source] = sorted(set(SUITE.findall(source.read_text())))


def read_entries(build):
    return [Entry(line) for line in (build / "test-entries.txt").read_text().splitlines()]


def select(entries, name):
    """The entries to run and the suites to run of them; None: all."""
    wanted = name.lower().removesuffix(".cpp").removesuffix("_test")
    exact = [e for e in entries if wanted in (e.name.lower(), e.name.lower().removeprefix("test_"))]
    named = exact or [e for e in entries if wanted in e.name.lower()]
    if named:
        return named, None
    for key in (lambda source, suite: source.name.lower(), lambda source, suite: suite.lower()):
        chosen, suites = [], []
        for entry in entries:
            found = [s for source, of_file in entry.suites.items() for s in of_file if wanted in key(source, s)]
            if found:
                chosen.append(entry)
                suites += found
        if chosen:
            return chosen, suites
    return [], None


def build_targets(build, targets):
    log = build / "build.log"
    command = ["cmake", "--build", str(build), "--parallel", str(os.cpu_count())]
    if targets:
        command += ["--target", *targets]
    say(f"building {' '.join(targets) or 'everything'} (log: {log})")
    with log.open("w") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode
    if code != 0:
        sys.stderr.write(log.read_text())
        say("the build failed")
        print("0 passed, 1 failed")
        sys.exit(1)


def run_ctest(build, results, entries, suites):
    environment = dict(os.environ)
    if suites:
        environment["GTEST_FILTER"] = ":".join(f"{s}.*:*/{s}.*:{s}/*.*:*/{s}/*.*" for s in sorted(set(suites)))
    report = results / "ctest.xml"
    names = "|".join(re.escape(e.name) for e in entries)
    subprocess.run(
        ["ctest", "--test-dir", str(build), "-j", str(os.cpu_count()), "--output-on-failure", "--output-junit",
         str(report.resolve()), "-R", f"^({names})$"], env=environment)
    if not report.exists():
        return {}
    return {case.get("name"): outcome(case) for case in ElementTree.parse(report).iter("testcase")}


def outcome(case):
    """ctest's "run" or "fail"; "skipped" only for a test that says so itself: one that cannot start is "notrun" too."""
    skipped = case.find("skipped")
    said_so = skipped is not None and (skipped.get("message") or "").startswith("SKIP_")
    return "skipped" if said_so else case.get("status")


def count(entry, status, results):
    """(passed, failed, skipped, lines to show) of one entry."""
    report = results / f"{entry.name}.xml"
    if entry.kind == "script":
        if status == "skipped":
            return 0, 0, 1, [f"skipped: {entry.name}: what it needs is not installed"]
        return (1, 0, 0, []) if status == "run" else (0, 1, 0, [f"failed: {entry.name}"])
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return 0, 1, 0, [f"failed: {entry.name} ended without a report"]
    passed = failed = skipped = 0
    lines = []
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.get("status") == "notrun":
            continue
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            lines.append(f"failed: {entry.name} {name}")
        elif case.find("skipped") is not None:
            skipped += 1
            reason = case.find("skipped")
            message = (reason.get("message") or "").strip().splitlines() if reason is not None else []
            lines.append(f"skipped: {entry.name} {name}: {message[-1] if message else 'no reason given'}")
        else:
            passed += 1
    if status != "run" and not failed:
        failed += 1  # failed outside its cases: a leak, a crash at exit, a time-out
        lines.append(f"failed: {entry.name} as a whole")
    return passed, failed, skipped, lines


def levels_not_run(results):
    """The levels of instructions that test programs say this machine lacks."""
    names = {ElementTree.parse(report).getroot().get("levels_not_run", "") for report in results.glob("test_*.xml")}
    return " ".join(sorted(names)).strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("name", nargs="?")
    arguments = parser.parse_args()
    build, results = arguments.build, arguments.build / "test-results"

    entries, suites = read_entries(build), None
    if arguments.name:
        entries, suites = select(entries, arguments.name)
        if not entries:  # a file added since the last configuration
            build_targets(build, ["cmake_check_build_system"] if (build / "Makefile").exists() else ["build.ninja"])
            entries, suites = select(read_entries(build), arguments.name)
        if not entries:
            say(f"no test is called anything like {arguments.name}")
            return 2
        targets = sorted({t for e in entries for t in e.targets})
        if targets:
            build_targets(build, targets)
    else:
        build_targets(build, [])
        entries = read_entries(build)

    results.mkdir(exist_ok=True)
    for old in results.glob("*.xml"):
        old.unlink()
    status = run_ctest(build, results, entries, suites)

    absent = levels_not_run(results)
    if absent:
        print(f"not run: kernels of levels that this machine has not: {absent}")
    totals = [0, 0, 0]
    for entry in entries:
        *numbers, lines = count(entry, status.get(entry.name, "none"), results)
        totals = [a + b for a, b in zip(totals, numbers)]
        for line in lines:
            print(line)
    passed, failed, skipped = totals
    if passed + failed + skipped == 0:
        print("no test ran")
        failed = 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
