"""Every bound is, number for number, what it was when its derivation was last checked: a bound that moves moves verdicts.

Whoever changes one on purpose changes its derivation in reference/bounds.md, runs this file as a program, and commits the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bnspec import bounds, confidence, exact
from bnspec.bounds_scalars import rounding
from bnspec.bounds_second_order import double_backward_bounds
from bnspec.case import Array, Case
from bnspec.convention import KERAS, TORCH, Convention

PINNED = Path(__file__).with_name("pinned_bounds.json")

FIELDS = ("mean", "var", "inv_std", "y", "running_mean", "running_var", "dbeta", "dgamma", "dx")

CONVENTIONS = {"torch": TORCH, "keras": KERAS, "debiased": Convention(debias="zero")}

SETTINGS = [
    (dtype, arithmetic, grade)
    for dtype, arithmetic in [
        ("float64", None),
        ("float32", None),
        ("float32", "float64"),
        ("float16", None),
        ("float16", "float16"),
    ]
    for grade in bounds.GRADES
]


def case(dtype: str, shape: tuple[int, int], seed: int, kappa: float) -> Case:
    rng = np.random.default_rng(seed)
    x, dy = ((kappa + rng.standard_normal(shape)).astype(dtype) for _ in range(2))
    kept = np.float32 if dtype == "float16" else np.dtype(dtype)
    gamma, beta, mean, var = (rng.uniform(0.5, 2, shape[1]).astype(kept) for _ in range(4))
    return Case(x, gamma, beta, mean, var, eps=1e-3, momentum=0.25, dy=dy)


def summary(values: Array | None) -> list[float] | None:
    """Smallest, largest, and sum: three numbers by which a change shows."""
    return None if values is None else [float(np.min(values)), float(np.max(values)), float(np.sum(values))]


@np.errstate(all="ignore")
def computed() -> Iterator[tuple[str, list[float] | None]]:
    for at, (dtype, arithmetic, grade) in enumerate(SETTINGS):
        asked = case(dtype, (2 + 5 * (at % 3), 2), at, kappa=float(at % 4))
        name = f"{dtype} in {arithmetic or 'its own'}, {grade}"
        for called, convention in CONVENTIONS.items():
            true = exact.train(asked, convention, step=3)
            limit = bounds.train_bounds(asked, true, convention, grade=grade, arithmetic=arithmetic, step=3)
            yield from ((f"{name}, {called}, {field}", summary(getattr(limit, field))) for field in FIELDS)
        limit = bounds.infer_bounds(asked, exact.infer(asked), grade=grade, arithmetic=arithmetic)
        yield from ((f"{name}, inference, {field}", summary(getattr(limit, field))) for field in FIELDS)
        if grade == "B":
            v = asked.columns(asked.x)[::-1] * 0.5
            second = double_backward_bounds(asked, exact.train(asked), v, v[0], v[1], arithmetic=arithmetic)
            yield from (
                (f"{name}, second order, {by}", summary(part)) for by, part in zip(("x", "dy", "gamma"), second, strict=True)
            )
    for grade, m in product(bounds.GRADES, (1, 2, 5000)):
        scalars = (value for value in astuple(rounding(m, "float32", grade, True)) if isinstance(value, float))
        yield f"scalars of {m} values, {grade}", list(scalars)
    repeated = bounds.repeated_running_bound([np.full(2, 1e-7)] * 5, KERAS, 0.9, "float32", first_step=2)
    yield "repeated steps", summary(repeated)
    yield from ((name, values.ravel().tolist()) for name, values in statistical())


def statistical() -> Iterator[tuple[str, Array]]:
    """What the bounds mean for moments, for the undone transform, for finite differences, and for streams of batches."""
    for dtype, m in product(("float64", "float32"), (2, 9)):
        asked = case(dtype, (m, 2), seed=m, kappa=1.0)
        true, limit = judged(asked)
        mean, var = confidence.moment_bounds(true, limit.y, asked)
        check = confidence.finite_difference_tolerance(asked, asked.columns(asked.x), judged)
        found = {
            "mean of y": mean,
            "variance of y": var,
            "undone": confidence.undo_bound(true, limit.y, asked),
            "finite differences": check.tolerance,
            "what these detect": check.detectable(),
            "distance of the two": check.plus.x[0] - check.minus.x[0],
        }
        if dtype == "float32":  # between neighbours in float64 all but three digits of it cancel
            found["curvature"] = check.expected
        yield from ((f"{dtype} of {m} values, {what}", numbers) for what, numbers in found.items())
    for unbiased, m in product((False, True), (1, 2, 9)):
        of_mean = confidence.running_mean_confidence([0.5, 0.25, 0.125], 3.0, 2.0, 1.5, m)
        of_var = confidence.running_var_confidence([0.5, 0.25, 0.125], 3.0, 1.5, m, unbiased=unbiased)
        yield f"streams of {m} values a batch, {unbiased=}", np.array([*of_mean, *of_var])


def judged(asked: Case) -> tuple[exact.Exact, bounds.Bounds]:
    true = exact.train(asked)
    return true, bounds.train_bounds(asked, true, TORCH)


def test_no_bound_has_moved() -> None:
    pinned = json.loads(PINNED.read_text(encoding="utf-8"))
    now = dict(computed())
    assert now.keys() == pinned.keys()
    for name, numbers in now.items():
        assert numbers == (None if pinned[name] is None else pytest.approx(pinned[name], rel=1e-9, abs=0.0)), name


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in computed()]
    PINNED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
