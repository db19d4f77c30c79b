"""Continuations of texts, whole and token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from . import _core
from .errors import UsageError


class TokenLogProb(NamedTuple):
    """A token and the natural logarithm of its probability."""

    id: int
    log_prob: float


@dataclass(frozen=True)
class Token:
    """One token of a generation.

    Attributes:
        id: the token; None for text at the end that belongs to no further token.
        text: what it adds to the text: whole characters, often none. None for a model without a tokenizer.
        log_prob: the natural logarithm of its probability by the model, where ``log_probs`` was asked for.
        top: the most likely tokens in its place, as many as ``log_probs`` asks for.
    """

    id: int | None
    text: str | None
    log_prob: float | None = None
    top: tuple[TokenLogProb, ...] = ()


@dataclass(frozen=True)
class Generation:
    """A complete generation.

    Attributes:
        text: the continuation; None for a model without a tokenizer.
        ids: the tokens that were generated.
        reason: why it ended: ``"end"`` (an end token), ``"stop"`` (a stop text), ``"length"`` (max_new_tokens),
            ``"context"`` (no room is left), ``"stopped"`` (the stream was closed) or ``"a dead end of the grammar"``
            (no token keeps to the grammar).
        prompt_ids: the tokens of the prompt.
        tokens: every token with its text and, where asked for, log-probabilities.
    """

    text: str | None
    ids: list[int]
    reason: str
    prompt_ids: list[int]
    tokens: list[Token] = field(repr=False)

    def __str__(self) -> str:
        return self.text or ""


class _StopTexts:
    """Finds the first of some texts in a text that comes in pieces, and holds back what may become one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._held = ""

    def push(self, piece: str) -> tuple[str, bool]:
        """(text that is certain, whether a stop text was found after it)"""
        text = self._held + piece
        found = [at for at in (text.find(t) for t in self._texts) if at >= 0]
        if found:
            self._held = ""
            return text[:min(found)], True
        keep = max((n for t in self._texts for n in range(1, min(len(t) - 1, len(text)) + 1)
                    if text.endswith(t[:n])), default=0)
        self._held = text[len(text) - keep:]
        return text[:len(text) - keep], False

    def finish(self) -> str:
        held, self._held = self._held, ""
        return held


class GenerationStream(Iterator[Token]):
    """A generation that is asked for token by token: an iterator over ``Token``.

    A token is computed when it is asked for. Leaving the loop, dropping the stream or ``close()`` ends the generation;
    it holds the memory of its sequence until then. Also a context manager, which closes it.
    """

    def __init__(self, core: _core.GenerationStream, prompt_ids: list[int], stop: Sequence[str],
                 log_probs: bool) -> None:
        """For Model.generate."""
        self._core = core
        self._prompt_ids = prompt_ids
        self._stop = _StopTexts(stop) if stop else None
        self._log_probs = log_probs
        self._tokens: list[Token] = []
        self._reason: str | None = None

    def __iter__(self) -> GenerationStream:
        return self

    def __next__(self) -> Token:
        if self._reason is not None:
            raise StopIteration
        found = self._core.next()
        if found is None:
            self._reason = self._core.reason
            rest = self._stop.finish() if self._stop else ""
            if not rest:
                raise StopIteration
            return self._keep(Token(None, rest))
        id, text, log_prob, top = found
        if self._stop is not None and text is not None:
            text, stopped = self._stop.push(text)
            if stopped:
                self._reason = "stop"
                self._core.close()
        return self._keep(Token(None if id < 0 else id, text, log_prob if self._log_probs and id >= 0 else None,
                                tuple(TokenLogProb(*t) for t in top)))

    def _keep(self, token: Token) -> Token:
        self._tokens.append(token)
        return token

    def close(self) -> None:
        """Ends the generation where it is."""
        if self._reason is None:
            self._reason = "stopped"
            self._core.close()

    def __enter__(self) -> GenerationStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    @property
    def result(self) -> Generation:
        """What came so far; after the end, the whole generation."""
        texts = [t.text for t in self._tokens]
        text = None if any(t is None for t in texts) else "".join(t or "" for t in texts)
        return Generation(text, [t.id for t in self._tokens if t.id is not None], self._reason or "stopped",
                          self._prompt_ids, list(self._tokens))


def checked_stop(stop: str | Sequence[str] | None, has_tokenizer: bool) -> list[str]:
    """The stop texts as a list; UsageError for an empty one, and for a model that cannot find them."""
    texts = [] if stop is None else [stop] if isinstance(stop, str) else list(stop)
    if any(not t for t in texts):
        raise UsageError("stop wanted texts of at least one character, got an empty one")
    if texts and not has_tokenizer:
        raise UsageError("stop wanted a model with a tokenizer, got one without")
    return texts
