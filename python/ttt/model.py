"""Models."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np

from . import _core
from ._ids import as_ids
from .blocks import Block, block_of
from .chat import Conversation, Reply, ReplyStream
from .errors import UnsupportedError, UsageError
from .generation import Generation, GenerationStream, checked_stop
from .sequence import Sequence as ModelSequence
from .taps import Capture, Tap, TapFunction, matching
from .templates import ChatTemplate, Message
from .tokenizer import Tokenizer

Ids = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Ranked:
    """A passage and how well it answers the query: its index among the passages, the score, the text."""

    index: int
    score: float
    text: str


class Perplexity(float):
    """A perplexity: exp(nll / tokens).

    Attributes:
        nll: the sum of -log p of the predicted tokens, natural logarithm.
        tokens: how many tokens were predicted.
        window: tokens of one window.
    """

    nll: float
    tokens: int
    window: int

    def __new__(cls, nll: float, tokens: int, window: int) -> Perplexity:
        self = super().__new__(cls, np.exp(nll / tokens) if tokens else float("nan"))
        self.nll, self.tokens, self.window = nll, tokens, window
        return self


class Model:
    """A model from a Hugging Face directory or a GGUF file, with threads of its own.

    Any number of Python threads may use a model: what they compute runs one after the other, without the interpreter's
    lock. A model cannot be used in a process that was forked after it was loaded.
    """

    def __init__(self, path: str | os.PathLike[str], *, format: str = "auto", kv_format: str | None = None,
                 strategy: str = "default", ctx: int = 0, threads: int = 0, chunk: int = 512, isa: str | None = None,
                 impl: Mapping[str, Mapping[str, Any]] | None = None,
                 output: Literal["logits", "hidden states", "classes", "token classes"] | None = None,
                 source_rows: int = 0, strict: bool = False, allow_unknown_keys: bool = False, mmap: bool = True) -> None:
        """Loads a model.

        Args:
            path: a Hugging Face directory or a ``.gguf`` file.
            format: the format of the weights: ``"auto"`` (as stored), ``"f32"``, ``"bf16"``, ``"f16"``, ``"int8"``,
                ``"int4"``, ``"bfp8_b"``, ``"bfp4_b"``.
            kv_format: the format of keys and values: ``"f32"``, ``"bf16"``, ``"int8"``, ``"bfp8_b"``; else the
                strategy's.
            strategy: ``"default"``, ``"performance"``, ``"accuracy"``, ``"memory"``, ``"reference"`` or
                ``"invariant"``.
            ctx: tokens of one sequence, at most. 0: what the model was trained for, but at most 4096.
            threads: threads that compute; 0: one for each core that the process may use.
            chunk: tokens of one step, at most; longer prompts are split.
            isa: the highest instruction set, else that of the machine.
            impl: further choices of how to compute, by block path.
            output: what the model must compute, for checkpoints with several heads or none.
            source_rows: tokens that the encoder of an encoder-decoder reads, at most; 0: as in its configuration.
            strict: refuse tensors that are not used, contradictions, and keys without effect.
            allow_unknown_keys: ignore keys of the configuration that are not understood.
            mmap: use the files where they are instead of copying them into memory.

        Contradictions that were resolved are reported as warnings. Raises IoError, BadDataError, UnsupportedError, and
        ResourcesError where weights and a run do not fit into memory.
        """
        self.path = os.fspath(path)
        self._core = _core.Model(self.path, {
            "format": format, "kv_format": kv_format, "strategy": strategy, "ctx": ctx, "threads": threads,
            "chunk": chunk, "isa": isa, "impl": impl, "output": output, "source_rows": source_rows, "strict": strict,
            "allow_unknown_keys": allow_unknown_keys, "mmap": mmap})
        self._tokenizer: Tokenizer | None = None
        self._blocks: list[Block] | None = None
        self._taps: list[Tap] = []
        self._taps_lock = threading.Lock()
        for warning in self.info["warnings"]:
            warnings.warn(warning, stacklevel=2)

    # ---- what it is ----------------------------------------------------------------------------------------------

    @property
    def info(self) -> dict[str, Any]:
        """What was loaded and decided.

        Keys: ``path``, ``family`` (model_type), ``config``, ``generation_config``, ``parameters``, ``vocab_size``,
        ``output`` (``"logits"``, ``"hidden states"``, ``"classes"``, ``"token classes"``), ``output_size``,
        ``input_size`` (of image models), ``has_encoder``, ``context``, ``max_rows``, ``chunk``, ``threads``,
        ``strategy``, ``isa``, ``memory`` (bytes of the weights and of the run of one sequence), ``warnings``,
        ``notes``.
        """
        return self._core.info()

    @property
    def context(self) -> int:
        """Tokens of one sequence, at most."""
        return self._core.context

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model's files. BadDataError where they hold none."""
        if self._tokenizer is None:
            self._tokenizer = Tokenizer._of(self._core.tokenizer)
        return self._tokenizer

    def chat_template(self, name: str | None = None, *, with_tools: bool = False) -> ChatTemplate:
        """The chat template of the model's files: ``ChatTemplate.load``."""
        return ChatTemplate.load(self.path, name, with_tools=with_tools)

    def blocks(self, pattern: str = "*") -> list[Block]:
        """The places where a step writes a result, in that order, whose paths fit a pattern of ``fnmatch``."""
        if self._blocks is None:
            self._blocks = [block_of(place) for place in self._core.places()]
        if pattern == "*":
            return list(self._blocks)
        chosen = set(matching(self._paths(), pattern))
        return [b for b in self._blocks if b.path in chosen]

    def _paths(self) -> list[str]:
        return [b.path for b in self.blocks()]

    # ---- outputs -------------------------------------------------------------------------------------------------

    @overload
    def logits(self, ids: Ids, *, last: int | None = None, source: Ids | None = None) -> np.ndarray: ...
    @overload
    def logits(self, ids: Sequence[Ids], *, last: int | None = None) -> list[np.ndarray]: ...
    def logits(self, ids: Ids | Sequence[Ids], *, last: int | None = None,
               source: Ids | None = None) -> np.ndarray | list[np.ndarray]:
        """The logits of token ids, as the model computes them: float32, without a copy.

        The arrays own their memory, and may be kept and changed.

        Args:
            ids: the ids of one sequence, or a batch: a list of sequences of any length, or an array [n, rows].
            last: only the last rows of every sequence; else all.
            source: the ids that the encoder of an encoder-decoder reads; ``ids`` are the decoder's.

        Returns:
            An array [rows, vocabulary] for one sequence; for a list, a list of such arrays; for an array [n, rows], an
            array [n, rows, vocabulary]. Arrays of a batch share one memory, which lives as long as any of them.

        Raises UnsupportedError for a model whose output is something else: ``outputs`` has it.
        """
        kind = self.info["output"]
        if kind != "logits":
            raise UnsupportedError(f"logits wanted a model whose output is logits, got {kind}; Model.outputs has these")
        return self.outputs(ids, last=last, source=source)

    @overload
    def outputs(self, ids: Ids | None = None, *, last: int | None = None, source: Ids | None = None,
                token_types: Ids | None = None, pixels: np.ndarray | None = None) -> np.ndarray: ...
    @overload
    def outputs(self, ids: Sequence[Ids], *, last: int | None = None) -> list[np.ndarray]: ...
    def outputs(self, ids: Ids | Sequence[Ids] | None = None, *, last: int | None = None, source: Ids | None = None,
                token_types: Ids | None = None,
                pixels: np.ndarray | None = None) -> np.ndarray | list[np.ndarray]:
        """The outputs of any model: logits, hidden states, or the classes of a sequence (one row).

        As ``logits``; also:

        Args:
            token_types: the types of the tokens of one sequence (segment ids), for models that tell them apart.
            pixels: for image models, in place of ids: normalised values [channels, height, width], float32.
        """
        if pixels is not None:
            if ids is not None or last is not None or source is not None or token_types is not None:
                raise UsageError("pixels exclude ids, last, source and token_types")
            return _core.outputs_of_pixels(self._core, np.ascontiguousarray(pixels, np.float32))
        if ids is None:
            raise UsageError("outputs wanted ids or pixels, got neither")
        if not _is_batch(ids):
            return _core.outputs(self._core, as_ids(ids), last,
                                 None if token_types is None else as_ids(token_types, "token_types"),
                                 None if source is None else as_ids(source, "source"))
        if source is not None or token_types is not None:
            raise UsageError("source and token_types wanted one sequence, got a batch")
        arrays = _core.outputs_of_many(self._core, [as_ids(i) for i in ids], last)
        if not isinstance(ids, np.ndarray) or not arrays:
            return arrays
        first = arrays[0]  # equally long rows lie one behind the other
        return np.lib.stride_tricks.as_strided(first, (len(arrays), *first.shape), (first.nbytes, *first.strides))

    def sequence(self, ids: Ids = (), *, forks: int = 0) -> ModelSequence:
        """A sequence that goes on step by step and keeps its state.

        Args:
            ids: its first tokens.
            forks: how many forks of it may be alive at the same time, for which memory is kept.
        """
        sequence = ModelSequence(self, forks)
        if len(ids):
            sequence.extend(ids)
        return sequence

    # ---- generation ----------------------------------------------------------------------------------------------

    def _options(self, **options: Any) -> _core.GenerateOptions:
        if (seed := options.get("seed")) is None:
            options["seed"] = int.from_bytes(os.urandom(4), "little")
        elif not 0 <= seed < 1 << 63:
            raise UsageError(f"seed wanted 0 to 2^63 - 1, got {seed}")
        if options.get("logit_bias") is not None:
            options["logit_bias"] = [{"id": int(i), "bias": float(b)} for i, b in options["logit_bias"].items()]
        return _core.GenerateOptions(self._core, {k: v for k, v in options.items() if v is not None})

    def _constrain(self, options: _core.GenerateOptions, json: bool, schema: Mapping[str, Any] | bool | None,
                   regex: str | None, grammar: str | None) -> None:
        asked = [(kind, value) for kind, value in (("json", json or None), ("schema", schema), ("regex", regex),
                                                   ("grammar", grammar)) if value is not None]
        if len(asked) > 1:
            raise UsageError(f"{asked[0][0]} and {asked[1][0]} exclude each other")
        for kind, value in asked:
            options.constrain(self._core, kind, value)

    @overload
    def generate(self, prompt: str | Ids, *, stream: Literal[False] = False, **options: Any) -> Generation: ...
    @overload
    def generate(self, prompt: str | Ids, *, stream: Literal[True], **options: Any) -> GenerationStream: ...
    def generate(self, prompt: str | Ids, *, stream: bool = False, max_new_tokens: int = 256,
                 temperature: float | None = None, top_k: int | None = None, top_p: float | None = None,
                 min_p: float | None = None, typical_p: float | None = None, repetition_penalty: float | None = None,
                 presence_penalty: float | None = None, frequency_penalty: float | None = None,
                 logit_bias: Mapping[int, float] | None = None, bad_words: Sequence[Sequence[int]] | None = None,
                 seed: int | None = None, log_probs: int | None = None, stop: str | Sequence[str] | None = None,
                 end_ids: Sequence[int] | None = None, ignore_end: bool = False,
                 ignore_generation_config: bool = False, add_special: bool = True,
                 source: str | Ids | None = None, json: bool = False, schema: Mapping[str, Any] | bool | None = None,
                 regex: str | None = None, grammar: str | None = None) -> Generation | GenerationStream:
        """Continues a prompt.

        What is not given is as in the model's ``generation_config.json``, and without one the most likely token is
        taken.

        Args:
            prompt: a text or ids. For an encoder-decoder the text that its encoder reads; with ``source`` the begin of
                the decoder's text.
            stream: give tokens one by one, as an iterator over ``Token``.
            max_new_tokens: tokens to generate, at most.
            temperature: 0: the most likely token.
            top_k: sample from the k most likely; 0: from all.
            top_p: sample from the most likely that add up to p.
            min_p: drop tokens less likely than p times the most likely.
            typical_p: locally typical sampling.
            repetition_penalty: divides scores of tokens that were seen; 1: off.
            presence_penalty: subtracted from scores of tokens that were generated.
            frequency_penalty: the same, for every time that they were.
            logit_bias: added to the scores of tokens, by id; ``-inf`` excludes one.
            bad_words: sequences of ids that must not be generated.
            seed: the same seed draws the same tokens; else a random one.
            log_probs: give the log-probability of every token, and those of so many most likely ones.
            stop: texts before which the generation ends.
            end_ids: tokens before which it ends, in place of those of the model's files.
            ignore_end: go on past end tokens.
            ignore_generation_config: as if there were no ``generation_config.json``.
            add_special: add begin tokens to a prompt that is a text.
            source: the text or ids that the encoder of an encoder-decoder reads.
            json: the text must be a JSON object.
            schema: the text must be a JSON value that this JSON schema describes.
            regex: the text must match this regular expression as a whole.
            grammar: the text must be of the language of this grammar, in llama.cpp's notation (GBNF).
        """
        ids, source_ids = self._prompt(prompt, source, add_special)
        texts = checked_stop(stop, self._core.has_tokenizer)
        options = self._options(
            max_new_tokens=max_new_tokens, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p,
            typical_p=typical_p, repetition_penalty=repetition_penalty, presence_penalty=presence_penalty,
            frequency_penalty=frequency_penalty, logit_bias=logit_bias,
            bad_words=None if bad_words is None else [list(w) for w in bad_words], seed=seed, log_probs=log_probs,
            end_ids=None if end_ids is None else list(end_ids), ignore_end=ignore_end,
            ignore_generation_config=ignore_generation_config)
        self._constrain(options, json, schema, regex, grammar)
        core = _core.GenerationStream(self._core, ids, options, source_ids)
        tokens = GenerationStream(core, ids, texts, log_probs is not None)
        if stream:
            return tokens
        for _ in tokens:
            pass
        return tokens.result

    def _prompt(self, prompt: str | Ids, source: str | Ids | None, add_special: bool) -> tuple[list[int], list[int]]:
        def ids_of(text: str | Ids, what: str) -> list[int]:
            return self.tokenizer.encode(text, add_special=add_special) if isinstance(text, str) else as_ids(
                text, what).tolist()

        if source is not None:
            return ids_of(prompt, "prompt"), ids_of(source, "source")
        ids = ids_of(prompt, "prompt")
        return ([_core.decoder_start_id(self._core)], ids) if self.info["has_encoder"] else (ids, [])

    @overload
    def chat(self, messages: str | Sequence[Message], *, stream: Literal[False] = False, **options: Any) -> Reply: ...
    @overload
    def chat(self, messages: str | Sequence[Message], *, stream: Literal[True], **options: Any) -> ReplyStream: ...
    def chat(self, messages: str | Sequence[Message], *, stream: bool = False, system: str | None = None,
             tools: Sequence[Any] | None = None, documents: Sequence[Any] | None = None,
             template: ChatTemplate | str | None = None, variables: Mapping[str, Any] | None = None,
             **options: Any) -> Reply | ReplyStream:
        """Answers messages, or one user's message, through the model's chat template.

        ``Conversation`` keeps the state of the model between answers; this begins anew.

        Args:
            messages: ``{"role": "user", "content": "..."}`` and so on, or the text of the user's message.
            stream: give the answer in pieces, as an iterator over ``Piece``.
            system, tools, documents, template: as for ``Conversation``.
            variables: variables of the template, such as ``{"enable_thinking": False}``.
            options: those of ``Conversation.reply``.
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        conversation = Conversation(self, messages, system=system, template=template, tools=tools,
                                    documents=documents, **(variables or {}))
        return conversation.reply(stream=stream, **options)

    # ---- encoders ------------------------------------------------------------------------------------------------

    def embed(self, texts: str | Iterable[str], *, batch: int = 32) -> np.ndarray:
        """Embeddings of texts as sentence-transformers computes them: float32 [n, width]; of one text [width].

        Args:
            texts: the texts; what is longer than the model takes is cut.
            batch: texts of one step, at most.

        Raises UnsupportedError for a model whose output is not hidden states.
        """
        if isinstance(texts, str):
            return _core.embed(self._core, [texts], 1)[0]
        return _core.embed(self._core, list(texts), batch)

    @property
    def labels(self) -> list[str]:
        """The names of the classes of a model that classifies."""
        return _core.labels(self._core)

    def classify(self, texts: str | tuple[str, str] | Sequence[str | tuple[str, str]]) -> Any:
        """The probabilities of every class for a text, for a pair of texts, or for a list of these.

        Returns:
            A dict from label to probability; for a list, a list of such dicts.

        Raises UnsupportedError for a model without such a head.
        """
        one = isinstance(texts, (str, tuple))
        pairs = [(t, None) if isinstance(t, str) else (t[0], t[1]) for t in ([texts] if one else texts)]
        labels = self.labels
        found = [dict(zip(labels, scores)) for scores in _core.classify(self._core, pairs)]
        return found[0] if one else found

    def rerank(self, query: str, passages: Sequence[str], *, top_n: int | None = None) -> list[Ranked]:
        """Passages by how well they answer a query, best first.

        Args:
            query: the question.
            passages: what is compared with it.
            top_n: only the best of them.

        Raises UnsupportedError for a model that has not exactly one class.
        """
        if len(self.labels) != 1:
            raise UnsupportedError(f"rerank wanted a model with one class, got {len(self.labels)}")
        passages = list(passages)
        scores = [row[0] for row in _core.classify(self._core, [(query, p) for p in passages])]
        order = sorted(range(len(passages)), key=lambda i: -scores[i])
        return [Ranked(i, scores[i], passages[i]) for i in order[:top_n]]

    # ---- measures ------------------------------------------------------------------------------------------------

    def perplexity(self, text: str | Ids, *, window: int | None = None, add_special: bool = True) -> Perplexity:
        """exp of the mean negative log-likelihood of a text's tokens given those before them in their window.

        Args:
            text: a text or ids.
            window: tokens of one window; windows do not overlap. Else 2048, or the context where that is shorter.
            add_special: begin every window with the begin token, where the tokenizer adds one.
        """
        window = min(2048, self.context) if window is None else window
        begin = -1
        if self._core.has_tokenizer and add_special and self.tokenizer.adds_bos:
            begin = self.tokenizer.bos_id if self.tokenizer.bos_id is not None else -1
        ids = self.tokenizer.encode(text, add_special=False) if isinstance(text, str) else as_ids(text).tolist()
        if len(ids) < 2:
            raise UsageError(f"perplexity wanted at least 2 tokens, got {len(ids)}")
        return Perplexity(*self._core.perplexity(ids, window, begin), window)

    # ---- observation ---------------------------------------------------------------------------------------------

    def tap(self, functions: Mapping[str, TapFunction], *, copy: bool = True) -> Tap:
        """Calls functions with what blocks write; they may replace it.

        ``functions`` maps a path, or a pattern of ``fnmatch`` for paths (``"model.layers.*.mlp"``), to a function. It
        is called with a float32 array [rows, width] at every step, and, if it takes two arguments, with the path.
        It returns None, or an array of the same shape and type that replaces the output. An exception ends the run.

        A block that adds its result to the residual stream writes the stream: at ``"model.layers.3.self_attn"`` a
        function sees the stream after attention. What attention adds is seen at its last projection,
        ``"model.layers.3.self_attn.o_proj"``.

        Rows are the tokens of one step: a prompt longer than ``chunk`` comes in several calls, and so does every token
        that is generated. Of several taps at one place the first that was set is called first.

        Args:
            functions: the functions.
            copy: give every function a copy that it may keep. False: the memory itself, which is valid during the call
                only; writing into it changes the output.

        Returns:
            A ``Tap``; ``remove()`` or the end of a ``with`` statement takes the functions away.

        Raises UsageError naming a pattern that fits no place.
        """
        return Tap(self, functions, copy)

    def capture(self, *patterns: str) -> Capture:
        """Keeps what blocks write, by path, until ``remove()`` or the end of a ``with`` statement.

        Args:
            patterns: paths, or patterns of ``fnmatch``; none: all places.
        """
        return Capture(self, patterns or ("*",))

    def _add_tap(self, tap: Tap) -> None:
        with self._taps_lock:
            self._set_taps([*self._taps, tap])

    def _remove_tap(self, tap: Tap) -> None:
        with self._taps_lock:
            if tap in self._taps:
                self._set_taps([t for t in self._taps if t is not tap])

    def _set_taps(self, taps: list[Tap]) -> None:
        self._core.set_taps([entry for tap in taps for entry in tap._entries])
        self._taps = taps

    def __repr__(self) -> str:
        info = self.info
        return f"<ttt.Model {info['family']}, {info['parameters']:,} parameters, context {info['context']}>"


def _is_batch(ids: Any) -> bool:
    if isinstance(ids, np.ndarray):
        return ids.ndim == 2
    return len(ids) > 0 and isinstance(ids[0], (Sequence, np.ndarray))
