"""Measuring the convention of an implementation that did not declare it: a dozen questions that conventions answer differently.

Names and documentation are not asked, numbers are: two momenta, two steps, a pair of values whose biased variance is 1 and whose
unbiased one is 2, one value, no value. What a mistake would make of these is matched to the nearest convention, so that the
properties, which judge exactly, can say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from bnspec.case import HALF_DTYPES, Array, Case, dtype_named, parameter_dtype
from bnspec.convention import Convention
from bnspec.plugs.link import Fault
from bnspec.plugs.subject import Answer, Subject

MOMENTA = (0.25, 0.875)
"""Two arguments, none of them the complement of the other, exact in every dtype."""

LENGTHS = (2, 5, 4, 7, 6)
"""Sizes of the axes of a probe, all different and different from C = 3, so that a mistaken axis fails instead of passing."""

CLOSE = 1e-2
"""How near a measured weight must be to a convention's: conventions differ by far more, rounding by far less."""


@dataclass
class Measured:
    """What probing found.

    convention   the choices, declared ones first;  fixed: values that the layer does not let itself be given
    dtypes       the dtypes asked for -> "" where offered, else why not
    warnings     what is odd but no failure
    """

    convention: Convention
    fixed: dict[str, float] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def measure(subject: Subject, declared: Mapping[str, Any], dtypes: Iterable[str]) -> Measured:
    """Probe `subject`, whose own convention is replaced step by step; what is declared is believed and not measured."""
    found: dict[str, Any] = {}
    measured = Measured(subject.convention)

    def settle(**choices: Any) -> None:
        found.update({name: value for name, value in choices.items() if name not in declared})
        subject.convention = measured.convention = Convention.from_mapping({**found, **declared})

    settle(**({} if "ranks" in declared and "channel_axis" in declared else _ranks(subject, declared)))
    measured.dtypes = _dtypes(subject, dtypes)
    dtype = next((name for name, refused in measured.dtypes.items() if not refused and name not in HALF_DTYPES), "float32")
    measured.fixed = subject.fixed = _fixed(subject, dtype)
    settle(**_defaults(subject, dtype))
    if "running" in subject.scope:
        settle(**_averaging(subject, dtype, measured.warnings))
        settle(**_start(subject, dtype))
    settle(single_value=_single_value(subject, dtype), empty_batch=_empty_batch(subject, dtype))
    settle(backward=_backward(subject, dtype))
    return measured


def pair_case(subject: Subject, dtype: str, *, rank: int | None = None, center: float = 4.0, spread: float = 1.0) -> Case:
    """Two values a channel, center - spread and center + spread: mean center, biased variance spread**2, unbiased twice that."""
    rank = subject.convention.ranks[0] if rank is None else rank
    axis = subject.convention.channel_axis
    shape = [1] * rank
    shape[axis] = 3
    shape[0 if axis % rank else 1] = 2
    sign = np.ones(shape)
    np.moveaxis(sign, 0 if axis % rank else 1, 0)[0] = -1
    x = (center + spread * sign).astype(dtype_named(dtype))
    kept = parameter_dtype(dtype)
    ones = np.ones(3, kept)
    return Case(x, ones, 0 * ones, 0 * ones, 16 * ones, 0.5, MOMENTA[0], np.ones_like(x), axis)


def _answer(subject: Subject, case: Case) -> Answer | None:
    """The training answer, None where there is none of the right shape."""
    subject.begin()
    try:
        answer = subject.train(case)
    except Fault:
        return None
    return answer if answer.y.shape == case.x.shape else None


def _ranks(subject: Subject, declared: Mapping[str, Any]) -> dict[str, Any]:
    """A rank that is answered with the right shape is offered; channels last only where channels first fails."""
    axes = [declared["channel_axis"]] if "channel_axis" in declared else [1, -1]
    offered = {axis: [rank for rank in declared.get("ranks", (2, 3, 4, 5)) if _offers(subject, rank, axis)] for axis in axes}
    axis = max(axes, key=lambda axis: (sum(rank > 2 for rank in offered[axis]), axis == axes[0]))
    return {"ranks": offered[axis] or [2], "channel_axis": axis}


def _offers(subject: Subject, rank: int, axis: int) -> bool:
    shape = list(LENGTHS[:rank])
    shape[axis] = 3
    subject.convention = replace(subject.convention, channel_axis=axis, ranks=(rank,))
    case = pair_case(subject, "float32", rank=rank)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return _answer(subject, case.replace(x=x, dy=None)) is not None


