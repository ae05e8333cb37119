"""An implementation as the properties see it: cases go in, outcomes come out, and what was asked is remembered."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from bnspec.case import Case, Outcome
from bnspec.convention import TORCH, Convention
from bnspec.implementation import Setup
from bnspec.plugs.conversation import Conversation, gradients_in
from bnspec.plugs.faults import BudgetSpent, Fault, deliver
from bnspec.plugs.link import Link
from bnspec.protocol import PLAIN_DTYPES, Message

CODES = {"bfloat16": "bf2", **{name: code for code, name in PLAIN_DTYPES.items()}}
"""The code by which a dtype travels."""

SCOPES = ("train", "infer", "running", "grad_train", "grad_infer")
"""The parts of a BatchNorm that can be asked about, apart from each other."""

CALLS = ("forward", "backward")
"""The operations that compute."""

ANSWERS = {"forward": ("y",), "running": ("mean", "var"), "backward": ("dx",)}
"""The arrays that the reply to an operation must have."""

PER_CHANNEL = ("mean", "var", "dgamma", "dbeta")
"""The arrays of a reply that have one number a channel."""


@dataclass(frozen=True, eq=False)
class Answer(Outcome):
    """An outcome, with where in the trace each part of it was answered, and what the judged end noticed on the way."""

    steps: Mapping[str, int] = field(default_factory=dict)
    noticed: tuple[str, ...] = ()


class Subject:
    """An implementation under question, in one convention.

    declared  the choices that were declared and not measured
    withheld  the parts of a setup that it does not let itself be given, which are left to it
    fixed     what these are then, where that is known: a case that asks for another value is unsupported
    lacks     the operations that it was thought to have, and has not
    half_parameters   half dtype -> "" where layers keep half parameters if given them, else why not; others are float32
    weights   how far the running mean went to its batch when the convention was measured, step by step
    trace     the requests of the current example, in order: what a failure shows and a repro script repeats
    fixed_shape   the only shape of x that is taken, () for any;  ghost: how many samples it normalizes at a time, 0 for all
    groups    whether batches of several such groups may be asked just now
    trained   whether it has trained at all: then what is refused is that case, and not training
    times     seconds that the latest calls of forward and backward took, asking included
    """

    def __init__(self, link: Link, convention: Convention = TORCH) -> None:
        self.link = link
        self.convention = convention
        self.declared: Mapping[str, Any] = {}
        self.withheld: tuple[str, ...] = ()
        self.fixed: dict[str, float] = {}
        self.lacks: set[str] = set()
        self.half_parameters: dict[str, str] = {}
        self.trace: list[Message] = []
        self.noticed: tuple[str, ...] = ()
        self.weights: tuple[float, ...] = ()
        self.times: deque[float] = deque(maxlen=64)
        self.fixed_shape = _sizes(link.started.words.get("shape", ""))
        self.ghost = next(iter(_sizes(link.started.words.get("ghost", ""))), 0)
        self.groups = False
        self.trained = False
        self._numbers = 0
        self._channels = 0

    def scalar(self, value: float) -> float:
        """eps or momentum as it can be given: as it is, or the nearest float32 to one that says `scalars=f4`."""
        return float(np.float32(value)) if self.link.started.words.get("scalars") == "f4" else value

    @property
    def scope(self) -> tuple[str, ...]:
        """Which of `SCOPES` the implementation offers at all."""
        words = self.link.started.words
        has = {name: words.get(name) == "1" and name not in self.lacks for name in ("running", "backward")}
        gradients = self.convention.backward if has["backward"] else "none"
        offered = {
            "train": "train" not in self.lacks,
            "infer": True,
            "running": has["running"],
            "grad_train": gradients != "none" and "train" not in self.lacks,
            "grad_infer": gradients == "train+infer",
        }
        return tuple(name for name in SCOPES if offered[name])

    def begin(self) -> None:
        """A new example: its trace starts here."""
        self.trace.clear()
        self._numbers = 0

    def train(self, case: Case) -> Answer:
        """A training forward of a fresh layer, and its running statistics after it."""
        return self._answer(case, training=True, backward=False)

    def infer(self, case: Case) -> Answer:
        """An inference forward of a fresh layer that was given the case's running statistics."""
        return self._answer(case, training=False, backward=False)

    def train_gradients(self, case: Case) -> Answer:
        """`train` with the gradients for case.dy."""
        return self._answer(case, training=True, backward=True)

    def infer_gradients(self, case: Case) -> Answer:
        """`infer` with the gradients for case.dy."""
        return self._answer(case, training=False, backward=True)

    def layer(self, case: Case, *, own_state: bool = False) -> Conversation:
        """A fresh layer for a sequence of calls; with `own_state` its running statistics start as it likes."""
        number, left = self.new_number(), ("running_mean", "running_var") if own_state else ()
        self.ask([self.layer_request(case, number, left)])
        return Conversation(self, number)

    def new_number(self) -> int:
        """A number that nothing of the current example has yet, for a layer or a saved state."""
        self._numbers += 1
        return self._numbers

    def ask(self, requests: list[Message]) -> list[Message]:
        """Ask, remember what was asked, and let a fault carry it away. An answer without its arrays is a fault too."""
        self.trace.extend(requests)
        for request in requests:
            if why := self.beyond(request):
                deliver(Fault("unsupported", why, "forward"))
        started = perf_counter()
        try:
            replies = self.link.ask(requests)
            for request, reply in zip(requests, replies, strict=True):
                if lack := _lack(request.op, reply, self._channels):
                    deliver(Fault("error", lack, request.op))
        except Fault as fault:
            fault.trace = list(self.trace)
            raise
        if calls := sum(request.op in CALLS for request in requests):
            self.times.append((perf_counter() - started) / calls)
        self.noticed = tuple(word for reply in replies for word in reply.noticed)
        return replies

    def beyond(self, request: Message) -> str:
        """Why this is a forward that the implementation is not made for, as it said at its start; "" where it is none."""
        shape = request.arrays["x"].shape if request.op == "forward" else ()
        if shape and self.fixed_shape and shape != self.fixed_shape:
            return f"x is always shaped {self.fixed_shape}"
        several = bool(shape and self.ghost and request.words.get("training") == "1" and shape[0] > self.ghost)
        if several and not (self.groups and shape[0] % self.ghost == 0):
            return f"it normalizes {self.ghost} samples at a time, and this is about a batch that is normalized as a whole"
        return ""

    def refuses_values(self) -> bool:
        """Whether the latest example, that was called unsupported, is answered with other finite numbers of the same shapes.

        Then it was no missing capability: which x there is in an array of a known kind is nothing that can be declined.
        """
        if not all(np.isfinite(part.astype(float)).all() for message in self.trace for part in message.arrays.values()):
            return False
        if any(self.beyond(message) for message in self.trace):
            return False
        try:
            self.link.ask([_with_plain_values(message) for message in self.trace])
        except (Fault, BudgetSpent):
            return False
        return True

    def _answer(self, case: Case, *, training: bool, backward: bool) -> Answer:
        first, number = len(self.trace), self.new_number()
        requests = [
            self.layer_request(case, number),
            Message.request("forward", layer=number, training=int(training), layout=case.layout, x=case.x),
        ]
        if "running" in self.scope:
            requests.append(Message.request("running", layer=number))
        if backward:
            requests.append(Message.request("backward", layer=number, layout=case.layout, dy=case.dy))
        replies = self.ask(requests)
        steps = {name: first + at for at, reply in enumerate(replies) for name in reply.arrays}
        found = {name: values for reply in replies for name, values in reply.arrays.items()}
        gradients = gradients_in(replies[-1]) if backward else None
        steps["running_mean"] = steps["running_var"] = steps.get("mean", first + 1)
        return Answer(found["y"], found.get("mean"), found.get("var"), gradients, steps, self.noticed)

    def layer_request(self, case: Case, number: int, left: tuple[str, ...] = ()) -> Message:
        """The request for the case's layer, without what is `left` to it; a `Fault` where what is fixed is asked otherwise."""
        self._channels = case.channels
        for name, value in self.fixed.items():
            if name not in left and not np.all(getattr(case, name) == value):
                deliver(Fault("unsupported", f"{name} cannot be given; it is always {value:g}", "layer"))
        nothing: dict[str, Any] = dict.fromkeys((*self.withheld, *left))
        setup = replace(Setup.of(case), **nothing)
        return setup_request(setup, number)


