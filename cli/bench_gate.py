"""Whether what was timed was right: answers of timed calls, compared with the exact ones within their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from bnspec import bounds, exact
from bnspec.case import Array, Case, dtype_named, parameter_dtype
from bnspec.comparing import compared
from bnspec.convention import Convention
from bnspec.fixed.truths import STATE
from bnspec.plugs.subject import Subject
from bnspec.plugs.workload import Workload, some_channels
from bnspec.properties.strategies import fit_rank, placed

ANSWERED = {"mean": "running_mean", "var": "running_var"}
"""Components by another name in an answer."""

WHOLE = 1 << 20
"""Numbers of a first answer that are judged, in as many channels as that is."""

IN_PASSING = 1 << 17
"""The same of the call that is judged among the timed ones."""

WEIGHT = 0.25
"""Of the batch in the running statistics."""


def workload_of(
    subject: Subject, shape: tuple[int, ...], dtype: str, layout: str = "contiguous", *, seed: int = 0, **inputs: float
) -> Workload:
    """The inputs for a shape (N, C, *S), in the rank and with the channel axis that the subject takes."""
    axis = subject.convention.channel_axis
    taken = placed(fit_rank(shape, subject.convention.ranks), axis)
    return Workload(taken, dtype, axis, layout, seed=seed, **inputs)


def channels_of(workload: Workload, values: int, rng: np.random.Generator) -> Array:
    """Channels at random, with about so many values of x together: one at least."""
    count = workload.shape[workload.channel_axis]
    each = max(1, int(np.prod(workload.shape)) // count)
    return np.sort(rng.permutation(count)[: max(1, min(count, values // each))])


def empty_case(workload: Workload, subject: Subject) -> Case:
    """The case of a workload with all but its numbers, which take no memory."""
    x = np.broadcast_to(np.zeros(1, dtype_named(workload.dtype)), workload.shape)
    channels, fixed = workload.shape[workload.channel_axis], subject.fixed
    ramp = np.linspace(0.0, 1.0, channels)
    state = {
        "gamma": 0.5 + ramp,
        "beta": ramp - 0.25,
        "running_mean": workload.mean + workload.std * (ramp - 0.5),
        "running_var": workload.std**2 * (0.75 + ramp),
    }
    kept = parameter_dtype(workload.dtype)
    given: dict[str, Any] = {name: np.full(channels, fixed.get(name, values), kept) for name, values in state.items()}
    given |= {"eps": fixed.get("eps", 1e-5), "momentum": fixed.get("momentum", subject.convention.argument(WEIGHT))}
    return Case(x, **given, channel_axis=workload.channel_axis)


def worst_of(
    workload: Workload, subject: Subject, answer: Mapping[str, Array], channels: Array, *, call: int, training: bool
) -> dict[str, float]:
    """component -> largest error / bound of the answer to a call in these channels; above 1 is wrong."""
    case = _case(workload, subject, channels, call, with_dy="dx" in answer)
    true, limits = _truth(case, subject.convention, training=training)
    worst = {}
    for name, given in answer.items():
        component = ANSWERED.get(name, name)
        if component in ("dgamma", "dbeta") and subject.convention.accumulate:
            continue  # what they are depends on earlier calls
        got = case.columns(given) if name in ("y", "dx") else given.astype(np.float64)
        low = true.low.get(component, 0.0)
        found = compared(got, getattr(true, component), getattr(limits, component), case.dtype, low)[2]
        worst[component] = float(found.max(initial=0.0))
    return worst


def _case(workload: Workload, subject: Subject, channels: Array, call: int, *, with_dy: bool) -> Case:
    plain, axis = empty_case(workload, subject), workload.channel_axis
    x, dy = _inputs(workload, call)
    parts = {name: getattr(plain, name)[channels] for name in ("gamma", "beta", *STATE)}
    return plain.replace(x=some_channels(x, channels, axis), dy=some_channels(dy, channels, axis) if with_dy else None, **parts)


@lru_cache(maxsize=1)
def _inputs(workload: Workload, call: int) -> tuple[Array, Array]:
    return workload.x(call), workload.dy(call)


def _truth(case: Case, convention: Convention, *, training: bool) -> tuple[exact.Exact, bounds.Bounds]:
    grade = bounds.conformance_grade(case.dtype)
    if training:
        true = exact.train(case, convention)
        return true, bounds.train_bounds(case, true, convention, grade=grade)
    true = exact.infer(case)
    return true, bounds.infer_bounds(case, true, grade=grade)
