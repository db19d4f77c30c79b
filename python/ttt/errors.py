"""Exceptions of the library: a class for each kind of error, with the parts of its message as attributes."""

from __future__ import annotations


class Error(Exception):
    """An error of the library.

    The text is ``WHERE: [BLOCK] FIELD wanted WANTED, got GOT (NOTE)``; the parts that are known are attributes, the
    others are empty.

    Attributes:
        kind: the name of the kind: ``"usage"``, ``"bad data"``, ``"io"``, ``"resources"``, ``"unsupported"``,
            ``"peer lost"`` or ``"internal"``.
        code: the number of the kind, with which the program ``ttt`` exits.
        where: the file, option or argument.
        block: the path of the block of a model.
        field: the field of the file, of a block's specification or of the weights.
        wanted: what was wanted.
        got: what was found.
        note: what else there is to say.
    """

    kind: str = "internal"
    code: int = 1
    where: str = ""
    block: str = ""
    field: str = ""
    wanted: str = ""
    got: str = ""
    note: str = ""


class InternalError(Error):
    """A defect of the library."""


class UsageError(Error, ValueError):
    """An invalid argument, option or combination."""

    kind = "usage"
    code = 2


class BadDataError(Error, ValueError):
    """A file or an input that contradicts itself or its format."""

    kind = "bad data"
    code = 3


class IoError(Error, OSError):
    """A file that cannot be read."""

    kind = "io"
    code = 4


class ResourcesError(Error, MemoryError):
    """Not enough memory, or no room for another request."""

    kind = "resources"
    code = 5


class UnsupportedError(Error, NotImplementedError):
    """Valid, but not supported by the library."""

    kind = "unsupported"
    code = 6


class PeerLostError(Error, ConnectionError):
    """Another process of the same job failed or was lost."""

    kind = "peer lost"
    code = 7


_CLASSES = (InternalError, UsageError, BadDataError, IoError, ResourcesError, UnsupportedError, PeerLostError)
_BY_CODE = {cls.code: cls for cls in _CLASSES}


def _make(code: int, message: str, where: str, block: str, field: str, wanted: str, got: str, note: str) -> Error:
    """The exception for an error of the library; called by the module ``_core``."""
    error = _BY_CODE.get(code, InternalError)(message)
    error.where, error.block, error.field = where, block, field
    error.wanted, error.got, error.note = wanted, got, note
    return error
