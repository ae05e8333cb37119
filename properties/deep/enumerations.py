"""The cases of small scopes, listed: all of them, the smallest numbers first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import pytest

from bnspec.case import HALF_DTYPES, Array, Case, dtype_named, from_columns, parameter_dtype
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import Deviation, assert_near, infer_truth
from bnspec.properties.stage import current
from bnspec.properties.strategies import fit_rank, placed

SETTINGS = {
    "gamma": (1.0, -0.75, 0.5, 1.0),
    "beta": (0.0, 1.0, -3.0, 0.25),
    "running_mean": (0.0, 0.5, -2.0, 10.0),
    "running_var": (1.0, 2.0, 100.0, 1.5),
}
"""Parameters and state of four channels. No |y| is above |x| by more than a little, so that nothing leaves float16."""

AT_ONCE = 1024
"""Values of a half dtype in one call."""

SMALL = {"gamma": (2.0,), "beta": (1.0,), "running_mean": (1.0,), "running_var": (2.0,)}
"""Parameters and state of one channel, in numbers that can be read."""

TRAINED_EPS = (1.0, 1e-3, 1e-5)
HALF_EPS = (1.0, 0.0625, 1e-3)
"""What eps is in turn; a half dtype leaves its range where 1 / sqrt(eps) is large."""

WEIGHT = 0.25
"""The weight of the batch in the running statistics."""


def go_through(bn: Subject, cases: Iterable[Case]) -> Iterator[Case]:
    """The cases that are asked here, one by one: all, or every so-maniest where they are dealt to blocks. Each is counted."""
    stage = current()
    tally = stage.tally
    asked = list(cases) if stage.part is None else list(cases)[stage.part[0] :: stage.part[1]]
    for case in asked:
        if stage.clock.is_over:
            tally.cut = True
            pytest.skip("out of time")
        bn.begin()
        tally.told = False
        yield case
        tally.examples += 1
        tally.informative += tally.told
    tally.examples -= 1  # the one that is counted for the law
    tally.told = False


@contextmanager
def the_value_alone(bn: Subject, case: Case) -> Iterator[None]:
    """Where one value of many is wrong in inference, ask it by itself: if it is wrong there too, that is the failure."""
    try:
        yield
    except Deviation as deviation:
        if (index := deviation.finding.index) is None:
            raise
        channel = index[case.channel_axis % case.x.ndim]
        shape = [1] * case.x.ndim
        kept = {name: getattr(case, name)[channel : channel + 1] for name in SETTINGS}
        alone = case.replace(x=case.x[index].reshape(shape), **kept)
        assert_near(bn.infer(alone), infer_truth(alone), "y")
        raise


def half_values() -> list[Case]:
    """Inference of every finite value of a half dtype, in the channels of `SETTINGS` at once."""
    dtype = current().dtype
    half = dtype_named(dtype if dtype in HALF_DTYPES else "float16")
    values = np.arange(1 << 16, dtype=np.uint16).view(half).astype(np.float64)
    finite = values[np.isfinite(values)]
    ordered = finite[np.argsort(np.abs(finite), kind="stable")]
    pieces = [ordered[at : at + AT_ONCE] for at in range(0, len(ordered), AT_ONCE)]
    eps = HALF_EPS[2] if dtype in HALF_DTYPES else TRAINED_EPS[2]
    return [_case(np.repeat(piece[:, None], 4, axis=1), SETTINGS, eps) for piece in pieces]


def small_batches() -> list[Case]:
    """Training on every batch of two or three whole numbers from -4 to 4."""
    batches = _sorted(batch for n in (2, 3) for batch in product(range(-4, 5), repeat=n))
    return [_case(_column(batch), SMALL, eps) for batch in batches for eps in _eps()]


def small_gradients() -> list[Case]:
    """Gradients at every batch of two or three whole numbers from -2 to 2, for every dy from -1 to 1."""
    pairs = [(batch, dy) for n in (2, 3) for batch in product(range(-2, 3), repeat=n) for dy in product((-1, 0, 1), repeat=n)]
    pairs.sort(key=lambda pair: (len(pair[0]), *_size(pair[0]), *_size(pair[1])))
    return [_case(_column(batch), SMALL, eps, _column(dy)) for batch, dy in pairs for eps in _eps()[:2]]


def _eps() -> Sequence[float]:
    return HALF_EPS if current().dtype in HALF_DTYPES else TRAINED_EPS


def _sorted(batches: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return sorted(batches, key=lambda batch: (len(batch), *_size(batch)))


def _size(numbers: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    """What makes small numbers smaller than others: the largest of them, then their sum, then their signs."""
    return max(map(abs, numbers)), sum(map(abs, numbers)), tuple(-number for number in numbers)


def _column(numbers: tuple[int, ...]) -> Array:
    return np.array(numbers, dtype=np.float64)[:, None]


def _case(x: Array, state: Mapping[str, tuple[float, ...]], eps: float, dy: Array | None = None) -> Case:
    """The case of these columns, as the subject takes it: its dtype, rank, channel axis, momentum, and what it cannot be given."""
    stage = current()
    fixed = {} if stage.subject is None else stage.subject.fixed
    convention, dtype, kept = stage.convention, dtype_named(stage.dtype), parameter_dtype(stage.dtype)
    axis = convention.channel_axis
    shape = placed(fit_rank(x.shape, convention.ranks), axis)
    given: dict[str, Any] = {
        name: np.full(x.shape[1], fixed[name], kept) if name in fixed else np.array(values, kept) for name, values in state.items()
    }
    given |= {"eps": fixed.get("eps", eps), "momentum": fixed.get("momentum", convention.argument(WEIGHT))}
    arrays = [None if part is None else from_columns(part.astype(dtype), shape, axis) for part in (x, dy)]
    assert arrays[0] is not None
    return Case(arrays[0], **given, dy=arrays[1], channel_axis=axis)