def _dtypes(subject: Subject, dtypes: Iterable[str]) -> dict[str, str]:
    """Why each dtype is not offered, "" where it is. Where none is, all are asked: then it is no missing capability."""
    refused: dict[str, str] = {}
    for dtype in dtypes:
        subject.begin()
        try:
            answer = subject.train(pair_case(subject, dtype))
        except (Fault, TypeError) as trouble:
            refused[dtype] = f"{dtype} is not offered: {_first_line(trouble)}"
            continue
        narrow = dtype == "float64" and answer.y.dtype.itemsize < 8
        refused[dtype] = f"float64 in, {answer.y.dtype} out: float64 is not offered" if narrow else ""
    return refused if any(not why for why in refused.values()) else dict.fromkeys(refused, "")


def _first_line(trouble: Fault | TypeError) -> str:
    said = trouble.text if isinstance(trouble, Fault) else str(trouble)
    return said.strip().split("\n")[0] or "no reason was given"


def _fixed(subject: Subject, dtype: str) -> dict[str, float]:
    """eps and momentum where the layer refuses to be given them, with the values that it uses instead."""
    case, fixed = pair_case(subject, dtype), {}
    for name in ("eps", "momentum"):
        subject.fixed = {other: 0.0 for other in ("eps", "momentum") if other != name}
        subject.begin()
        try:
            subject.train(case)
        except Fault as fault:
            if fault.status == "unsupported":
                fixed[name] = 0.0
    subject.fixed = dict(fixed)
    if "eps" in fixed:
        fixed["eps"] = measured_eps(subject, dtype) or 1e-5
    if "momentum" in fixed:
        fixed["momentum"] = _first_weight(subject, case) or 0.1
    return fixed


def measured_eps(subject: Subject, dtype: str) -> float | None:
    """eps from y = a / sqrt(a**2 + eps) for the pair -a, a, where a**2 comes near eps; None where y is no such number."""
    subject.fixed, held = {**subject.fixed, "eps": 0.0}, subject.fixed
    eps, spread = None, 2.0**-7
    try:
        for _ in range(3):
            answer = _answer(subject, pair_case(subject, dtype, center=0.0, spread=spread))
            top = 0.0 if answer is None else float(np.abs(answer.y).max())
            if not 0 < top < 1:
                break
            eps = spread**2 * (1 / top**2 - 1)
            spread = 2.0 ** np.floor(np.log2(eps) / 2)
    finally:
        subject.fixed = held
    return _rounded(eps)


def _rounded(value: float | None) -> float | None:
    """A measured number as the decimal it was meant to be; None where none is near, as where eps is not used as eps."""
    if value is None or not np.isfinite(value):
        return None
    for digits in (1, 2, 3):
        plain = float(f"{value:.{digits - 1}e}")
        if abs(plain - value) <= 1e-4 * abs(value):
            return plain
    return None


def _defaults(subject: Subject, dtype: str) -> dict[str, Any]:
    """eps and momentum of a layer that is given neither."""
    eps = subject.fixed.get("eps") or measured_eps(subject, dtype)
    held, subject.fixed = subject.fixed, {**subject.fixed, "momentum": 0.0}
    weight = _first_weight(subject, pair_case(subject, dtype))
    subject.fixed = held
    return {name: value for name, value in (("eps_default", eps), ("momentum_default", _rounded(weight))) if value is not None}


def _first_weight(subject: Subject, case: Case) -> float | None:
    """The weight of the batch in the running mean after one step from 0."""
    answer = _answer(subject, case)
    if answer is None or answer.running_mean is None:
        return None
    return float(answer.running_mean[0]) / 4


