"""The blocks of a model: their paths, what they are and what they write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Weight:
    """A weight of a block.

    Attributes:
        name: its name in the checkpoint.
        shape: its extents.
        format: how its values are stored (``"bf16"``, ``"q4_k"``).
    """

    name: str
    shape: tuple[int, ...]
    format: str


@dataclass(frozen=True)
class Block:
    """A place of a model where a step writes a result, which a tap can see and replace.

    Attributes:
        path: its path (``"model.layers.3.self_attn"``).
        kind: the type of the block (``"Attention"``); None for a place inside a block, such as the projection at the
            end of attention.
        shape: the extents of what it writes; those that depend on the step are ``"rows"``, ``"wanted rows"`` (whose
            outputs are asked for) and ``"source rows"``.
        parameters: the number of its parameters; a weight that an earlier block has too counts there.
        weights: its weights.
        spec: the fields that say what it computes.
        impl: the fields that say how.
    """

    path: str
    kind: str | None
    shape: tuple[int | str, ...]
    parameters: int = 0
    weights: tuple[Weight, ...] = field(default=(), repr=False)
    spec: dict[str, Any] = field(default_factory=dict, repr=False)
    impl: dict[str, Any] = field(default_factory=dict, repr=False)


def block_of(place: dict[str, Any]) -> Block:
    """A Block from what the module ``_core`` says of a place."""
    record = place.get("block")
    shape = tuple(place["shape"])
    if record is None:
        return Block(place["path"], None, shape)
    weights = tuple(Weight(w["name"], tuple(w["shape"]), w["format"]) for w in record["weights"])
    return Block(place["path"], record["kind"], shape, record["parameters"], weights, record["spec"], record["impl"])
