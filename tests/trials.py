"""Adversarial cases for the error bounds, and how far an algorithm's outputs lie from the exact values in units of a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import ml_dtypes  # noqa: F401  (teaches NumPy the name bfloat16)
import numpy as np
from algorithms import BACKWARDS, ONE_SUM, OUTPUTS, STATISTICS, SUMS, UPDATES, Moments

from bnspec import exact
from bnspec.bounds import Bounds, may_overflow
from bnspec.bounds_scalars import FORMATS
from bnspec.case import Array, Case, parameter_dtype
from bnspec.convention import Convention

ARITHMETICS = [
    ("float32", "float32"),
    ("float64", "float64"),
    ("float16", "float16"),
    ("float16", "float32"),
    ("bfloat16", "float32"),
]
"""Dtypes of x with dtypes of the arithmetic: two plain ones, pure half, and half with float32 accumulation."""

FAMILIES = [
    *("normal", "scaled", "far_mean", "any_mean", "constant", "few_ulps", "outlier", "tiny_variance"),
    *("sorted", "alternating", "uniform", "lognormal", "whole", "big_first", "sticky", "subnormal"),
]
"""The inputs: each is hard for some algorithm, or easy to get wrong."""


def family(name: str, m: int, C: int, dtype: str, rng: np.random.Generator) -> Array:
    """Columns (m, C) of the named family, rounded to `dtype`."""
    half = dtype in ("float16", "bfloat16")
    wide = 3 if half else 6

    def power(low: float, high: float) -> float:
        return float(10.0 ** rng.uniform(low, high))

    z = rng.standard_normal((m, C))
    makers: dict[str, Callable[[], Array]] = {
        "normal": lambda: z,
        "scaled": lambda: z * (power(-3, 3) if half else power(-14, 14)),
        "far_mean": lambda: z + 100 * rng.choice([-1, 1]),
        "any_mean": lambda: z + power(0, wide + 0.5 * (not half)),
        "constant": lambda: np.ones((m, 1)) * rng.uniform(-3, 3, C),
        "few_ulps": lambda: rng.uniform(1, 2, C) * (1 + 2 * FORMATS[dtype].unit * rng.integers(0, 3, (m, C))),
        "outlier": lambda: 0.01 * z + power(0, 3) * (np.arange(m) == rng.integers(m))[:, None],
        "tiny_variance": lambda: z * power(-5, -2),
        "sorted": lambda: np.sort(z + rng.uniform(0, 5), axis=0),
        "alternating": lambda: 0.01 * z + (power(0, 3) * (-1.0) ** np.arange(m))[:, None],
        "uniform": lambda: rng.random((m, C)),
        "lognormal": lambda: np.exp(2 * z),
        "whole": lambda: rng.integers(-5, 6, (m, C)).astype(float),
        "big_first": lambda: z + power(1, wide) * (np.arange(m) == 0)[:, None],
        "sticky": lambda: 0.1 + 1e-3 * z,  # every addition of a recursive sum rounds the same way
        "subnormal": lambda: z * (1e-6 if half else 1e-39 if dtype == "float32" else 1e-309),
    }
    return makers[name]().astype(dtype)


def upstream(m: int, C: int, rng: np.random.Generator) -> Array:
    """dy of one of four kinds: noise, noise on a constant, one value alone, or all equal."""
    noise = rng.standard_normal((m, C))
    alone = (np.arange(m) == rng.integers(m))[:, None] * np.ones(C)
    kinds: list[Array] = [noise, 10 + noise, alone, np.ones((m, C))]
    return np.asarray(kinds[rng.integers(4)] * 10.0 ** rng.integers(-2, 3))


def random_case(dtype: str, rng: np.random.Generator, *, names: list[str] = FAMILIES, arithmetic: str | None = None) -> Case:
    """A case none of whose intermediates overflows; parameters and state are numbers of the arithmetic too."""
    held = parameter_dtype(dtype)

    def values(low: float, high: float, C: int) -> Array:
        sizes = 10.0 ** rng.uniform(low, high, C)
        return sizes.astype(arithmetic or held).astype(held)

    while True:
        m, C = int(rng.choice([2, 3, 4, 7, 8, 17, 33, 64])), int(rng.integers(1, 4))
        case = Case(
            x=family(str(rng.choice(names)), m, C, dtype, rng),
            gamma=values(-2, 2, C) * rng.choice([-1, 1], C).astype(held),
            beta=values(-2, 2, C) * rng.choice([-1, 1], C).astype(held),
            running_mean=values(-1, 1, C),
            running_var=values(-2, 2, C),
            eps=float(rng.choice([1e-12, 1e-5, 1e-3, 1.0] if dtype != "float16" else [1e-5, 1e-3, 1.0])),
            momentum=float(rng.choice([0.01, 0.1, 0.5, 0.9, 0.99, 1.0])),
            dy=upstream(m, C, rng).astype(dtype),
        )
        if not may_overflow(case, arithmetic=arithmetic) and not may_overflow(case, training=False, arithmetic=arithmetic):
            return case


def cases(dtype: str, arithmetic: str, count: int, *, seed: int) -> list[Case]:
    """So many random cases; where x's own dtype is the arithmetic, gamma, beta and the state are numbers of it too."""
    rng = np.random.default_rng(seed)
    return [random_case(dtype, rng, arithmetic=arithmetic if dtype == arithmetic else None) for _ in range(count)]