def _averaging(subject: Subject, dtype: str, warnings: list[str]) -> dict[str, Any]:
    """What momentum weighs, which start-up correction there is, and the kind of the running variance, rank by rank."""
    weights = {momentum: _weights(subject, dtype, momentum) for momentum in MOMENTA}
    choices = [("batch", "none"), ("running", "none"), ("cumulative", "none"), *product(("batch", "running"), ("first", "zero"))]

    def distance(choice: tuple[str, str]) -> float:
        convention = replace(subject.convention, momentum_weighs=choice[0], debias=choice[1])
        wanted = [float(convention.batch_weight(momentum, step)) for momentum in MOMENTA for step in (1, 2)]
        seen = [weight for momentum in MOMENTA for weight in weights[momentum]]
        return max(abs(a - b) if np.isfinite(a) else np.inf for a, b in zip(seen, wanted, strict=True))

    if "momentum" in subject.fixed:
        choices = [choice for choice in choices if choice[0] != "running"]
    best = min(choices, key=distance)
    if distance(best) > CLOSE:
        warnings.append("the running mean follows no known convention; it is judged by the nearest: momentum weighs the " + best[0])
    found: dict[str, Any] = {"momentum_weighs": best[0], "debias": best[1]}
    if best != ("batch", "none"):
        weight = subject.convention.momentum_default
        found["momentum_default"] = _rounded(1 - weight) if best == ("running", "none") and weight is not None else None
    kinds = {rank: _variance_kind(subject, dtype, rank, float(weights[MOMENTA[0]][0])) for rank in subject.convention.ranks}
    found["running_var"] = next(iter(kinds.values())) if len(set(kinds.values())) == 1 else kinds
    return found


def _weights(subject: Subject, dtype: str, momentum: float) -> tuple[float, float]:
    """The batch's weight in steps 1 and 2, from the running mean: batches of mean 4, then mean 12."""
    case = pair_case(subject, dtype).replace(momentum=subject.fixed.get("momentum", momentum))
    subject.begin()
    try:
        layer = subject.layer(case)
        states = []
        for shift in (0, 8):
            layer.forward(case.x + case.x.dtype.type(shift), training=True)
            states.append(float(layer.running()[0][0]))
    except Fault:
        return np.nan, np.nan
    first = states[0] / 4
    return first, (states[1] - states[0]) / (12 - states[0]) if states[0] != 12 else np.nan


def _variance_kind(subject: Subject, dtype: str, rank: int, weight: float) -> str:
    """Biased or unbiased, whichever is nearer to what one step from 16 made of a variance of 1 (or 2, unbiased)."""
    answer = _answer(subject, pair_case(subject, dtype, rank=rank))
    if answer is None or answer.running_var is None or not weight:
        return "biased"
    seen = (float(answer.running_var[0]) - (1 - weight) * 16) / weight
    return "unbiased" if abs(seen - 2) < abs(seen - 1) else "biased"


def _start(subject: Subject, dtype: str) -> dict[str, Any]:
    """The running statistics of a fresh layer that was given none."""
    case = pair_case(subject, dtype)
    subject.begin()
    try:
        layer = subject.layer(case, own_state=True)
        mean, var = layer.running()
    except Fault:
        return {}
    return {"running_start": [float(mean[0]), float(var[0])]}


def _single_value(subject: Subject, dtype: str) -> str:
    """Training with one value a channel."""
    case = pair_case(subject, dtype)
    single = case.replace(x=_first(case.x, case), beta=case.beta + 2, dy=None)
    answer = _answer(subject, single)
    if answer is None:
        return "error"
    if not np.allclose(answer.y.astype(float), 2.0):
        return "unobservable"
    still = answer.running_mean is not None and np.array_equal(answer.running_mean, case.running_mean)
    return "unchanged-state" if still else "beta"


def _empty_batch(subject: Subject, dtype: str) -> str:
    """Training with no value at all."""
    case = pair_case(subject, dtype)
    answer = _answer(subject, case.replace(x=_first(case.x, case, 0), dy=None))
    if answer is None:
        return "error"
    state = ((answer.running_mean, case.running_mean), (answer.running_var, case.running_var))
    still = all(after is None or np.array_equal(after, before) for after, before in state)
    return "unchanged" if still else "unobservable"


def _first(x: Array, case: Case, count: int = 1) -> Array:
    """The first samples of x, the batch being the first axis that is not the channel's."""
    return np.ascontiguousarray(np.take(x, range(count), 0 if case.channel_axis % x.ndim else 1))


def _backward(subject: Subject, dtype: str) -> str:
    """Gradients of inference count as offered where they are right: code without them answers with those of an older training."""
    if subject.link.started.words.get("backward") != "1":
        return "none"
    case = pair_case(subject, dtype).replace(eps=subject.fixed.get("eps", 0.0))
    subject.begin()
    try:
        answer = subject.infer_gradients(case)
    except Fault as fault:
        return "train" if fault.status in ("unsupported", "error") else "train+infer"
    right = float(case.gamma[0]) / np.sqrt(16 + case.eps)
    dx = answer.gradients.dx.astype(float) if answer.gradients is not None else np.zeros(1)
    return "train+infer" if np.allclose(dx, right, rtol=CLOSE) else "train"
