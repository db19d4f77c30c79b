"""docs/python.md: every example runs, and every public name is on the page. The examples in examples/python run too."""

import doctest
import inspect
import subprocess
import sys

import pytest
from conftest import ROOT, golden

import ttt

PAGE = ROOT / "docs/python.md"


def test_examples_of_the_page(tiny_path):
    names = {"PATH": str(tiny_path), "EMBEDDER": str(golden("encoder_texts/embedding")),
             "CLASSIFIER": str(golden("encoder_texts/labels")), "RANKER": str(golden("encoder_texts/pairs"))}
    text = "\n".join(line for line in PAGE.read_text().splitlines() if not line.startswith("```"))
    test = doctest.DocTestParser().get_doctest(text, names, "docs/python.md", str(PAGE), 0)
    assert len(test.examples) > 50
    output = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=output.append)
    assert results.failed == 0, "".join(output)


def public():
    for name in ttt.__all__:
        value = getattr(ttt, name)
        yield name, value
        if inspect.isclass(value):
            for member, function in vars(value).items():
                if not member.startswith("_") and (callable(function) or isinstance(function, (property, classmethod))):
                    yield f"{name}.{member}", function


@pytest.mark.parametrize("name, value", list(public()), ids=lambda v: v if isinstance(v, str) else "")
def test_everything_has_a_docstring(name, value):
    text = inspect.getdoc(value)
    assert text and len(text) > 10, name


def test_functions_of_models_are_on_the_page():
    page = PAGE.read_text()
    for cls in (ttt.Model, ttt.Conversation, ttt.Sequence, ttt.Engine):
        for name in vars(cls):
            if not name.startswith("_"):
                assert name in page, f"{cls.__name__}.{name}"


@pytest.mark.parametrize("name, words", [("logit_lens", "the answer is the likeliest from layer"),
                                         ("activation_patching", "first layer: ")])
def test_example_programs(name, words, smollm2_path):
    done = subprocess.run([sys.executable, ROOT / f"examples/python/{name}.py", smollm2_path], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0 and words in done.stdout, done.stdout + done.stderr
