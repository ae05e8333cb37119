"""Who answers a script: the implementation itself, through its link; or steps with known bugs, in this process."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.convention import Convention
from bnspec.implementation import NotOffered, Setup
from bnspec.layouts import present
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.subject import Subject
from bnspec.protocol import Message
from bnspec.reference.bugs.steps import BatchNorm
from bnspec.reports.diagnosis.scripts import IMPURE, Answers, Reply, Script
from bnspec.reports.diagnosis.zoo import made_with
from bnspec.requests import setup_of


@dataclass
class Asker:
    """Asks the implementation, for so many seconds at most; `unasked` counts the scripts that there was no time for."""

    subject: Subject
    seconds: float
    unasked: int = 0

    def __call__(self, script: Script) -> Answers | None:
        """The replies; None where there was no time for it, or where the first request is not offered."""
        if self.seconds <= 0:
            self.unasked += 1
            return None
        began = perf_counter()
        try:
            return self._asked(script)
        finally:
            self.seconds -= perf_counter() - began

    def _asked(self, script: Script) -> Answers | None:
        replies: list[Reply] = []
        for request in script.requests:
            if self.subject.beyond(request):
                break
            try:
                reply = self.subject.link.ask([self._left_to_it(request)])[0]
            except Fault as fault:
                if fault.status != "unsupported":
                    replies.append(Reply(fault=fault.status))
                break
            except BudgetSpent:
                self.seconds = 0.0
                break
            kept = {name: np.array(part) for name, part in reply.arrays.items()}
            replies.append(Reply(kept, tuple(word for word in reply.noticed if word in IMPURE)))
        return replies or None

    def _left_to_it(self, request: Message) -> Message:
        """A request for a layer without what the implementation does not let itself be given."""
        held = self.subject.withheld
        if request.op != "layer" or not held:
            return request
        words = {name: word for name, word in request.words.items() if name not in held}
        return Message(words, {name: part for name, part in request.arrays.items() if name not in held})


class Keepable(BatchNorm):
    """What saving and loading are for steps that do these right."""

    def save(self) -> Any:
        """All that training has left."""
        return self.gamma.copy(), self.beta.copy(), self.state(), self.steps

    def load(self, state: Any) -> None:
        """Take over what was saved."""
        self.gamma, self.beta, (self.running_mean, self.running_var), self.steps = copy.deepcopy(state)


class Simulation:
    """A correct BatchNorm with known bugs put on, in one convention: what it would answer.

    fixed   the parts of a setup that are not told to the implementation, which has these values instead
    """

    def __init__(self, names: Iterable[str], convention: Convention, fixed: Mapping[str, float]) -> None:
        self._make: Any = type("Simulated", (made_with(names), Keepable), {})
        self._convention = convention
        self._fixed = fixed

    def __call__(self, script: Script) -> Answers:
        """The replies to a script, as the judged end would give them."""
        bench, replies = Bench(), list[Reply]()
        with np.errstate(all="ignore"):
            for request in script.requests:
                if request.op == "layer":
                    bench.layers[request.words["layer"]] = self._layer(setup_of(request))
                    replies.append(Reply())
                    continue
                try:
                    arrays = bench.operated(request)
                except (NotOffered, KeyError):
                    break
                except (ValueError, ArithmeticError, IndexError, TypeError, RecursionError):
                    replies.append(Reply(fault="error"))
                    break
                replies.append(Reply(arrays, bench.noticed()))
        return replies

    def _layer(self, setup: Setup) -> Any:
        given = {name: value for name, value in self._fixed.items() if getattr(setup, name) is None}
        kept: dict[str, Any] = {
            name: value if name in ("eps", "momentum") else np.full(setup.channels, value) for name, value in given.items()
        }
        return self._make(replace(setup, **kept) if kept else setup, self._convention)


class Bench:
    """The layers of a script at work, and the arrays that they were lent or have handed out."""

    def __init__(self) -> None:
        self.layers: dict[str, Any] = {}
        self._states: dict[str, Any] = {}
        self._lent: list[tuple[str, Array, Array]] = []

    def operated(self, request: Message) -> dict[str, Array]:
        """The arrays that a request is answered with, each a copy."""
        layer, words = self.layers[request.words["layer"]], request.words
        match request.op:
            case "forward":
                x = present(request.arrays["x"], words["layout"], layer.channel_axis)
                self._lend("x-changed", x)
                y = layer.forward(x, training=words["training"] == "1")
                self._lend("y-changed-later", y)
                return {"y": np.array(y)}
            case "backward":
                dy = present(request.arrays["dy"], words["layout"], layer.channel_axis)
                self._lend("dy-changed", dy)
                return dict(zip(("dx", "dgamma", "dbeta"), map(np.array, layer.backward(dy)), strict=True))
            case "running":
                return dict(zip(("mean", "var"), layer.running(), strict=True))
            case "copy":
                self.layers[words["to"]] = copy.deepcopy(layer)
            case "save":
                self._states[words["state"]] = layer.save()
            case "load":
                layer.load(self._states[words["state"]])
        return {}

    def _lend(self, word: str, array: Array) -> None:
        """Remember an array that is somebody else's from now on: arguments until the next one, answers for good."""
        if word != "y-changed-later":
            self._lent = [lent for lent in self._lent if lent[0] != word]
        self._lent.append((word, array, array.copy()))

    def noticed(self) -> tuple[str, ...]:
        """What has changed since it was lent, told once."""
        changed = [lent for lent in self._lent if not np.array_equal(lent[1], lent[2], equal_nan=True)]
        for _, array, copied in changed:
            copied[...] = array
        return tuple(dict.fromkeys(word for word, _, _ in changed))
