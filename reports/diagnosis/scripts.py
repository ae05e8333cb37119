"""A script is a list of requests, and every array in its replies is an observation of one component of a BatchNorm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bnspec.case import Array
from bnspec.protocol import Message
from bnspec.reports.rerun import requests
from bnspec.reports.trace import Step

PARTS = {"forward": ("y",), "running": ("mean", "var"), "backward": ("dx", "dgamma", "dbeta")}
"""The arrays in the reply to an operation."""

RUNNING = {"mean": "running_mean", "var": "running_var"}
"""The components that the two arrays of the state are."""

IMPURE = ("x-changed", "dy-changed", "y-changed-later")
"""What a call may not do to arrays that are not its own."""


@dataclass(frozen=True, eq=False)
class Script:
    """Requests that are asked one after the other, the layers in them all of its own.

    about   what is special about it, in words;  edge: whether all that differs is an edge case
    origin  the property whose counterexample it is; "" for one of ours
    """

    about: str
    requests: tuple[Message, ...]
    edge: bool = False
    origin: str = ""


@dataclass(frozen=True, eq=False)
class Reply:
    """What came back for one request: arrays by name, changes of foreign arrays, or the status of a fault. After one, nothing.

    noticed   None where nobody looked
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)
    noticed: tuple[str, ...] | None = ()
    fault: str = ""


Answers = Sequence[Reply]
"""The replies to a script, up to the first fault."""


@dataclass(frozen=True)
class Spot:
    """One observation: what `name` is in the reply to request number `step`, and which component that shows.

    name   of an array; or "dtype" and "noticed", for the dtype of the first array and for what was changed
    """

    step: int
    name: str
    component: str


def spots(script: Script) -> Iterator[Spot]:
    """All observations of a script, in order.

    What a layer answers at first is its formula: y, the running statistics after training alone, the gradients of its first
    forward. What it answers later depends on its state, too.
    """
    past: dict[str, list[str]] = {}
    for step, request in enumerate(script.requests):
        layer = request.words.get("layer", "")
        calls = past.setdefault(layer, [])
        for name in PARTS.get(request.op, ()):
            alone = bool(calls) or not any(past.values())
            yield Spot(step, name, "edge" if script.edge else _component(name, request, calls, alone))
        if request.op in ("forward", "backward"):
            calls.append("train" if request.words.get("training") == "1" else "infer" if request.op == "forward" else "backward")
            yield Spot(step, "dtype", "dtype")
            yield Spot(step, "noticed", "purity")
        elif request.op not in ("layer", "running"):
            calls.append(request.op)


def _component(name: str, request: Message, calls: Sequence[str], alone: bool) -> str:
    """`alone`: no other layer was called since this one was made and left alone."""
    if name in RUNNING:
        return RUNNING[name] if alone and set(calls) <= {"train"} else "state"
    if len(calls) != (request.op == "backward"):
        return "state"
    return name if request.op == "backward" else "y_train" if request.words["training"] == "1" else "y_infer"


def mode_of(script: Script, step: int) -> bool:
    """Whether the latest forward before this request was a training."""
    earlier = script.requests[: step + 1]
    return next((request.words["training"] == "1" for request in reversed(earlier) if request.op == "forward"), True)


def script_of(trace: Sequence[Step], origin: str) -> Script:
    """The requests of a counterexample's trace."""
    asked = tuple(requests(trace))
    return Script(f"the counterexample of {origin.replace('_', ' ')}", asked, edge=any(map(is_edge, asked)), origin=origin)


def is_edge(request: Message) -> bool:
    """Whether there is no x, one value a channel, or something that is no number."""
    parts = [part for name, part in request.arrays.items() if name in ("x", "dy")]
    return any(part.size <= max(part.shape) or not np.isfinite(part.astype(np.float64)).all() for part in parts)
