"""Chat templates: from messages to the prompt that a model was trained on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _core
from .tokenizer import Tokenizer

Message = Mapping[str, Any]


class ChatTemplate:
    """A chat template in the language of Jinja2, as Hugging Face models have it."""

    def __init__(self, source: str, *, special_tokens: Mapping[str, str] | None = None,
                 name: str = "template") -> None:
        """A template from its text.

        Args:
            source: the template.
            special_tokens: variables such as ``bos_token`` that every template sees.
            name: how errors call it.
        """
        self._core = _core.ChatTemplate.of_source(source, name, dict(special_tokens or {}))

    @classmethod
    def load(cls, path: str | os.PathLike[str], name: str | None = None, *, with_tools: bool = False) -> ChatTemplate:
        """The template of a model's directory or GGUF file; weights are not read.

        Args:
            path: the model.
            name: which of several templates; else ``tool_use`` where there are tools, else ``default``.
            with_tools: whether it will be used with tools.

        Raises UnsupportedError where the model has none.
        """
        self = cls.__new__(cls)
        self._core = _core.ChatTemplate.of_model(os.fspath(path), name, with_tools)
        return self

    @property
    def source(self) -> str:
        """The text of the template."""
        return self._core.source

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool = True,
               tools: Sequence[Any] | None = None, documents: Sequence[Any] | None = None, time: int | None = None,
               **variables: Any) -> str:
        """The prompt for messages.

        Args:
            messages: ``{"role": "user", "content": "..."}`` and so on.
            add_generation_prompt: end with what opens the assistant's answer.
            tools: descriptions of functions that the model may call, as the OpenAI API has them.
            documents: texts that the template shows to the model.
            time: seconds since 1970 for templates that write the date; else the clock.
            variables: any further variables of the template.
        """
        return self._core.render(_request(messages, add_generation_prompt, tools, documents, variables),
                                 -1 if time is None else time)

    def encode(self, messages: Sequence[Message], tokenizer: Tokenizer, *, add_generation_prompt: bool = True,
               tools: Sequence[Any] | None = None, documents: Sequence[Any] | None = None, time: int | None = None,
               **variables: Any) -> list[int]:
        """The ids of the prompt. Text of the messages never becomes a control token, whatever it spells."""
        return self._core.render_ids(_request(messages, add_generation_prompt, tools, documents, variables),
                                     tokenizer._core, -1 if time is None else time)

    def __repr__(self) -> str:
        return f"<ttt.ChatTemplate of {len(self.source)} characters>"


def _request(messages: Iterable[Message], add_generation_prompt: bool, tools: Sequence[Any] | None,
             documents: Sequence[Any] | None, variables: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"messages": [dict(m) for m in messages], "add_generation_prompt": add_generation_prompt}
    if tools is not None:
        request["tools"] = list(tools)
    if documents is not None:
        request["documents"] = list(documents)
    request.update(variables)
    return request
