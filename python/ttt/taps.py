"""Seeing and replacing what the blocks of a model write."""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import UsageError

if TYPE_CHECKING:
    from .model import Model

TapFunction = Callable[..., "np.ndarray | None"]


def _takes_path(function: Callable[..., Any]) -> bool:
    """Whether a function must be called with two arguments: the values and the path."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions in C have no signature
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters) == 2


def matching(paths: Iterable[str], pattern: str) -> list[str]:
    """The paths that fit a pattern of ``fnmatch``; UsageError where there is none."""
    found = [p for p in paths if fnmatch.fnmatchcase(p, pattern)]
    if not found:
        raise UsageError(f'"{pattern}" matches no block of this model; Model.blocks() lists them')
    return found


class Tap:
    """Functions that are set at blocks of a model, until ``remove()`` or the end of the ``with`` statement."""

    def __init__(self, model: Model, functions: Mapping[str, TapFunction], copy: bool) -> None:
        """For Model.tap."""
        self._model = model
        self.paths: list[str] = []
        self._entries: list[tuple[str, TapFunction, bool, bool]] = []
        for pattern, function in functions.items():
            if not callable(function):
                raise UsageError(f"a tap wanted a function for {pattern!r}, got {type(function).__name__}")
            for path in matching(model._paths(), pattern):
                self.paths.append(path)
                self._entries.append((path, function, _takes_path(function), copy))
        model._add_tap(self)

    def remove(self) -> None:
        """Takes the functions away; a second call does nothing."""
        self._model._remove_tap(self)

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<ttt.Tap at {len(self.paths)} blocks>"


class Capture(Mapping[str, np.ndarray]):
    """What blocks have written while it was set: a mapping from path to an array with the rows of all steps."""

    def __init__(self, model: Model, patterns: Iterable[str]) -> None:
        """For Model.capture."""
        self._rows: dict[str, list[np.ndarray]] = {}
        self._tap = Tap(model, {pattern: self._take for pattern in patterns}, copy=True)

    def _take(self, values: np.ndarray, path: str) -> None:
        self._rows.setdefault(path, []).append(values)

    def clear(self) -> None:
        """Forgets what was kept, for the next run."""
        self._rows.clear()

    def remove(self) -> None:
        """Keeps nothing more; what was kept stays."""
        self._tap.remove()

    def __getitem__(self, path: str) -> np.ndarray:
        parts = self._rows[path]
        if len(parts) > 1:
            parts[:] = [np.concatenate(parts)]
        return parts[0]

    def __iter__(self):
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.remove()
