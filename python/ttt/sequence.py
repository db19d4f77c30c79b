"""Sequences that go on step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import _core
from ._ids import as_ids

if TYPE_CHECKING:
    from .model import Ids, Model


class Sequence:
    """The tokens of one sequence with the state of the model after them.

    What is added is computed once. A sequence holds the memory of a whole context while it lives.
    """

    def __init__(self, model: Model, forks: int = 0) -> None:
        """An empty sequence; ``Model.sequence`` makes one with its first tokens."""
        self._core = _core.Sequence(model._core, forks)

    def extend(self, ids: Ids, *, last: int = 1) -> np.ndarray:
        """Adds tokens; the outputs of the last so many of them, float32 [last, size]."""
        return self._core.extend(as_ids(ids), last)

    def fork(self) -> Sequence:
        """Another sequence with the same tokens. ResourcesError when ``forks`` of them are alive."""
        other = Sequence.__new__(Sequence)
        other._core = self._core.fork()
        return other

    def truncate(self, length: int) -> None:
        """Removes the tokens from ``length`` on. UsageError when a window has let go of what would be seen again."""
        self._core.truncate(length)

    def __len__(self) -> int:
        return self._core.length

    def __repr__(self) -> str:
        return f"<ttt.Sequence of {len(self)} tokens>"
