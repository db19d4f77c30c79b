"""Conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from . import _core
from .errors import UsageError
from .templates import ChatTemplate, Message

if TYPE_CHECKING:
    from .model import Model

_TO_THE_END = 1 << 40  # tokens: more than any context


class Piece(NamedTuple):
    """A piece of an answer while it is written: text, and whether it belongs to the model's reasoning."""

    text: str
    reasoning: bool

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Reply:
    """An answer of a conversation.

    Attributes:
        content: the answer, as the model wrote it.
        reasoning: what the model wrote between the marks of its reasoning, before the answer.
        ids: all tokens that were generated, without the end.
        reason: why it ended: ``"end"``, ``"length"``, ``"context"`` or ``"stopped"``.
        prompt_tokens: tokens of the whole conversation as the template wrote it.
        prefilled_tokens: of these, those that had to be computed; the others were kept from before.
        dropped_messages: messages that were left out to make room (``drop_oldest``).
        prefill_seconds: the time for the prompt.
        generate_seconds: the time for the answer.
    """

    content: str
    reasoning: str
    ids: list[int]
    reason: str
    prompt_tokens: int
    prefilled_tokens: int
    dropped_messages: int
    prefill_seconds: float
    generate_seconds: float

    def __str__(self) -> str:
        return self.content


class ReplyStream(Iterator[Piece]):
    """An answer in pieces while it is written.

    Leaving the loop and then dropping the stream, or ``close()``, ends the answer where it is; what was written until
    then is the assistant's message. Also a context manager, which closes it.
    """

    def __init__(self, core: _core.Conversation) -> None:
        """For Conversation.reply."""
        self._core = core
        self._ready: list[Piece] = []
        self._reply: Reply | None = None
        self._over = False

    def __iter__(self) -> ReplyStream:
        return self

    def __next__(self) -> Piece:
        while not self._ready:
            if self._over:
                raise StopIteration
            try:
                pieces = self._core.next()
            except BaseException:
                self._over = not self._core.replying  # the conversation has forgotten the answer
                raise
            if pieces is None:
                self.close()
                raise StopIteration
            self._ready = [Piece(text, reasoning) for reasoning, text in reversed(pieces) if text]
        return self._ready.pop()

    def close(self) -> None:
        """Ends the answer where it is."""
        if not self._over:
            self._over = True
            self._reply = Reply(**self._core.end())

    def __enter__(self) -> ReplyStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_over", True):
            self.close()

    @property
    def result(self) -> Reply:
        """The answer. UsageError while it is being written."""
        if self._reply is None:
            raise UsageError("an answer wanted its end, got none yet; close() ends it")
        return self._reply


class Conversation:
    """Messages, and the state of the model after them: an answer computes only what is new.

    The result is the same as in a new conversation with the same messages. A conversation holds the memory of one
    sequence, and is used by one thread at a time.
    """

    def __init__(self, model: Model, messages: Sequence[Message] = (), *, system: str | None = None,
                 template: ChatTemplate | str | None = None, tools: Sequence[Any] | None = None,
                 documents: Sequence[Any] | None = None, drop_oldest: bool = False, **variables: Any) -> None:
        """A conversation with ``model``.

        Args:
            model: a model that continues a text.
            messages: the messages so far.
            system: the system message.
            template: a template in place of the model's own, or the name of one of the model's.
            tools: descriptions of functions that the model may call, as the OpenAI API has them. Calls are a part of
                the answer's text, as the template's format has them.
            documents: texts that the template shows to the model.
            drop_oldest: at the end of the context leave out the oldest turns; else a prompt that is too long is an
                error.
            variables: variables of the template, such as ``enable_thinking=False``.

        Raises UnsupportedError for a model without a chat template, and for one that does not continue a text.
        """
        if tools is not None:
            variables["tools"] = list(tools)
        if documents is not None:
            variables["documents"] = list(documents)
        if not isinstance(template, ChatTemplate):
            template = ChatTemplate.load(model.path, template, with_tools=bool(tools))
        self._model = model
        self._core = _core.Conversation(model._core, template._core, variables, drop_oldest)
        self.template = template
        if system is not None:
            self.set_system(system)
        for message in messages:
            self.add(message)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages, the system's first, as templates read them."""
        return self._core.messages

    def add(self, message: Message | str, role: str = "user") -> None:
        """Adds a message: a dict, or its text and role."""
        self._require_no_reply()
        self._core.add({"role": role, "content": message} if isinstance(message, str) else dict(message))

    def set_system(self, content: str) -> None:
        """Sets the system message, in place of one that is there."""
        self._require_no_reply()
        self._core.set_system(content)

    def reset(self) -> None:
        """Forgets all messages but the system's."""
        self._require_no_reply()
        self._core.reset()

    def drop_answer(self) -> bool:
        """Takes the last message away if it is the assistant's, so that ``reply`` answers again."""
        self._require_no_reply()
        return self._core.drop_answer()

    @overload
    def ask(self, message: str, *, stream: Literal[False] = False, **options: Any) -> Reply: ...
    @overload
    def ask(self, message: str, *, stream: Literal[True], **options: Any) -> ReplyStream: ...
    def ask(self, message: str, *, stream: bool = False, **options: Any) -> Reply | ReplyStream:
        """Adds the user's message and answers: ``reply`` with its options. After an error the message is gone."""
        self.add(message)
        try:
            return self.reply(stream=stream, **options)
        except BaseException:
            self._core.cancel()
            self._core.drop_user()
            raise

    def reply(self, *, stream: bool = False, max_new_tokens: int | None = None, temperature: float | None = None,
              top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
              typical_p: float | None = None, repetition_penalty: float | None = None,
              presence_penalty: float | None = None, frequency_penalty: float | None = None,
              logit_bias: Mapping[int, float] | None = None, seed: int | None = None) -> Reply | ReplyStream:
        """Answers the messages; the answer becomes a message.

        The options are those of ``Model.generate``; without ``max_new_tokens`` an answer may go on to the end of the
        context. With ``stream`` the result is an iterator over ``Piece``.

        Raises UsageError when the prompt leaves no room in the context, and what the template raises. After an error,
        and after Ctrl-C, the messages are as they were.
        """
        options = self._model._options(
            max_new_tokens=_TO_THE_END if max_new_tokens is None else max_new_tokens, temperature=temperature,
            top_k=top_k, top_p=top_p, min_p=min_p, typical_p=typical_p, repetition_penalty=repetition_penalty,
            presence_penalty=presence_penalty, frequency_penalty=frequency_penalty, logit_bias=logit_bias, seed=seed)
        options.add_end_ids(self._core.end_ids)
        self._core.begin(options)
        answer = ReplyStream(self._core)
        if stream:
            return answer
        try:
            for _ in answer:
                pass
        except BaseException:
            self._core.cancel()
            answer._over = True
            raise
        return answer.result

    def _require_no_reply(self) -> None:
        if self._core.replying:
            raise UsageError("a conversation wanted the end of the answer that is being written")