def setup_request(setup: Setup, number: int) -> Message:
    """The request for a fresh layer; fields that are None are left to the layer."""
    words: dict[str, Any] = {
        "dtype": CODES[setup.dtype],
        "axis": setup.channel_axis,
        "rank": setup.rank,
        "channels": setup.channels,
        "eps": setup.eps,
        "momentum": setup.momentum,
        "gamma": setup.gamma,
        "beta": setup.beta,
        "running_mean": setup.running_mean,
        "running_var": setup.running_var,
    }
    return Message.request("layer", layer=number, **{name: value for name, value in words.items() if value is not None})


def _sizes(text: str) -> tuple[int, ...]:
    """The sizes that a word gives, such as 16x3; none where it gives no such sizes, since it comes from anywhere."""
    return tuple(map(int, text.split("x"))) if re.fullmatch(r"[1-9]\d{0,5}(x[1-9]\d{0,5}){0,7}", text) else ()


def _lack(op: str, reply: Message, channels: int) -> str:
    """What the reply to an operation lacks, in a sentence; "" for none. Ours lack nothing, but others write programs too."""
    for name in ANSWERS.get(op, ()):
        if name not in reply.arrays:
            return f"the reply to {op} must have the array {name}; it has {', '.join(reply.arrays) or 'none'}"
    for name, values in reply.arrays.items():
        if name in PER_CHANNEL and values.shape != (channels,):
            return f"{name} has shape {values.shape}; one number a channel, ({channels},), was expected"
        if values.dtype == np.dtype("V2"):
            return f"{name} is of dtype bfloat16, which needs the package ml_dtypes here too: pip install 'bnspec[bfloat16]'"
    return ""


def _with_plain_values(message: Message) -> Message:
    """The same request with -1, 0, 1, 2, -1, ... as its x or dy."""
    plain = {name: (np.arange(part.size) % 4 - 1).reshape(part.shape).astype(part.dtype) for name, part in message.arrays.items()}
    return message if message.op == "layer" else Message(message.words, plain)