def plain_case(x: Array, **changes: object) -> Case:
    """x (m, C) with gamma 1, beta 0, a fresh state and dy = 1, 2, 3, ..."""
    C, held = x.shape[1], np.float64 if x.dtype == np.float64 else np.float32
    one, zero = np.ones(C, held), np.zeros(C, held)
    return Case(
        x=x, gamma=one, beta=zero, running_mean=zero, running_var=one, dy=np.arange(x.size).reshape(x.shape).astype(x.dtype)
    ).replace(**changes)


def ratio(got: Array, name: str, true: exact.Exact, bounds: Bounds, dtype: str) -> float:
    """max |got - exact| / bound for one output; an overflow is right where the bound reaches the largest number of `dtype`."""
    bound, want = getattr(bounds, name), getattr(true, name)
    got = np.asarray(got).astype(np.float64)
    may_be_inf = np.isinf(got) & (np.abs(want) + bound >= FORMATS[dtype].largest)
    with np.errstate(all="ignore"):
        error = np.abs((got - want) - true.low.get(name, 0.0))
        shares = np.where((error == 0) | may_be_inf | np.isinf(bound), 0.0, error / bound)
    return float(np.where(np.isnan(shares), np.inf, shares).max(initial=0.0))


def columns(case: Case, arithmetic: str) -> tuple[Array, Array, Array, Array]:
    """x, dy, gamma, beta as columns of the arithmetic."""
    assert case.dy is not None
    given = (case.columns(case.x), case.columns(case.dy), case.gamma, case.beta)
    x, dy, gamma, beta = (values.astype(arithmetic) for values in given)
    return x, dy, gamma, beta


def inverse_root(var: Array, eps: float) -> Array:
    """1 / sqrt(var + eps), each operation rounded."""
    T = var.dtype.type
    return np.asarray(T(1) / np.sqrt(var + T(eps)))


def training_outputs(
    case: Case, arithmetic: str, *, statistics: list[str], narrow: bool = False
) -> Iterator[tuple[str, str, Array]]:
    """(algorithm, output, columns) of every combination: each statistics with each sum, and on each of those every y and backward.

    narrow: keep the mean and inv_std in x's dtype (grade H).
    """
    x, dy, gamma, beta = columns(case, arithmetic)
    for name, (sum_name, total) in product(statistics, SUMS.items()):
        if name in ONE_SUM and sum_name != "naive":
            continue
        label = name if name in ONE_SUM else f"{name}/{sum_name}"
        mean, var = STATISTICS[name](x, total)
        inv_std = inverse_root(var, case.eps)
        if narrow:
            mean, inv_std = (kept.astype(case.dtype).astype(arithmetic) for kept in (mean, inv_std))
        yield from [(label, "mean", mean), (label, "var", var)]
        for way, output in OUTPUTS.items():
            yield f"{label} {way}", "y", output(x, mean, inv_std, gamma, beta).astype(case.dtype)
        for way, backward in BACKWARDS.items():
            dbeta, dgamma, dx = backward(x, dy, mean, inv_std, gamma, total)
            yield from [(f"{label} {way}", "dbeta", dbeta), (f"{label} {way}", "dgamma", dgamma)]
            yield f"{label} {way}", "dx", dx.astype(case.dtype)


def inference_outputs(case: Case, arithmetic: str) -> Iterator[tuple[str, str, Array]]:
    """(algorithm, output, columns) in inference: every form of y, dx = gamma r dy in both orders, both sums of dgamma."""
    x, dy, gamma, beta = columns(case, arithmetic)
    mean = case.running_mean.astype(arithmetic)
    inv_std = inverse_root(case.running_var.astype(arithmetic), case.eps)
    for way, output in OUTPUTS.items():
        yield way, "y", output(x, mean, inv_std, gamma, beta).astype(case.dtype)
    yield "left to right", "dx", (dy * gamma * inv_std).astype(case.dtype)
    yield "scale first", "dx", (dy * (gamma * inv_std)).astype(case.dtype)
    for name, total in SUMS.items():
        yield name, "dbeta", total(dy)
        yield f"{name} x_hat", "dgamma", total(dy * ((x - mean) * inv_std))
        yield f"{name} dot", "dgamma", total(dy * (x - mean)) * inv_std


def running_outputs(case: Case, convention: Convention, arithmetic: str, moments: Moments) -> Iterator[tuple[str, str, Array]]:
    """(algorithm, output, values) of one update of the state in every form; weights from the rounded momentum alone."""
    T = np.dtype(arithmetic).type
    given, m = T(case.momentum), T(case.m)
    keep, weight = (given, T(1) - given) if convention.momentum_weighs == "running" else (T(1) - given, given)
    unbiased = convention.variance_kind(case.x.ndim) == "unbiased"
    variances = [moments.var * m / (m - T(1)), moments.var * (m / (m - T(1)))] if unbiased else [moments.var]
    held = parameter_dtype(case.dtype)
    for name, update in UPDATES.items():
        old_mean, old_var = case.running_mean.astype(arithmetic), case.running_var.astype(arithmetic)
        yield name, "running_mean", update(old_mean, moments.mean, keep, weight).astype(held)
        for var in variances:
            yield name, "running_var", update(old_var, var, keep, weight).astype(held)
