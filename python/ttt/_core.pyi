"""
The library ttt for the package of the same name, whose classes are the interface for users.
"""

from collections.abc import Sequence as _Sequence
from typing import Annotated

import numpy
from numpy.typing import NDArray


class Tokenizer:
    """Text to token ids and back."""

    def __init__(self, path: str) -> None: ...

    def encode(self, text: str, second: str | None, add_special: bool, parse_special: bool, max_ids: int, keep_end: bool) -> tuple[list[int], list[int]]:
        """(ids, token types) of a text or a pair."""

    def decode(self, ids: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], skip_special: bool) -> str:
        """The text of ids."""

    def token_text(self, id: int) -> str:
        """The token as the file spells it."""

    def id_of(self, token: str) -> int | None:
        """The id of a token as the file spells it."""

    def is_token(self, id: int) -> bool:
        """Whether an id is a token."""

    def is_special(self, id: int) -> bool:
        """Whether a token is a special one."""

    @property
    def vocab_size(self) -> int:
        """One more than the highest id."""

    @property
    def added_ids(self) -> list[int]:
        """Ids of added tokens."""

    @property
    def end_ids(self) -> list[int]:
        """Ids that end a generation, of GGUF files."""

    @property
    def bos_id(self) -> int | None:
        """The begin token."""

    @property
    def eos_id(self) -> int | None:
        """The end token."""

    @property
    def eot_id(self) -> int | None:
        """The end of a turn, of GGUF files."""

    @property
    def unk_id(self) -> int | None:
        """The unknown token."""

    @property
    def pad_id(self) -> int | None:
        """The padding token."""

    @property
    def adds_bos(self) -> bool:
        """Whether encode begins with the begin token."""

    @property
    def adds_eos(self) -> bool:
        """Whether encode ends with the end token."""

    @property
    def warnings(self) -> list[str]:
        """Contradictions of the files."""

class StreamDecoder:
    """Decodes ids one by one."""

    def __init__(self, tokenizer: Tokenizer, skip_special: bool) -> None: ...

    def continue_after(self, ids: _Sequence[int]) -> None:
        """Starts after ids, whose text is known."""

    def push(self, id: int) -> str:
        """The text that an id adds."""

    def finish(self) -> str:
        """The text that was held back."""

class ChatTemplate:
    """A chat template."""

    @staticmethod
    def of_model(path: str, name: str | None, with_tools: bool) -> ChatTemplate:
        """One of the templates of a model's directory or file."""

    @staticmethod
    def of_source(source: str, where: str, special_tokens: object) -> ChatTemplate:
        """A template from its text."""

    @property
    def source(self) -> str:
        """Its text."""

    def render(self, request: object, time: int) -> str:
        """The prompt as text. time: for strftime_now; negative: the clock."""

    def render_ids(self, request: object, tokenizer: Tokenizer, time: int) -> list[int]:
        """The prompt as ids: texts of the request never become control tokens."""

def model_types() -> list[str]:
    """The values of config.json's model_type that can be loaded."""

class Model:
    """A loaded model with its threads."""

    def __init__(self, path: str, arguments: object) -> None: ...

    def info(self) -> object:
        """What was loaded and decided, as a dict."""

    def places(self) -> object:
        """Every place of a step in the order of a run, as a list of dicts."""

    def set_taps(self, taps: _Sequence[tuple[str, object, bool, bool]]) -> None:
        """Replaces all taps: tuples (path, function, takes path, gets copy)."""

    def perplexity(self, ids: _Sequence[int], window: int, begin_id: int) -> tuple[float, int]:
        """
        (sum of -log p, predicted tokens) of ids in windows; begin_id < 0: none.
        """

    @property
    def context(self) -> int:
        """Rows of one sequence, at most."""

    @property
    def has_tokenizer(self) -> bool:
        """Whether the model's files hold a tokenizer."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model's files."""

def outputs(model: Model, ids: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], last: int | None, token_types: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, source: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None) -> Annotated[NDArray[numpy.float32], dict(order='C')]:
    """Outputs of one sequence: float32 [rows, size], without a copy."""

def outputs_of_many(model: Model, sequences: _Sequence[Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)]], last: int | None) -> list[Annotated[NDArray[numpy.float32], dict(order='C')]]:
    """Outputs of many sequences: an array for each, over one memory."""

def outputs_of_pixels(model: Model, pixels: Annotated[NDArray[numpy.float32], dict(order='C', device='cpu', writable=False)]) -> Annotated[NDArray[numpy.float32], dict(order='C')]:
    """
    Outputs of an image model for normalised pixels [channels, height, width].
    """

