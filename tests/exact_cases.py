"""Cases for the tests of the oracle: small ones of every kind that may be hard to round, and large ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from bnspec import exact
from bnspec.case import Array, Case, parameter_dtype
from bnspec.convention import KERAS, ONNX, PAPER, TORCH, Convention
from bnspec.exact import Exact

CONVENTIONS = {
    "torch": TORCH,
    "keras": KERAS,
    "onnx": ONNX,
    "paper": PAPER,
    "debiased": Convention(debias="zero"),
    "first copied": Convention(debias="first"),
    "by rank": Convention(running_var={2: "biased", 4: "unbiased"}),
    "no variance": Convention(running_var="none"),
}

SHAPES = [(1, 1), (2, 1), (3, 2), (2, 3), (5, 2), (9, 1), (2, 2, 3), (1, 3, 2), (2, 1, 2, 2), (1, 2, 2, 1, 3)]
FAMILIES = ["whole", "normal", "shifted", "constant", "wide", "subnormal"]
EPS = [0.0, 1.0, 1e-5, 1e-3, 1e-300, 2.0**-40]
DTYPES = ["float64", "float32", "float16", "bfloat16"]


def values(family: str, shape: tuple[int, ...], scale: float, kappa: float, rng: np.random.Generator) -> Array:
    z = rng.standard_normal(shape)
    if family == "whole":
        return rng.integers(-4, 5, shape).astype(np.float64)
    if family == "constant":
        return np.full(shape, scale * rng.standard_normal())
    if family == "wide":
        return z * 10.0 ** rng.uniform(-300, 290, shape)
    if family == "subnormal":
        return z * 1e-310
    return (z + kappa * (family == "shifted")) * scale


def narrowed(wide: Array, dtype: str) -> Array:
    """`wide` in another dtype, clipped to what that dtype holds; bfloat16 by its own package."""
    if dtype == "bfloat16":
        return np.clip(wide, -3.3e38, 3.3e38).astype(np.float32).astype(pytest.importorskip("ml_dtypes").bfloat16)
    largest = float(np.finfo(dtype).max)
    return np.clip(wide, -largest, largest).astype(dtype)


@st.composite
def cases(draw: st.DrawFn, dtypes: list[str] = DTYPES) -> Case:
    """Small cases of every kind that may be hard to round: square variances, large |mean|/std, the ends of the float range."""
    dtype, shape, family = draw(st.sampled_from(dtypes)), draw(st.sampled_from(SHAPES)), draw(st.sampled_from(FAMILIES))
    scale, kappa = 10.0 ** draw(st.integers(-15, 15)), 10.0 ** draw(st.integers(-3, 12 if dtype == "float64" else 6))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parameters = [values("whole" if family == "whole" else "normal", (shape[axis],), 1.0, 0.0, rng) for _ in range(4)]
    gamma, beta, mean, var = (narrowed(each, parameter_dtype(dtype).name) for each in parameters)
    x, dy = (narrowed(values(family, shape, scale, kappa, rng), dtype) for _ in range(2))
    momentum = draw(st.sampled_from([0.1, 0.0, 1.0, 0.99, 1e-20, None]))
    return Case(x, gamma, beta, mean, np.abs(var), draw(st.sampled_from(EPS)), momentum, dy, axis)


def answer(case: Case, convention: Convention | None, step: int = 1, *, low: bool | None = None) -> Exact:
    return exact.train(case, convention, step=step, low=low) if convention else exact.infer(case, low=low)


def is_defined(case: Case, convention: Convention | None) -> bool:
    columns = case.columns(case.x)
    spread = np.ptp(columns, axis=0) if convention else case.running_var
    return bool(case.eps > 0 or np.all(spread > 0))


X = np.arange(6.0).reshape(3, 2)

MODES = st.sampled_from([None, *CONVENTIONS.values()])


def case_of(x: Any, gamma: Any = 1.0, beta: Any = 0.0, **more: Any) -> Case:
    """A float64 case with gamma, beta and state filled in."""
    x = np.asarray(x, np.float64)
    C = x.shape[more.get("channel_axis", 1)]
    full: dict[str, Any] = {"running_mean": np.zeros(C), "running_var": np.ones(C), "eps": 0.0} | more
    return Case(x, np.full(C, gamma), np.full(C, beta), **full)


def large(m: int, C: int, dtype: str, seed: int, *, kappa: float = 1.0) -> Case:
    rng = np.random.default_rng(seed)
    gamma, beta, mean = (rng.standard_normal(C).astype(dtype) for _ in range(3))
    x, dy = (kappa + rng.standard_normal((m, C))).astype(dtype), rng.standard_normal((m, C)).astype(dtype)
    return Case(x, gamma, beta, mean, np.square(gamma), dy=dy)
