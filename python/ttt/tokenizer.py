"""Text to token ids and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

from . import _core
from ._ids import as_ids


class Tokenizer:
    """The tokenizer of a model: of a Hugging Face directory or of a GGUF file.

    Ids agree with the Hugging Face ``tokenizers`` library. A tokenizer is constant, and any number of threads may use
    it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Reads the tokenizer of the directory or ``.gguf`` file at ``path``; weights are not read.

        Raises BadDataError where there is none, and UnsupportedError naming a kind that is not supported.
        """
        self._core = _core.Tokenizer(os.fspath(path))

    @classmethod
    def _of(cls, core: _core.Tokenizer) -> Tokenizer:
        self = cls.__new__(cls)
        self._core = core
        return self

    def encode(self, text: str, pair: str | None = None, *, add_special: bool = True, parse_special: bool = True,
               max_ids: int = 0, keep_end: bool = False) -> list[int]:
        """The ids of a text, or of a pair of texts such as a question and a passage.

        Args:
            text: the text.
            pair: a second text, joined as the tokenizer's files say.
            add_special: add begin and end tokens, if the files have them.
            parse_special: the text of a special token is that token; without, it is ordinary text. Use False for texts
                that somebody else wrote.
            max_ids: cut what is longer; 0: any length.
            keep_end: cut at the beginning instead of at the end.
        """
        return self._core.encode(text, pair, add_special, parse_special, max_ids, keep_end)[0]

    def encode_with_types(self, text: str, pair: str | None = None, *, add_special: bool = True,
                          parse_special: bool = True, max_ids: int = 0,
                          keep_end: bool = False) -> tuple[list[int], list[int]]:
        """As ``encode``, with the token types (segment ids) for the model's embedding."""
        return self._core.encode(text, pair, add_special, parse_special, max_ids, keep_end)

    def decode(self, ids: Iterable[int] | np.ndarray, *, skip_special: bool = False) -> str:
        """The text of ids; bytes that form no character are U+FFFD. UsageError names an id that is no token."""
        return self._core.decode(as_ids(ids), skip_special)

    def stream_decoder(self, *, skip_special: bool = False) -> StreamDecoder:
        """A decoder that takes ids one by one and never ends a piece within a character."""
        return StreamDecoder(self, skip_special=skip_special)

    @overload
    def token(self, ids: int) -> str: ...
    @overload
    def token(self, ids: Iterable[int]) -> list[str]: ...
    def token(self, ids: int | Iterable[int]) -> str | list[str]:
        """The token of an id, or the tokens of ids, as the files spell them (``"Ġthe"``)."""
        if isinstance(ids, (int, np.integer)):
            return self._core.token_text(int(ids))
        return [self._core.token_text(int(i)) for i in ids]

    @overload
    def id(self, tokens: str) -> int | None: ...
    @overload
    def id(self, tokens: Iterable[str]) -> list[int | None]: ...
    def id(self, tokens: str | Iterable[str]) -> int | None | list[int | None]:
        """The id of a token, or the ids of tokens, as the files spell them; None for what is no token."""
        if isinstance(tokens, str):
            return self._core.id_of(tokens)
        return [self._core.id_of(t) for t in tokens]

    def is_token(self, id: int) -> bool:
        """Whether an id is a token: a vocabulary may have gaps."""
        return self._core.is_token(id)

    def is_special(self, id: int) -> bool:
        """Whether a token is a special one, such as the end of a text."""
        return self._core.is_special(id)

    def __len__(self) -> int:
        """One more than the highest id."""
        return self._core.vocab_size

    @property
    def vocab_size(self) -> int:
        """One more than the highest id."""
        return self._core.vocab_size

    @property
    def special_tokens(self) -> dict[str, int]:
        """The tokens that the files name, by their role: ``bos``, ``eos``, ``eot``, ``unk``, ``pad``."""
        found = {"bos": self._core.bos_id, "eos": self._core.eos_id, "eot": self._core.eot_id,
                 "unk": self._core.unk_id, "pad": self._core.pad_id}
        return {name: id for name, id in found.items() if id is not None}

    @property
    def added_tokens(self) -> dict[str, int]:
        """The tokens that are found in a text before the model of the tokenizer sees it, with their ids."""
        return {self._core.token_text(id): id for id in self._core.added_ids}

    @property
    def end_ids(self) -> list[int]:
        """Ids that end a generation by the tokenizer's files: GGUF files name them."""
        return self._core.end_ids

    @property
    def bos_id(self) -> int | None:
        """The begin token, if the files name one."""
        return self._core.bos_id

    @property
    def eos_id(self) -> int | None:
        """The end token, if the files name one."""
        return self._core.eos_id

    @property
    def pad_id(self) -> int | None:
        """The padding token, if the files name one."""
        return self._core.pad_id

    @property
    def adds_bos(self) -> bool:
        """Whether ``encode`` begins with the begin token."""
        return self._core.adds_bos

    @property
    def adds_eos(self) -> bool:
        """Whether ``encode`` ends with the end token."""
        return self._core.adds_eos

    def __repr__(self) -> str:
        return f"<ttt.Tokenizer of {self.vocab_size} ids>"


class StreamDecoder:
    """Decodes ids one by one: the pieces and ``finish()`` together are ``decode`` of all ids."""

    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool = False) -> None:
        """A decoder at the begin of a text."""
        self._core = _core.StreamDecoder(tokenizer._core, skip_special)

    def continue_after(self, ids: Sequence[int]) -> None:
        """Starts after ``ids``, whose text is known: the pieces are its continuation."""
        self._core.continue_after(list(ids))

    def push(self, id: int) -> str:
        """The text that an id adds: whole characters, often none."""
        return self._core.push(id)

    def finish(self) -> str:
        """The text that was held back; call it once, at the end."""
        return self._core.finish()

    def pieces(self, ids: Iterable[int]) -> Iterator[str]:
        """The pieces of all ids with the text at the end, those that are not empty."""
        for id in ids:
            if piece := self.push(id):
                yield piece
        if piece := self.finish():
            yield piece
