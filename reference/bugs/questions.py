"""The cheapest input that exposes a bug, as a recipe; and what a layer answers to it, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from bnspec.case import Array, Case, dtype_named, parameter_dtype
from bnspec.convention import TORCH, Convention
from bnspec.implementation import Layer, Setup

COMPONENTS = ("y_train", "y_infer", "running_mean", "running_var", "dx", "dgamma", "dbeta", "state", "purity", "dtype", "edge")
"""What can be damaged, in the order in which damage is explained: later parts are computed from earlier ones."""

ALONE = (("train", "backward"), ("infer", "backward"))
"""A training and an inference, each on a fresh layer, each with its gradients."""


class Maker(Protocol):
    """A class of layers, as `BatchNorm` of the steps and everything made of it."""

    def __call__(self, setup: Setup, convention: Convention) -> Layer:
        """A fresh layer."""


@dataclass(frozen=True)
class Question:
    """Calls on fresh layers, with numbers drawn from a seed.

    words            the input in words, for a reader
    shape            of x; channels on axis 1
    mean, std        of x, where every channel is moved up by another multiple of `std`
    eps, batch_weight   as they are; the weight of the new batch is what momentum says
    fresh            the layer is not told its running statistics, and starts with its own
    var              the running variance of every channel; None: any
    constant, nan, silent   the first channel of x has one value only; begins with NaN; has gamma 0
    plain            gamma, beta and the running statistics are 1, 0, 0 and 1, as in a layer that has never learned
    turned           x and dy lie in memory channels last
    sessions         what is called, each on a layer of its own: train, backward, infer; "other" trains another layer
    edge             whether what differs is an edge case, whichever part it is
    tolerance        relative difference that counts as rounding
    """

    words: str
    shape: tuple[int, ...] = (5, 3)
    mean: float = 1.0
    std: float = 2.0
    eps: float = 0.5
    batch_weight: float = 0.25
    dtype: str = "float64"
    fresh: bool = False
    var: float | None = None
    constant: bool = False
    nan: bool = False
    silent: bool = False
    plain: bool = False
    turned: bool = False
    sessions: Sequence[Sequence[str]] = ALONE
    edge: bool = False
    tolerance: float = 1e-10
    convention: Mapping[str, Any] = field(default_factory=dict)

    def case(self, number: int, convention: Convention = TORCH) -> Case:
        """The inputs of one call; each number draws others."""
        rng = np.random.default_rng(number)
        channels, kept = self.shape[1], parameter_dtype(self.dtype)
        x = self.mean + self.std * (rng.standard_normal(self.shape) + np.arange(channels).reshape(-1, *[1] * (len(self.shape) - 2)))
        if self.constant:
            x[:, 0] = x[0, 0].flat[0] if x.size else 0
        if self.nan:
            x[0, 0] = np.nan
        gamma, beta, running_mean, spread = rng.standard_normal((4, channels))
        gamma += 2
        gamma[0], gamma[-1] = 0 if self.silent else gamma[0], -gamma[-1]
        running_var = 0.5 + spread**2 if self.var is None else np.full(channels, self.var)
        if self.plain:
            gamma, beta, running_mean, running_var = (np.full(channels, value) for value in (1.0, -1.0, -0.5, 1.0))
        arrays = [values.astype(dtype_named(self.dtype)) for values in (x, rng.standard_normal(self.shape) + 1)]
        x, dy = (np.asfortranarray(values) if self.turned else values for values in arrays)
        state = [values.astype(kept) for values in (gamma, beta + 1, running_mean + 0.5, running_var)]
        return Case(x, state[0], state[1], state[2], state[3], self.eps, convention.argument(self.batch_weight), dy)


def answers(make: Maker, question: Question, convention: Convention = TORCH) -> dict[str, list[Array]]:
    """What a layer answers to every call, by component, in order; an exception is answered as NaN."""
    found: dict[str, list[Array]] = {name: [] for name in COMPONENTS}
    for session in question.sessions:
        _Session(make, question, convention, found).run(session)
    if question.edge:
        found = {name: [] for name in COMPONENTS} | {"edge": [value for name in COMPONENTS for value in found[name]]}
    return found


class _Session:
    """The calls on one layer. What comes after its first forward and backward is about its state."""

    def __init__(self, make: Maker, question: Question, convention: Convention, found: dict[str, list[Array]]) -> None:
        self.make, self.question, self.convention, self.found = make, question, convention, found
        self.case = question.case(0, convention)
        setup = Setup.of(self.case)
        self.layer = make(replace(setup, running_mean=None, running_var=None) if question.fresh else setup, convention)
        self.calls: list[str] = []
        self.given: list[tuple[Array, Array]] = []

    def run(self, session: Sequence[str]) -> None:
        """Every call in turn; an exception is NaN, and the end."""
        for number, call in enumerate(session):
            try:
                getattr(self, f"_{call}")(self.question.case(number, self.convention))
            except (ValueError, ArithmeticError, IndexError):
                self._tell("y_train" if call == "train" else "y_infer" if call == "infer" else "dx", np.array([np.nan]))
                return
            self.calls.append(call)
        self.found["purity"] += [np.array(not np.array_equal(one, copy, equal_nan=True)) for one, copy in self.given]

    def _train(self, case: Case) -> None:
        y = self._forward(case.x, training=True)
        self._tell("y_train", y)
        for name, values in zip(("running_mean", "running_var"), self.layer.running(), strict=True):
            self.found[name if set(self.calls) <= {"train"} else "state"].append(values)

    def _infer(self, case: Case) -> None:
        before = self.layer.running()
        self._tell("y_infer", self._forward(case.x, training=False))
        self._moved_since(before)

    def _forward(self, x: Array, *, training: bool) -> Array:
        self._lend(x)
        y = self.layer.forward(x, training=training)
        self.found["dtype"].append(np.array(y.dtype.itemsize))
        self._lend(y)
        return np.array(y)

    def _backward(self, case: Case) -> None:
        dy, before = case.upstream, self.layer.running()
        self._lend(dy)
        gradients = self.layer.backward(dy)
        for name, values in zip(("dx", "dgamma", "dbeta"), gradients, strict=True):
            if values is not None:
                self._tell(name, np.array(values))
        self._moved_since(before)

    def _other(self, case: Case) -> None:
        before = self.layer.running()
        self.make(Setup.of(self.case), self.convention).forward(case.x, training=True)
        self._moved_since(before)

    def _moved_since(self, before: tuple[Array, Array]) -> None:
        """What must stay, did it: tell by how much the running statistics moved."""
        self.found["state"] += [now - then for now, then in zip(self.layer.running(), before, strict=True)]

    def _tell(self, name: str, values: Array) -> None:
        before = 1 if name in ("dx", "dgamma", "dbeta") else 0
        self.found["state" if len(self.calls) > before else name].append(values)

    def _lend(self, values: Array) -> None:
        self.given.append((values, values.copy()))


def damaged(make: Maker, right: Maker, question: Question, convention: Convention = TORCH) -> set[str]:
    """The components in which two layers answer differently, beyond rounding."""
    one, two = answers(make, question, convention), answers(right, question, convention)
    return {name for name in COMPONENTS if not _alike(one[name], two[name], question.tolerance)}


def _alike(some: Sequence[Array], others: Sequence[Array], tolerance: float) -> bool:
    if [np.shape(one) for one in some] != [np.shape(one) for one in others]:
        return False
    wide = [(np.asarray(one, float), np.asarray(two, float)) for one, two in zip(some, others, strict=True)]
    return all(np.allclose(one, two, rtol=tolerance, atol=tolerance, equal_nan=True) for one, two in wide)
