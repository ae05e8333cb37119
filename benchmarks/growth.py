"""How the judge's cost grows: with elements and channels, beside other exact arithmetic, and with the laws that are asked."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from bnspec import bounds, exact
from bnspec.case import Case
from bnspec.comparing import compared
from bnspec.convention import TORCH

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

ELEMENTS = ((4, 3), (17, 3), (64, 3), (256, 3), (1024, 3), (16384, 3), (262144, 3))
"""(m, C) by which elements grow; the last are beyond the integers, in pairs of float64."""

CHANNELS = ((17, 1), (17, 4), (17, 16), (17, 50), (17, 200), (17, 1000))

LONGEST = 0.1
"""Seconds of computing that one figure is the mean over, or one call where that takes longer."""


def grown() -> list[dict[str, Any]]:
    """Microseconds of the oracle, the bounds and the comparison, for shapes with more and more in them."""
    rows = []
    for by, shapes in (("elements", ELEMENTS), ("channels", CHANNELS)):
        for m, channels in shapes:
            case = random_case(m, channels)
            true = exact.train(case, TORCH)
            limits = bounds.train_bounds(case, true, TORCH)
            got, low = case.columns(case.x), true.low.get("y", 0.0)
            rows.append(
                {
                    "by": by,
                    "shape": (m, channels),
                    "oracle": microseconds(lambda case=case: exact.train(case, TORCH)),
                    "bounds": microseconds(lambda case=case, true=true: bounds.train_bounds(case, true, TORCH)),
                    "comparison": microseconds(
                        lambda got=got, true=true, limits=limits, low=low: compared(got, true.y, limits.y, "float32", low)
                    ),
                }
            )
    return rows


def oracles() -> list[dict[str, Any]]:
    """Microseconds a case of everything exact there is, forward and backward; those that are not installed are left out."""
    rows = []
    for m, channels in ((8, 3), (17, 3), (256, 3)):
        case = random_case(m, channels)
        for name, derive in ways().items():
            took = microseconds(lambda way=derive, case=case: way(case))
            rows.append({"oracle": name, "shape": (m, channels), "microseconds": took})
    return rows


def ways() -> dict[str, Callable[[Case], object]]:
    """The derivations by name."""
    from exact_reference import in_balls, in_fractions

    def fractions(case: Case) -> object:
        outputs = [in_fractions(case, c, TORCH) for c in range(case.channels)]
        return [number(120) for out in outputs for name in ("y", "dx") for number in out[name]]

    found: dict[str, Callable[[Case], object]] = {
        "bnspec (integers to 1,000 elements, then pairs)": lambda case: exact.train(case, TORCH),
        "fractions.Fraction, roots to 120 bits": fractions,
    }
    if importlib.util.find_spec("mpmath"):
        found["mpmath, 120 bits"] = in_mpmath
    if importlib.util.find_spec("flint"):
        found["python-flint arb, 120 bits"] = lambda case: [in_balls(case, c, TORCH, 1, 120) for c in range(case.channels)]
    return found


def in_mpmath(case: Case) -> object:
    """The textbook's lines in mpmath, value by value."""
    import mpmath

    out = []
    with mpmath.workprec(120):
        for c in range(case.channels):
            x, dy = ([mpmath.mpf(value) for value in case.columns(part)[:, c].tolist()] for part in (case.x, case.upstream))
            m, gamma, beta = len(x), mpmath.mpf(float(case.gamma[c])), mpmath.mpf(float(case.beta[c]))
            mean = mpmath.fsum(x) / m
            centered = [value - mean for value in x]
            r = 1 / mpmath.sqrt(mpmath.fsum(value * value for value in centered) / m + case.eps)
            x_hat = [value * r for value in centered]
            dbeta, dgamma = mpmath.fsum(dy), mpmath.fsum(a * b for a, b in zip(dy, x_hat, strict=True))
            y = [gamma * value + beta for value in x_hat]
            dx = [gamma * r * (a - dbeta / m - b * dgamma / m) for a, b in zip(dy, x_hat, strict=True)]
            out.append((y, dx, dgamma))
    return out


def random_case(m: int, channels: int) -> Case:
    """A float32 case with gradients."""
    rng = np.random.default_rng(m * 1000 + channels)
    x, dy = (rng.standard_normal((m, channels)).astype(np.float32) for _ in range(2))
    gamma, beta, mean = (rng.standard_normal(channels).astype(np.float32) for _ in range(3))
    return Case(x, gamma, beta, mean, np.square(gamma), dy=dy)


def microseconds(call: Callable[[], object]) -> float:
    """Microseconds of computing that one call takes."""
    call()
    count, started = 0, process_time()
    while (spent := process_time() - started) < LONGEST or not count:
        call()
        count += 1
    return spent / count * 1e6


def per_law(seconds: Sequence[tuple[int, float]]) -> float:
    """Seconds that each further law costs: the slope of the line through (laws, seconds) that fits best."""
    laws, took = (np.array(part, float) for part in zip(*seconds, strict=True))
    return float(np.polyfit(laws, took, 1)[0])
