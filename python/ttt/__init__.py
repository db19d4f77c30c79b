"""Language models and encoders on CPUs: to run them, and to study them.

    import ttt

    model = ttt.Model("model.gguf")
    print(model.generate("The capital of France is", max_new_tokens=8))

The classes are ``Model``, ``Conversation``, ``Engine``, ``Tokenizer``, ``ChatTemplate`` and ``Sequence``; errors are subclasses of
``Error``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence as _Sequence
from typing import Any

from . import _core
from .blocks import Block, Weight
from .chat import Conversation, Piece, Reply, ReplyStream
from .engine import Completion, Engine, EngineStream, Event
from .errors import (BadDataError, Error, InternalError, IoError, PeerLostError, ResourcesError, UnsupportedError,
                     UsageError)
from .generation import Generation, GenerationStream, Token, TokenLogProb
from .model import Model, Perplexity, Ranked
from .sequence import Sequence
from .taps import Capture, Tap
from .templates import ChatTemplate
from .tokenizer import StreamDecoder, Tokenizer

__version__: str = _core.__version__

__all__ = [
    "BadDataError", "Block", "Capture", "ChatTemplate", "Completion", "Conversation", "Engine",
    "EngineStream", "Error", "Event", "Generation", "GenerationStream",
    "InternalError", "IoError", "Model", "PeerLostError", "Perplexity", "Piece", "Ranked", "Reply", "ReplyStream",
    "ResourcesError", "Sequence", "StreamDecoder", "Tap", "Token", "TokenLogProb", "Tokenizer", "UnsupportedError",
    "UsageError", "Weight", "model_types", "render",
]


def model_types() -> list[str]:
    """The kinds of models that can be loaded: values of ``model_type`` in ``config.json``."""
    return sorted(_core.model_types())


def render(template: Model | ChatTemplate | str | os.PathLike[str], messages: _Sequence[Mapping[str, Any]], *,
           add_generation_prompt: bool = True, tools: _Sequence[Any] | None = None,
           documents: _Sequence[Any] | None = None, time: int | None = None, **variables: Any) -> str:
    """The prompt that a chat template makes of messages.

    Args:
        template: a model, a template, the path of a model, or the text of a template: a str with ``{{`` or ``{%`` in it
            is a text.
        messages: ``{"role": "user", "content": "..."}`` and so on.
        add_generation_prompt, tools, documents, time, variables: as for ``ChatTemplate.render``.
    """
    if isinstance(template, Model):
        template = template.chat_template(with_tools=bool(tools))
    elif isinstance(template, str) and ("{{" in template or "{%" in template):
        template = ChatTemplate(template)
    elif not isinstance(template, ChatTemplate):
        template = ChatTemplate.load(template, with_tools=bool(tools))
    return template.render(messages, add_generation_prompt=add_generation_prompt, tools=tools, documents=documents,
                           time=time, **variables)
