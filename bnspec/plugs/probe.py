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

from bnspec.case import HALF_DTYPES, Case
from bnspec.convention import Convention
from bnspec.plugs import half_parameters
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.gradients_offered import find_backward
from bnspec.plugs.offers import USUAL, answered, find_dtypes, find_ranks, first_samples, pair_case
from bnspec.plugs.starts import find_start
from bnspec.plugs.subject import Answer, Subject
from bnspec.plugs.unusual import unusual

MOMENTA = (USUAL["momentum"], 0.875)
"""Two arguments, none of them the complement of the other, exact in every dtype."""

CLOSE = 1e-2
"""How near a measured weight must be to a convention's: conventions differ by far more, rounding by far less."""


@dataclass
class Measured:
    """What probing found.

    convention   the choices, declared ones first
    dtypes       the dtypes asked for -> "" where offered, else why not
    warnings     what is odd but no failure
    """

    convention: Convention
    dtypes: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def measure(subject: Subject, declared: Mapping[str, Any], dtypes: Iterable[str]) -> Measured:
    """Probe `subject`, whose own convention is replaced step by step; what is declared is believed and not measured."""
    found: dict[str, Any] = {}
    measured, dtypes = Measured(subject.convention), list(dtypes)

    def settle(**choices: Any) -> None:
        found.update({name: value for name, value in choices.items() if name not in declared})
        subject.convention = measured.convention = Convention.from_mapping({**found, **declared})

    settle(**find_ranks(subject, declared, dtypes, measured.warnings))
    subject.lacks.discard("train")  # a rank may have refused training that the first offered one does not
    measured.dtypes = find_dtypes(subject, dtypes)
    dtype = next((name for name, refused in measured.dtypes.items() if not refused and name not in HALF_DTYPES), "float32")
    settle(affine=not {"gamma", "beta"} <= set(subject.withheld))
    settle(**find_start(subject, dtype))
    _fix(subject, dtype, declared)
    trains = "train" in subject.scope
    settle(**(_defaults(subject, dtype) if trains else {}))
    if trains and "running" in subject.scope:
        settle(**_averaging(subject, dtype, measured.warnings))
    if trains:
        settle(single_value=_single_value(subject, dtype), empty_batch=_empty_batch(subject, dtype))
    if "backward" not in declared:
        settle(backward=find_backward(subject, dtype, measured.warnings))
    offered = [name for name in HALF_DTYPES if measured.dtypes.get(name) == ""]
    subject.half_parameters = {name: half_parameters.refusal(subject, name) for name in offered}
    if subject.fixed:
        kept = ", ".join(f"{name} = {value:g}" for name, value in subject.fixed.items())
        measured.warnings.append(f"it is asked only with {kept}, since it does not let itself be given another value")
    measured.warnings += unusual(measured.convention, declared)
    return measured


def _fix(subject: Subject, dtype: str, declared: Mapping[str, Any]) -> None:
    """Find out what the parts of a setup are that the layer does not let itself be given; without numbers, the usual ones."""
    mean, var = subject.convention.running_start
    usual = {"gamma": 1.0, "beta": 0.0, "running_mean": mean, "running_var": var}
    fixed = {name: usual[name] for name in subject.withheld if name in usual}
    if "eps" in subject.withheld:
        fixed["eps"] = declared.get("eps_default") or measured_eps(subject, dtype) or 1e-5
    subject.fixed = fixed
    if "momentum" in subject.withheld:
        first, second = batch_weights(subject, dtype, USUAL["momentum"])
        weight = second if abs(first - 1) < CLOSE and abs(second - 0.5) > CLOSE else first
        subject.fixed = {**fixed, "momentum": _rounded(weight) or 0.1}


def measured_eps(subject: Subject, dtype: str) -> float | None:
    """eps from y = a / sqrt(a**2 + eps) for the pair -a, a, where a**2 comes near eps; None where y is no such number."""
    eps, spread, held = None, 2.0**-7, subject.withheld
    subject.withheld = tuple({*held, "eps"})
    try:
        for _ in range(5):
            case = pair_case(subject, dtype, center=0.0, spread=spread)
            answer, share = answered(subject, case), float(np.square(case.x.astype(float)).mean()) / spread**2
            top = 0.0 if answer is None else float(np.abs(answer.y.astype(float)).max())
            if not 0 < top < np.inf:
                break
            eps = spread**2 * (1 / top**2 - share) if share * top**2 < 1 else None
            spread = spread / 256 if eps is None else 2.0 ** np.floor(np.log2(eps) / 2)
    finally:
        subject.withheld = held
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
    held, subject.withheld = subject.withheld, tuple({*subject.withheld, "momentum"})
    weight, _ = batch_weights(subject, dtype, USUAL["momentum"])
    subject.withheld = held
    found = {"eps_default": eps, "momentum_default": _rounded(weight)}
    return {name: value for name, value in found.items() if value is not None}


