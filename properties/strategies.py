"""Cases as recipes: few draws, always the same number of them, simple values first, so that failures shrink to readable numbers.

A recipe is a shape, a number that picks every discrete choice, and a seed; NumPy makes the arrays. Drawing arrays element by
element would be ten times slower, and a branch for small arrays would be a wall that shrinking cannot cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp, ldexp, prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bnspec.case import HALF_DTYPES, Case, dtype_named, from_columns, parameter_dtype, to_columns
from bnspec.properties import families
from bnspec.properties.limits import within
from bnspec.properties.stage import Declined, current

Shape = tuple[int, ...]

EPS = (1.0, 1e-5, 0.1, 1e-3, 0.015625, 1e-8)
"""The largest first: a failure that shrinks to it shows what eps does. 1e-5, everybody's default, hides most of it."""

BATCH_WEIGHTS = (0.25, 0.1, 0.75, 0.3125, 0.5, 0.001, 0.9)
"""The weight of the new batch in the running average. 1/2 is there, but never alone: it hides a swapped momentum."""

KAPPA = (0.0, 1.0, -3.0, 0.25, 30.0)
"""|mean| / std of a channel: what conditions the problem."""

SPREAD = (1.0, 2.0, 0.125, "sqrt(eps)", "8 sqrt(eps)", 64.0)
"""The standard deviation; near sqrt(eps) is where the place of eps shows."""

HALF_EPS = (1.0, 1e-3, 0.1, 0.015625)
HALF_SPREAD = (1.0, 2.0, 0.125, 8.0)
"""float16 ends at 65504: a gradient divided by 1e-4 would leave it."""

ROUNDING = (1.0, 0.25, 0.01, 0.0)
"""Steps to which the random numbers are rounded: whole numbers first, so that what is left after shrinking can be read."""


def _stacks() -> tuple[Shape, ...]:
    """(N, *S) by rank and size: every small n, every n mod 8, unequal and equal dimensions, odd primes, H*W = 1."""
    flat = [(n,) for n in (*range(2, 34), 64, 129)]
    lines = [(n, length) for n in (1, 2, 3, 4) for length in (1, 2, 3, 5, 7)]
    images = [(n, *area) for n in (1, 2, 3, 4) for area in ((1, 1), (2, 3), (3, 1), (5, 3))]
    images += [(2, 2, 2), (3, 3, 3), (2, 7, 5)]
    volumes = [(n, *space) for n in (1, 2, 3, 4) for space in ((1, 1, 1), (2, 1, 3), (2, 3, 2))]
    every: list[Shape] = [*flat, *lines, *images, *volumes]
    several = [stack for stack in every if prod(stack) > 1]
    return tuple(sorted(several, key=lambda stack: (len(stack), prod(stack), stack)))


STACKS = _stacks()
"""Shapes without their channels. Drawn apart from these, so that either can shrink while the other stays."""

CHANNELS = (1, 2, 3, 4, 5)
"""Numbers of channels; `WIDE_SHAPES` have more."""


def with_channels(stack: Shape, channels: int) -> Shape:
    """(N, C, *S) of (N, *S) and C."""
    return (stack[0], channels, *stack[1:])


SHAPES = tuple(with_channels(stack, channels) for stack in STACKS for channels in CHANNELS)

CHANNEL_OFFSETS = 1.0 + np.arange(129) % 3
"""Channels have means of their own: what mixes them shows."""


def fit_rank(shape: Shape, ranks: Sequence[int]) -> Shape:
    """`shape` with its positions folded or padded to a rank that is offered; N, C and the number of values stay."""
    if len(shape) in ranks:
        return shape
    n, c, *positions = shape
    larger = [rank for rank in ranks if rank > len(shape)]
    if larger:
        return (n, c, *positions, *[1] * (min(larger) - len(shape)))
    rank = max(ranks)
    if rank == 2:
        return (n * prod(positions), c)
    return (n, c, *positions[: rank - 3], prod(positions[rank - 3 :]))


def pick(number: int, *tables: Sequence[Any]) -> list[Any]:
    """One entry of each table, all from one number: 0 picks every first entry, and smaller numbers change fewer of them."""
    picked = []
    for table in tables:
        number, at = divmod(number, len(table))
        picked.append(table[at])
    return picked


PLAIN = (False, False, False, True)
"""Whether parameters and state are at their defaults."""


def build(shape: Shape, number: int, seed: int, *, kappas: Sequence[float], spreads: Sequence[float | str] | None = None) -> Case:
    """The case of a recipe, for the stage's dtype and convention. The same recipe gives the same case."""
    stage = current()
    half = stage.dtype in HALF_DTYPES
    spreads = spreads or (HALF_SPREAD if half else SPREAD)
    scales = (HALF_EPS if half else EPS, kappas, spreads, ROUNDING)
    eps, kappa, spread, rounding, family, upstream, weight, plain = pick(
        number, *scales, families.INPUTS, families.UPSTREAMS, BATCH_WEIGHTS, PLAIN
    )
    fixed, scalar = ({}, float) if stage.subject is None else (stage.subject.fixed, stage.subject.scalar)
    eps, momentum = fixed.get("eps", scalar(eps)), fixed.get("momentum", scalar(stage.convention.argument(weight)))
    std = _spread(spread, eps)
    n, c, *positions = shape = within(fit_rank(shape, stage.convention.ranks), stage.subject, stage.convention.channel_axis)
    m = n * prod(positions)
    draws = np.random.Generator(np.random.PCG64(seed)).standard_normal((2 * m + 4, c))
    if rounding:
        draws = np.rint(draws * (2 / rounding)) * rounding
    columns = family(draws[:m], n) * std + kappa * std * np.resize(CHANNEL_OFFSETS, c), upstream(draws[m : 2 * m], draws[:m])
    axis, dtype, kept = stage.convention.channel_axis, dtype_named(stage.dtype), parameter_dtype(stage.dtype)
    whole = placed(shape, axis)
    x, dy = (from_columns(values.astype(dtype), whole, axis) for values in columns)
    state = families.defaults(c) if plain else families.parameters(draws[2 * m :], std)
    given: dict[str, Any] = {
        name: np.full(c, fixed.get(name, values), kept) for name, values in zip(families.STATE, state, strict=True)
    }
    return Case(x, **given, eps=eps, momentum=momentum, dy=dy, channel_axis=axis)


