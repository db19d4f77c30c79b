"""Many requests on one model at the same time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from . import _core
from .errors import UsageError
from .generation import Token, TokenLogProb, checked_stop
from .model import Ids, Model
from .templates import ChatTemplate, Message


@dataclass(frozen=True)
class Event:
    """What happened to a request.

    Attributes:
        index: which continuation of the request.
        text: what the new tokens add to its text: whole characters, nothing of a stop text.
        ids: the new tokens.
        tokens: the new tokens with log-probabilities, where ``log_probs`` asks for them.
        prompt_tokens: the same of the prompt's tokens, once, where ``prompt_log_probs`` asks for them.
        finish: in the last event of a continuation why it ended: ``"end"``, ``"stop"``, ``"length"``, ``"context"`` or
            ``"cancelled"``; else None.
        stopped_by: the stop text that was found.
    """

    index: int
    text: str
    ids: list[int]
    tokens: list[Token] = field(default_factory=list, repr=False)
    prompt_tokens: list[Token] = field(default_factory=list, repr=False)
    finish: str | None = None
    stopped_by: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass
class Completion:
    """A complete continuation; the fields are those of ``Event`` for all of it."""

    index: int
    text: str = ""
    ids: list[int] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list, repr=False)
    finish: str | None = None
    stopped_by: str = ""

    def __str__(self) -> str:
        return self.text


class _LoopWaker:
    """Wakes the tasks of one event loop that wait for events; the engine's thread writes to its file descriptor."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.core = _core.EngineWaker()
        self._waiting: set[asyncio.Future[None]] = set()
        loop.add_reader(self.core.descriptor, self._ready)

    def _ready(self) -> None:
        self.core.clear()
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


class EngineStream(Iterator[Event], AsyncIterator[Event]):
    """A request that runs: an iterator over ``Event`` with ``for``, and with ``async for`` where there is an event loop.

    Cancelling the task that waits for it, ``cancel()``, or dropping it cancels the request. An error of the request is
    raised.
    """

    def __init__(self, core: _core.EngineStream, waker: _LoopWaker | None) -> None:
        """For Engine.generate."""
        self._core = core
        self._waker = waker

    def __iter__(self) -> EngineStream:
        return self

    def __next__(self) -> Event:
        if self._waker is not None:
            raise UsageError("a request that was made in an event loop wanted async for, got for")
        try:
            found = self._core.next()
        except BaseException:
            self._core.cancel()
            raise
        if found is None:
            raise StopIteration
        return _event(found)

    def __aiter__(self) -> EngineStream:
        return self

    async def __anext__(self) -> Event:
        if self._waker is None:
            raise UsageError("a request that was made outside of an event loop wanted for, got async for")
        try:
            while True:
                found = self._core.poll()
                if found is not None:
                    return _event(found)
                if self._core.done:
                    raise StopAsyncIteration
                await self._waker.wait()
        except asyncio.CancelledError:
            self._core.cancel()
            raise

    def cancel(self) -> None:
        """Ends the request within one step; its last events say ``"cancelled"``."""
        self._core.cancel()

    def completions(self) -> list[Completion]:
        """Waits for the end: every continuation of the request."""
        found: dict[int, Completion] = {}
        for event in self:
            _add(found, event)
        return [found[i] for i in sorted(found)]

    def __await__(self) -> Any:
        return self._completions().__await__()

    async def _completions(self) -> list[Completion]:
        found: dict[int, Completion] = {}
        async for event in self:
            _add(found, event)
        return [found[i] for i in sorted(found)]

    @property
    def usage(self) -> dict[str, float]:
        """Counts of the request, final with its last event.

        ``prompt`` tokens, ``cached`` ones of these, ``generated`` tokens, ``queue_seconds``, ``prefill_seconds``,
        ``decode_seconds``.
        """
        return self._core.usage()


