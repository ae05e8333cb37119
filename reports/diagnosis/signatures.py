"""Mistakes of rounding, told by their signature: what they answer depends on the order of sums, and cannot be simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnspec.case import Array
from bnspec.reports.diagnosis.evidence import Evidence, Place
from bnspec.reports.diagnosis.features import conditioned
from bnspec.reports.diagnosis.scripts import Script
from bnspec.reports.diagnosis.tolerance import Laxity

CANCELLING = 20.0
"""|mean| / deviation below which even a one-pass variance is right to all digits that matter."""


RANGE = 1e12
"""Numbers up to this size, and down to one over it, may be squared and summed in float32."""

IN_SINGLE = Laxity(arithmetic="float32")
"""The bounds of correct code that computes in float32."""

ONE_PASS = Laxity(grade="C")
"""The bounds of a variance for E[x**2] - E[x]**2."""

IN_HALF = Laxity(grade="B", arithmetic="float16")
"""The bounds of sums in half."""


@dataclass(frozen=True)
class Signature:
    """A bug that is told so: its slug or name, and within which laxer bounds its answers stay."""

    name: str
    laxity: Laxity


def recognised(evidence: Evidence, deviating: Sequence[Place], names: tuple[str, ...]) -> Signature | None:
    """The bug of rounding whose signature the deviating observations have: all of them, and none else.

    Of float64 that is computed in float32 only those in float64 have it; what is left then is looked at again.
    """
    if _is_single(evidence, deviating, names):
        return Signature("double-downcast", IN_SINGLE)
    far = all(conditioned(evidence.scripts[place.script]) >= CANCELLING for place in deviating)
    if far and _all_within(evidence, names, ONE_PASS):
        return Signature(_kind_of_one_pass(evidence), ONE_PASS)
    if _all_within(evidence, names, IN_HALF) and _is_rough(evidence, names):
        return Signature("statistics-accumulated-in-half", IN_HALF)
    return None


def _all_within(evidence: Evidence, names: tuple[str, ...], laxity: Laxity) -> bool:
    """Whether all that statistics of the batch go into keeps within these bounds, beside those that are allowed already."""
    return all(evidence.within(place, names, evidence.laxity | laxity) for place in _training(evidence))


def _is_single(evidence: Evidence, deviating: Sequence[Place], names: tuple[str, ...]) -> bool:
    """Whether every y of float64 holds numbers of float32 only, right to float32's digits, and most ordinary ones to no more."""
    if evidence.laxity.arithmetic is not None or not any(_is_double(evidence, place) for place in deviating):
        return False
    outputs = [place for name in ("y_train", "y_infer") for place in evidence.places.get(name, []) if _is_double(evidence, place)]
    if not all(_is_narrow(evidence.answers[place.script][place.spot.step].arrays.get("y", np.zeros(0))) for place in outputs):
        return False
    ordinary = [place for place in outputs if _is_ordinary(evidence.scripts[place.script])]
    off = sum(evidence.reproduces(place, names) is False for place in ordinary)
    return 2 * off >= len(ordinary) > 0 and all(evidence.within(place, names, IN_SINGLE) for place in ordinary)


def _is_double(evidence: Evidence, place: Place) -> bool:
    return evidence.dtypes[place.script] == "float64"


def _is_narrow(values: Array) -> bool:
    """Whether numbers of float64 are all numbers of float32, or none."""
    return bool(np.array_equal(values, values.astype(np.float32), equal_nan=True))


def _is_ordinary(script: Script) -> bool:
    """Whether float32 has digits enough, and the range, for all that goes into it."""
    parts = [part[np.isfinite(part) & (part != 0)] for request in script.requests for part in request.arrays.values()]
    sizes = np.abs(np.concatenate([part.ravel().astype(np.float64) for part in parts] or [np.ones(1)]))
    inside = bool(((sizes > 1 / RANGE) & (sizes < RANGE)).all())
    return inside and not script.edge and conditioned(script) < CANCELLING


def _training(evidence: Evidence) -> list[Place]:
    """What statistics of the batch go into."""
    return [place for name in ("y_train", "running_mean", "running_var") for place in evidence.places.get(name, [])]


def _kind_of_one_pass(evidence: Evidence) -> str:
    """What becomes of a variance that comes out negative: it stays so, or is 0, or is taken as positive."""
    implied = np.concatenate([_implied(evidence, place) for place in evidence.places.get("running_var", [])] or [np.ones(1)])
    nan = any(
        np.isnan(reply.arrays["y"].astype(np.float64)).any()
        for script, answers in zip(evidence.scripts, evidence.answers, strict=True)
        for reply in answers
        if "y" in reply.arrays and not script.edge
    )
    return "var-one-pass-unclamped" if nan or (implied < 0).any() else "var-one-pass-clamped"


def _implied(evidence: Evidence, place: Place) -> Array:
    """The batch's variance that the first step of a running one has taken in, (C,)."""
    script, answers = evidence.scripts[place.script], evidence.answers[place.script]
    layer = script.requests[0]
    if place.spot.step != 2 or "running_var" not in layer.arrays or "momentum" not in layer.words:
        return np.zeros(0)
    weight = float(evidence.convention.batch_weight(float(layer.words["momentum"])))
    old, new = layer.arrays["running_var"].astype(np.float64), answers[2].arrays["var"].astype(np.float64)
    unit = np.finfo(evidence.laxity.arithmetic or layer.arrays["running_var"].dtype).eps
    moved = (new - (1 - weight) * old) / (weight or np.inf)
    return np.where(np.abs(moved) > 4 * unit * np.abs(old) / (weight or np.inf), moved, 0.0)


def _is_rough(evidence: Evidence, names: tuple[str, ...]) -> bool:
    """Whether y and both statistics deviate on most ordinary inputs by more than float32 explains: sums are rounded to half."""
    single = Laxity(grade="B", arithmetic="float32")
    for component in ("y_train", "running_mean", "running_var"):
        places = [one for one in evidence.places.get(component, []) if conditioned(evidence.scripts[one.script]) < CANCELLING]
        deviating = sum(not evidence.within(place, names, single) for place in places)
        if 2 * deviating < max(len(places), 1):
            return False
    return True
