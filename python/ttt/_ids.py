"""Token ids as the module ``_core`` takes them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .errors import UsageError


def as_ids(ids: Iterable[int] | np.ndarray, what: str = "ids") -> np.ndarray:
    """Ids as a contiguous int32 array of one dimension; without a copy where it is one."""
    array = np.asarray(ids if isinstance(ids, (np.ndarray, list, tuple)) else list(ids))
    if array.size == 0:
        return np.zeros(0, np.int32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UsageError(f"{what} wanted integers in one dimension, got {array.dtype} of shape {array.shape}")
    if array.dtype != np.int32:
        if int(array.max()) > 2**31 - 1 or int(array.min()) < -(2**31):
            raise UsageError(f"{what} wanted integers of 32 bits, got {array.min()} to {array.max()}")
        array = array.astype(np.int32)
    return np.ascontiguousarray(array)