class Engine:
    """Runs any number of requests on one model: every step takes a mix of prompts and single tokens.

    An engine has threads of its own, so that requests run while Python does something else. It keeps the beginnings of
    prompts, and finds them again. Requests may be made by any thread and by any event loop. Also a context manager,
    with and without ``async``, which closes it.
    """

    def __init__(self, model: Model | str | os.PathLike[str], *, sequences: int = 16, ctx: int = 0,
                 step_tokens: int = 512, state_bytes: int = 0, waiting: int = 1024, prefix_cache: bool = True,
                 speculate: int = 0, threads: int = 0) -> None:
        """An engine for a model.

        Args:
            model: the model, or its path.
            sequences: that run at the same time; others wait.
            ctx: tokens of one sequence, at most; 0: the model's context.
            step_tokens: tokens of one step, of prompts and continuations together.
            state_bytes: memory for the state of all sequences; 0: whole contexts for all, as memory allows.
            waiting: requests that may wait; one more is a ResourcesError.
            prefix_cache: keep beginnings of prompts for other requests.
            speculate: tokens guessed from the context in one step; 0: none.
            threads: threads that compute; 0: as many as the model has.
        """
        self.model = model if isinstance(model, Model) else Model(model)
        self._core = _core.Engine(self.model._core, sequences, ctx or self.model.context, step_tokens, state_bytes,
                                  waiting, prefix_cache, speculate, threads)
        self._wakers: dict[asyncio.AbstractEventLoop, _LoopWaker] = {}
        self._lock = threading.Lock()

    def generate(self, prompt: str | Ids, *, n: int = 1, max_new_tokens: int = 256, min_new_tokens: int = 0,
                 temperature: float | None = None, top_k: int | None = None, top_p: float | None = None,
                 min_p: float | None = None, typical_p: float | None = None, repetition_penalty: float | None = None,
                 presence_penalty: float | None = None, frequency_penalty: float | None = None,
                 logit_bias: Mapping[int, float] | None = None, bad_words: Sequence[Sequence[int]] | None = None,
                 seed: int | None = None, log_probs: int | None = None, prompt_log_probs: bool = False,
                 stop: str | Sequence[str] | None = None, keep_stop: bool = False,
                 end_ids: Sequence[int] | None = None, ignore_end: bool = False,
                 ignore_generation_config: bool = False, add_special: bool = True, json: bool = False,
                 schema: Mapping[str, Any] | bool | None = None, regex: str | None = None, grammar: str | None = None,
                 priority: int = 0, cache_key: str = "") -> EngineStream:
        """Continues a prompt: puts the request into the queue, and gives its events.

        In a running event loop the result is for ``async for``, or ``await`` for all continuations at once; else it is
        for ``for``, or ``completions()``. Options that are not named here are those of ``Model.generate``.

        Args:
            prompt: a text or ids.
            n: continuations of the prompt, which is read once.
            min_new_tokens: before so many no end and no stop text ends a continuation.
            prompt_log_probs: log-probabilities of the prompt's tokens too, as ``log_probs`` says.
            keep_stop: the stop text is a part of the result.
            priority: lower ones run first; equal ones in the order of their arrival.
            cache_key: beginnings of prompts are shared only between requests with the same key.

        Raises UsageError for an invalid request, and ResourcesError when too many wait.
        """
        ids, _ = self.model._prompt(prompt, None, add_special)
        options = self.model._options(
            max_new_tokens=max_new_tokens, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p,
            typical_p=typical_p, repetition_penalty=repetition_penalty, presence_penalty=presence_penalty,
            frequency_penalty=frequency_penalty, logit_bias=logit_bias,
            bad_words=None if bad_words is None else [list(w) for w in bad_words], seed=seed, log_probs=log_probs,
            end_ids=None if end_ids is None else list(end_ids), ignore_end=ignore_end,
            ignore_generation_config=ignore_generation_config)
        self.model._constrain(options, json, schema, regex, grammar)
        return self._submit(ids, options, {
            "n": n, "min_new_tokens": min_new_tokens, "prompt_log_probs": prompt_log_probs,
            "stop": checked_stop(stop, True), "keep_stop": keep_stop, "priority": priority, "cache_key": cache_key,
        })

    def chat(self, messages: str | Sequence[Message], *, system: str | None = None, tools: Sequence[Any] | None = None,
             documents: Sequence[Any] | None = None, template: ChatTemplate | str | None = None,
             variables: Mapping[str, Any] | None = None, max_new_tokens: int | None = None,
             **options: Any) -> EngineStream:
        """Answers messages, or one user's message, through the model's chat template.

        The text is as the model writes it, with its reasoning and calls of tools.

        Args:
            messages, system, tools, documents, template, variables: as for ``Model.chat``.
            max_new_tokens: tokens of the answer, at most; else to the end of the context.
            options: those of ``generate``.
        """
        turns = [{"role": "user", "content": messages}] if isinstance(messages, str) else [dict(m) for m in messages]
        if system is not None:
            turns.insert(0, {"role": "system", "content": system})
        if not isinstance(template, ChatTemplate):
            template = ChatTemplate.load(self.model.path, template, with_tools=bool(tools))
        ids = template.encode(turns, self.model.tokenizer, tools=tools, documents=documents, **(variables or {}))
        room = self._core.context - len(ids) + 1
        options.setdefault("end_ids", _core.answer_end_ids(self.model._core, template._core, dict(variables or {})))
        return self.generate(ids, max_new_tokens=max(room, 1) if max_new_tokens is None else max_new_tokens, **options)

    def _submit(self, ids: list[int], options: _core.GenerateOptions, request: dict[str, Any]) -> EngineStream:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return EngineStream(self._core.submit(ids, options, request, _core.EngineWaker()), None)
        with self._lock:
            self._wakers = {known: waker for known, waker in self._wakers.items() if not known.is_closed()}
            if loop not in self._wakers:
                self._wakers[loop] = _LoopWaker(loop)
            waker = self._wakers[loop]
        return EngineStream(self._core.submit(ids, options, request, waker.core), waker)

    @property
    def stats(self) -> dict[str, int]:
        """Counts since the start.

        Requests ``running`` and ``waiting``; ``pages`` of the state, ``used_pages`` and ``cached_pages``;
        ``prompt_tokens`` and ``generated_tokens``; tokens looked for and found in the prefix cache
        (``prefix_queries``, ``prefix_hits``); ``preemptions``, ``steps``; tokens ``guessed`` and ``guessed_right``.
        """
        return self._core.stats()

    @property
    def context(self) -> int:
        """Tokens of one sequence, at most."""
        return self._core.context

    def drain(self) -> None:
        """Takes no further requests, and waits until all others are done."""
        self._core.drain()

    def close(self) -> None:
        """Cancels what runs, and lets go of the memory. A second call does nothing."""
        self._core.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None,
                        traceback: TracebackType | None) -> None:
        self.close()


def _tokens(found: list[Any]) -> list[Token]:
    return [Token(id, None, log_prob, tuple(TokenLogProb(*t) for t in top)) for id, log_prob, top in found]


def _event(found: dict[str, Any]) -> Event:
    return Event(found["index"], found["text"], found["ids"], _tokens(found["tokens"]),
                 _tokens(found["prompt_tokens"]), found["finish"], found["stopped_by"])


def _add(found: dict[int, Completion], event: Event) -> None:
    whole = found.setdefault(event.index, Completion(event.index))
    whole.text += event.text
    whole.ids += event.ids
    whole.tokens += event.tokens
    whole.finish = event.finish or whole.finish
    whole.stopped_by = event.stopped_by or whole.stopped_by
