"""Mistakes of rounding, told by their signature: what they answer depends on the order of sums, and cannot be simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnspec.case import Array
from bnspec.reports.diagnosis.evidence import Evidence, Place
from bnspec.reports.diagnosis.features import conditioned
from bnspec.reports.diagnosis.tolerance import Laxity

CANCELLING = 20.0
"""|mean| / deviation below which even a one-pass variance is right to all digits that matter."""


@dataclass(frozen=True)
class Signature:
    """A bug that is told so: its slug or name, and within which laxer bounds its answers stay."""

    name: str
    laxity: Laxity


def recognised(evidence: Evidence, deviating: Sequence[Place], names: tuple[str, ...]) -> Signature | None:
    """The bug of rounding whose signature the deviating observations have: all of them, and none else."""
    one_pass, in_half = Laxity(grade="C"), Laxity(grade="B", arithmetic="float16")
    far = all(conditioned(evidence.scripts[place.script]) >= CANCELLING for place in deviating)
    if far and all(evidence.within(place, names, one_pass) for place in _training(evidence)):
        return Signature(_kind_of_one_pass(evidence), one_pass)
    if all(evidence.within(place, names, in_half) for place in _training(evidence)) and _is_rough(evidence, names):
        return Signature("statistics-accumulated-in-half", in_half)
    return None


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
    unit = np.finfo(layer.arrays["running_var"].dtype).eps
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
