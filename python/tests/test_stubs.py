"""The stub of the extension module says what the module has; the sources of the package are typed themselves."""

import ast
import importlib.util
import inspect
import subprocess
import sys

import pytest
from conftest import ROOT

import ttt
from ttt import _core

STUB = ROOT / "python/ttt/_core.pyi"


def signatures(tree):
    """{name: arguments and annotations} of all functions and classes of a stub."""
    found = {}

    def visit(body, prefix):
        for node in body:
            if isinstance(node, ast.ClassDef):
                found[prefix + node.name] = "class"
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                kind = [ast.unparse(d) for d in node.decorator_list]
                found[prefix + node.name] = (kind, ast.unparse(node.args), ast.unparse(node.returns))

    visit(tree.body, "")
    return found


@pytest.mark.skipif(importlib.util.find_spec("nanobind") is None, reason="nanobind is not installed")
def test_the_stub_is_what_nanobind_makes_of_the_module(tmp_path):
    made = tmp_path / "_core.pyi"
    done = subprocess.run([sys.executable, "-m", "nanobind.stubgen", "-m", "ttt._core", "-o", made],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted, got = (signatures(ast.parse(path.read_text())) for path in (made, STUB))
    assert got == wanted, "python -m nanobind.stubgen -m ttt._core -o python/ttt/_core.pyi writes it anew"


def test_the_stub_names_what_there_is():
    stub = signatures(ast.parse(STUB.read_text()))
    for name, value in vars(_core).items():
        if not name.startswith("_"):
            assert name in stub, name
        if inspect.isclass(value):
            for member in vars(value):
                if not member.startswith("_"):
                    assert f"{name}.{member}" in stub, f"{name}.{member}"
    for name in stub:
        value = _core
        for part in name.split("."):
            value = getattr(value, part)


def test_arguments_and_results_are_typed():
    untyped = []
    for path in sorted((ROOT / "python/ttt").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = [a for a in node.args.args + node.args.kwonlyargs if a.arg not in ("self", "cls")]
                if node.returns is None or any(a.annotation is None for a in arguments):
                    untyped.append(f"{path.name}:{node.lineno}: {node.name}")
    assert untyped == []
    assert (ROOT / "python/ttt/py.typed").exists()


def test_all_names_of_the_package_are_there():
    assert len(set(ttt.__all__)) == len(ttt.__all__)
    for name in ttt.__all__:
        assert hasattr(ttt, name)
    assert ttt.__version__ == _core.__version__
