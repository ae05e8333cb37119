"""A fixed case: a name, the flags of the mistakes that it exposes, and how its numbers are made. Dtypes come last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from bnspec.case import Array, Case, dtype_named, from_columns, parameter_dtype
from bnspec.fixed import numbers

DTYPES = ("float16", "bfloat16", "float32", "float64")
"""The dtypes that fixed cases come in, the coarsest first."""

PRECISE = ("float32", "float64")
"""Those in which a case is told whose point half types cannot show."""

Columns = Callable[[int, int, int], Array]
"""(m, C, turn) -> (m, C): see `bnspec.fixed.numbers`."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One fixed case, before it is made for a dtype.

    flags        the mistakes that it exposes, by `bnspec.fixed.flags`;  why: one sentence about it
    shape        (N, C, *S)
    calls        the calls on one fresh layer in order: train or infer, with "+dy" where its gradients are asked
    eps          added to the variance;  weight: what a training batch weighs in the running averages, exact in every dtype
    x, dy        where their numbers come from; every call gets others
    scale, offset   x is numbers * scale + offset; a mapping gives each dtype its own
    by_sample, by_position   what x grows by from one sample, or from one position, to the next
    gamma, beta, mean, var   parameters and running statistics, one a channel and so on in turn
    spoiled      a value that takes the first place of the first channel of x in every call
    judged       the components that are judged; empty: all that there are
    declinable   whether a correct implementation may refuse it: one value a channel, NaN, the ends of momentum
    """

    name: str
    flags: tuple[str, ...]
    why: str
    shape: tuple[int, ...] = (4, 3)
    calls: tuple[str, ...] = ("train+dy",)
    eps: float = 0.5
    weight: float = 0.25
    x: Columns = numbers.whole
    dy: Columns = numbers.upstream
    scale: float | Mapping[str, float] = 1.0
    offset: float | Mapping[str, float] = 0.0
    by_sample: float = 0.0
    by_position: float = 0.0
    gamma: tuple[float, ...] = (2.0, -1.5, 0.5, 3.0, -0.25)
    beta: tuple[float, ...] = (1.0, -2.0, 0.5, -0.75, 4.0)
    mean: tuple[float, ...] = (0.5, -1.0, 2.0, 1.5, -3.0)
    var: tuple[float, ...] = (2.0, 0.5, 4.0, 1.0, 8.0)
    spoiled: float | None = None
    judged: tuple[str, ...] = ()
    declinable: bool = False
    dtypes: tuple[str, ...] = DTYPES

    @property
    def m(self) -> int:
        """Values a channel."""
        return self.shape[0] * prod(self.shape[2:])

    @property
    def asks(self) -> frozenset[str]:
        """Which modes are asked, and of which of them gradients: train, infer, grad_train, grad_infer."""
        modes = {call.removesuffix("+dy") for call in self.calls}
        return frozenset(modes | {f"grad_{call.removesuffix('+dy')}" for call in self.calls if call.endswith("+dy")})


@dataclass(frozen=True, eq=False)
class Call:
    """One call on the layer: x and dy (N, C, *S) in the case's dtype; dy is None where no gradients are asked."""

    training: bool
    x: Array
    dy: Array | None


@dataclass(frozen=True, eq=False)
class Made:
    """A recipe made for one dtype: `start` has parameters, state and the first x and dy; its momentum is what a batch weighs."""

    recipe: Recipe
    dtype: str
    start: Case
    calls: tuple[Call, ...] = field(default=())

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.recipe.name


def made(recipe: Recipe, dtype: str) -> Made:
    """The case in one of the dtypes that its recipe names; channels on axis 1. The same bytes on every machine."""
    calls = tuple(_call(recipe, dtype, turn) for turn in range(len(recipe.calls)))
    kept, channels = parameter_dtype(dtype), recipe.shape[1]
    state = [numbers.cycled(values, channels).astype(kept) for values in (recipe.gamma, recipe.beta, recipe.mean, recipe.var)]
    start = Case(calls[0].x, state[0], state[1], state[2], state[3], recipe.eps, recipe.weight, calls[0].dy)
    return Made(recipe, dtype, start, calls)


def _call(recipe: Recipe, dtype: str, turn: int) -> Call:
    mode, _, gradients = recipe.calls[turn].partition("+")
    x = _placed(recipe, _x(recipe, dtype, turn), dtype)
    if recipe.spoiled is not None:
        x[(0,) * x.ndim] = recipe.spoiled
    dy = _placed(recipe, recipe.dy(recipe.m, recipe.shape[1], turn), dtype) if gradients else None
    return Call(mode == "train", x, dy)


def _x(recipe: Recipe, dtype: str, turn: int) -> Array:
    values = np.arange(recipe.m)[:, None]
    positions = recipe.m // recipe.shape[0]
    steps = recipe.by_sample * (values // positions) + recipe.by_position * (values % positions)
    return (recipe.x(recipe.m, recipe.shape[1], turn) + steps) * _of(recipe.scale, dtype) + _of(recipe.offset, dtype)


def _of(choice: float | Mapping[str, float], dtype: str) -> float:
    return choice[dtype] if isinstance(choice, Mapping) else choice


def _placed(recipe: Recipe, columns: Array, dtype: str) -> Array:
    return from_columns(columns, recipe.shape, 1).astype(dtype_named(dtype))


def recipe(name: str, flags: str, why: str, *, calls: str = "train+dy", **changes: Any) -> Recipe:
    """A recipe, its flags and calls as words with spaces between; what is not said is as `Recipe` has it."""
    return Recipe(name=name, flags=tuple(flags.split()), why=why, calls=tuple(calls.split()), **changes)