class Sequence:
    """The rows of one sequence, which goes on step by step."""

    def __init__(self, model: Model, forks: int) -> None: ...

    def extend(self, ids: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], last: int) -> Annotated[NDArray[numpy.float32], dict(order='C')]:
        """Adds ids; outputs of the last rows."""

    def fork(self) -> Sequence:
        """Another sequence with the same rows."""

    def truncate(self, length: int) -> None:
        """Removes the rows from length on."""

    @property
    def length(self) -> int:
        """Rows that it holds."""

class GenerateOptions:
    """How tokens are chosen and when a generation ends."""

    def __init__(self, model: Model, arguments: object) -> None: ...

    def add_end_ids(self, ids: _Sequence[int]) -> None:
        """Further ids that end a generation."""

    def constrain(self, model: Model, kind: str, value: object) -> None:
        """What the text must keep to: json, schema, regex or grammar."""

class GenerationStream:
    """A continuation, token by token."""

    def __init__(self, model: Model, prompt: _Sequence[int], options: GenerateOptions, source: _Sequence[int]) -> None: ...

    def next(self) -> tuple[int, str | None, float, list[tuple[int, float]]] | None:
        """
        (id, text, log-probability, top) of the next token; None at the end. id -1: text only.
        """

    def close(self) -> None:
        """Ends it where it is, and lets go of its memory."""

    @property
    def reason(self) -> str:
        """Why it ended: end, length, context or stopped."""

def decoder_start_id(model: Model) -> int:
    """What the decoder of an encoder-decoder begins with."""

def answer_end_ids(model: Model, template: ChatTemplate, variables: object) -> list[int]:
    """Ids that end an answer of a conversation."""

class Conversation:
    """Messages, and the rows of their tokens."""

    def __init__(self, model: Model, template: ChatTemplate, variables: object, drop_oldest: bool) -> None: ...

    def add(self, message: object) -> None:
        """Adds a message."""

    def set_system(self, content: str) -> None:
        """Sets the system message."""

    def reset(self) -> None:
        """Forgets all but the system message."""

    def drop_answer(self) -> bool:
        """Takes the last message away if it is the assistant's."""

    def drop_user(self) -> bool:
        """Takes the last message away if it is the user's."""

    @property
    def messages(self) -> object:
        """The messages, as dicts."""

    @property
    def replying(self) -> bool:
        """Whether an answer is being written."""

    @property
    def end_ids(self) -> list[int]:
        """Ids that end an answer besides those of the model's files."""

    def begin(self, options: GenerateOptions) -> None:
        """Begins the answer to the messages."""

    def next(self) -> list[tuple[bool, str]] | None:
        """
        (is reasoning, text) of what the next step adds; None when the answer is complete.
        """

    def cancel(self) -> None:
        """Forgets the answer that is being written."""

    def end(self) -> dict:
        """The answer as it is now, as a dict; it becomes a message."""

def embed(model: Model, texts: _Sequence[str], batch: int) -> Annotated[NDArray[numpy.float32], dict(order='C')]:
    """Embeddings of texts: float32 [texts, width], without a copy."""

def classify(model: Model, texts: _Sequence[tuple[str, str | None]]) -> list[list[float]]:
    """Scores of every class for texts, or for pairs of texts."""

def labels(model: Model) -> list[str]:
    """The names of the classes."""

class EngineWaker:
    """Tells a waiting thread or event loop that there may be events."""

    def __init__(self) -> None: ...

    @property
    def descriptor(self) -> int:
        """A file descriptor, readable when there may be events."""

    def clear(self) -> None:
        """Makes the descriptor unreadable, before one looks for events."""

class EngineStream:
    """A request."""

    def poll(self) -> dict | None:
        """The next event if there is one now."""

    def next(self) -> dict | None:
        """The next event; None after the last one."""

    def cancel(self) -> None:
        """Ends the request within one step."""

    def usage(self) -> dict:
        """Counts and times."""

    @property
    def done(self) -> bool:
        """Whether all events were taken."""

class Engine:
    """Many requests on one model."""

    def __init__(self, model: Model, sequences: int, context: int, step_rows: int, state_bytes: int, waiting: int, prefix_cache: bool, speculate: int, threads: int) -> None: ...

    def submit(self, prompt: _Sequence[int], options: GenerateOptions, request: object, waker: EngineWaker) -> EngineStream:
        """Puts a request into the queue."""

    def stats(self) -> dict:
        """Counts since the start."""

    def drain(self) -> None:
        """Takes no further requests, and waits for the others."""

    def close(self) -> None:
        """Cancels what runs, and ends the engine."""

    @property
    def context(self) -> int:
        """Tokens of one sequence, at most."""