def _spread(spread: float | str, eps: float) -> float:
    """A number, or a multiple of sqrt(eps) to the nearest power of two below, so that it can still be read."""
    if not isinstance(spread, str):
        return spread
    factor = 8 if spread.startswith("8") else 1
    return ldexp(0.5, frexp(factor * eps**0.5)[1])


def placed(shape: Shape, channel_axis: int) -> Shape:
    """(N, C, *S) with C moved to `channel_axis`."""
    n, c, *positions = shape
    others = [n, *positions]
    others.insert(channel_axis % len(shape), c)
    return tuple(others)


def refolded(case: Case) -> Case:
    """The same columns in another rank that the subject offers; raises `Declined` where it offers only one."""
    others = [rank for rank in current().convention.ranks if rank != case.x.ndim]
    if not others:
        raise Declined(f"only rank {case.x.ndim} is offered")
    axis = case.channel_axis
    batch, *positions = (size for at, size in enumerate(case.x.shape) if at != axis % case.x.ndim)
    shape = placed(fit_rank((batch, case.channels, *positions), (others[0],)), axis)
    x, dy = (None if part is None else from_columns(to_columns(part, axis), shape, axis) for part in (case.x, case.dy))
    return case.replace(x=x, dy=dy)


PARTS = (180, 96, 28)
"""A recipe's number is drawn in parts, a byte each: Hypothesis prefers small numbers to large ones, and the last choices would
hardly be made; and one draw of three bytes costs a third of three draws."""


def _joined(parts: bytes) -> int:
    low, middle, high = (part % size for part, size in zip(parts, PARTS, strict=True))
    return low + PARTS[0] * (middle + PARTS[1] * high)


NUMBERS = st.binary(min_size=len(PARTS), max_size=len(PARTS)).map(_joined)
"""The number that picks every discrete choice."""

SEEDS = st.integers(0, 2**32 - 1)


def cases(
    *, kappas: Sequence[float] = KAPPA, max_values: int | None = None, channels: Sequence[int] = CHANNELS
) -> st.SearchStrategy[Case]:
    """Cases of ordinary condition, where a mistake of meaning shows. `max_values`: at most so many values a channel."""
    return _built(_shapes(max_values, channels), kappas=kappas)


def _shapes(max_values: int | None = None, channels: Sequence[int] = CHANNELS) -> st.SearchStrategy[Shape]:
    stacks = [stack for stack in STACKS if max_values is None or prod(stack) <= max_values]
    return st.builds(with_channels, st.sampled_from(stacks), st.sampled_from(channels))


CANCELLING = {"float64": (1e6, 1e7, -3e7), "float32": (1e3, 3e3, -1e4), "float16": (128.0, -256.0), "bfloat16": (64.0, -128.0)}
"""|mean| / std at which E[x**2] - E[x]**2 has lost its digits and a stable variance has not."""


def cancelling_cases() -> st.SearchStrategy[Case]:
    """Few values far from zero: the cases that tell a stable variance from a one-pass one."""
    shapes = st.sampled_from([(n, c) for n in (2, 3, 4, 5, 6, 8) for c in (1, 2, 3)])

    def make(shape: Shape, number: int, seed: int) -> Case:
        return build(shape, number, seed, kappas=CANCELLING[current().dtype], spreads=(1.0, 2.0))

    return st.builds(make, shapes, NUMBERS, SEEDS)


LARGE_SHAPES = ((1500, 3), (4099, 2), (37, 3, 41), (16, 5, 17, 11), (3, 2, 13, 9, 8))
"""A thousand values a channel and more, most of them no power of two."""

WIDE_SHAPES = ((3, 31), (2, 33), (5, 65), (3, 129), (2, 33, 3), (3, 65, 2, 2), (2, 35, 1, 2, 1))
"""Many channels."""


def large_cases() -> st.SearchStrategy[Case]:
    """Cases of many values a channel."""
    return _built(st.sampled_from(LARGE_SHAPES), kappas=KAPPA[:4])


def wide_cases() -> st.SearchStrategy[Case]:
    """Cases of many channels."""
    return _built(st.sampled_from(WIDE_SHAPES), kappas=KAPPA)


SCALES = {"float64": 2.0**300, "float32": 2.0**30, "bfloat16": 2.0**20, "float16": 2.0**6}
"""How far from 1 the deviation may lie, both ways, so that squares and their sums stay in range."""


def extreme_cases() -> st.SearchStrategy[Case]:
    """Deviations at the ends of the range; eps is then far above the variance, or far below."""

    def make(shape: Shape, number: int, seed: int) -> Case:
        scale = SCALES[current().dtype]
        return build(shape, number, seed, kappas=KAPPA[:4], spreads=(scale, 1 / scale))

    return st.builds(make, _shapes(max_values=8), NUMBERS, SEEDS)


def _built(shapes: st.SearchStrategy[Shape], *, kappas: Sequence[float]) -> st.SearchStrategy[Case]:
    return st.builds(lambda shape, number, seed: build(shape, number, seed, kappas=kappas), shapes, NUMBERS, SEEDS)