def _averaging(subject: Subject, dtype: str, warnings: list[str]) -> dict[str, Any]:
    """What momentum weighs, which start-up correction there is, and the kind of the running variance, rank by rank."""
    momenta = [subject.fixed["momentum"]] if "momentum" in subject.fixed else MOMENTA
    seen = [weight for momentum in momenta for weight in batch_weights(subject, dtype, momentum)]
    subject.weights = tuple(seen)
    choices = [("batch", "none"), ("running", "none"), ("cumulative", "none"), *product(("batch", "running"), ("first", "zero"))]
    if "momentum" in subject.fixed:  # what is measured there is the weight of the batch
        choices = [choice for choice in choices if choice[0] != "running"]

    def distance(choice: tuple[str, str]) -> float:
        convention = replace(subject.convention, momentum_weighs=choice[0], debias=choice[1])
        wanted = [float(convention.batch_weight(momentum, step)) for momentum in momenta for step in (1, 2)]
        return max(abs(a - b) if np.isfinite(a) else np.inf for a, b in zip(seen, wanted, strict=True))

    best = min(choices, key=distance)
    if distance(best) > CLOSE and np.isfinite(seen).any():
        warnings.append("the running mean follows no known convention; it is judged by the nearest: momentum weighs the " + best[0])
    found: dict[str, Any] = {"momentum_weighs": best[0], "debias": best[1]}
    if best != ("batch", "none"):
        weight = subject.convention.momentum_default
        found["momentum_default"] = _rounded(1 - weight) if best == ("running", "none") and weight is not None else None
    kinds = {rank: _variance_kind(subject, dtype, rank, seen[0]) for rank in subject.convention.ranks}
    found["running_var"] = next(iter(kinds.values())) if len(set(kinds.values())) == 1 else kinds
    return found


def batch_weights(subject: Subject, dtype: str, momentum: float, *, inference_between: bool = False) -> tuple[float, float]:
    """The batch's weight in steps 1 and 2, from the running mean: batches of mean 4, then mean 12. NaN where there is none."""
    case = pair_case(subject, dtype).replace(momentum=momentum)
    subject.begin()
    try:
        layer = subject.layer(case)
        states = [float(case.running_mean[0])]
        for shift in (0, 8):
            layer.forward(case.x + case.x.dtype.type(shift), training=True)
            if inference_between:
                layer.forward(case.x, training=False)
            states.append(float(layer.running()[0][0]))
    except (Fault, BudgetSpent):
        return np.nan, np.nan
    moves = zip(states, states[1:], (4, 12), strict=False)
    first, second = ((after - before) / (mean - before) if before != mean else np.nan for before, after, mean in moves)
    return first, second


def _variance_kind(subject: Subject, dtype: str, rank: int, weight: float) -> str:
    """Biased or unbiased, whichever is nearer to what one step from the start made of the batch's: of two values 1, or 2."""
    case = pair_case(subject, dtype, rank=rank)
    answer = answered(subject, case)
    if answer is None or answer.running_var is None or not weight or case.m < 2:
        return "biased"
    seen = (float(answer.running_var[0]) - (1 - weight) * float(case.running_var[0])) / weight
    var = float(np.square(case.x.astype(float) - 4).mean())
    return "unbiased" if abs(seen - var * case.m / (case.m - 1)) < abs(seen - var) else "biased"


def _single_value(subject: Subject, dtype: str) -> str:
    """Training with one value a channel."""
    case = pair_case(subject, dtype)
    single = case.replace(x=first_samples(case.x, case), beta=case.beta + 2 * ("beta" not in subject.fixed), dy=None)
    answer = answered(subject, single)
    if answer is None:
        return "error"
    if not np.allclose(answer.y.astype(float), float(single.beta[0])):
        return "unobservable"
    return "unchanged-state" if _still(answer, case) and "running" in subject.scope else "beta"


def _empty_batch(subject: Subject, dtype: str) -> str:
    """Training with no value at all."""
    case = pair_case(subject, dtype)
    answer = answered(subject, case.replace(x=first_samples(case.x, case, 0), dy=None))
    if answer is None:
        return "error"
    return "unchanged" if _still(answer, case) else "unobservable"


def _still(answer: Answer, case: Case) -> bool:
    """Whether the running statistics, where there are any, are what they were."""
    state = ((answer.running_mean, case.running_mean), (answer.running_var, case.running_var))
    return all(after is None or np.array_equal(after, before) for after, before in state)
