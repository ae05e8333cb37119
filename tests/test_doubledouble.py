"""Pairs of float64 against fractions, and the outputs made of them against the integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact_cases import answer, case_of, large
from hypothesis import given
from hypothesis import strategies as st

from bnspec import doubledouble, exact, integers
from bnspec.case import Array, Case
from bnspec.columns import columns_of
from bnspec.convention import TORCH
from bnspec.exact import Exact, Undefined


def magnitudes(case: Case, truth: Exact, *, training: bool) -> dict[str, Array]:
    """What the error of each output is measured in: the sizes of the terms that it is made of, and of their sensitivity to x."""
    assert case.dy is not None
    dy, gamma, r = np.abs(case.columns(case.dy)), np.abs(case.gamma), truth.inv_std
    sensitivity = 1 + (truth.abs_mean if training else 0) * r
    flow = dy + (dy.mean(axis=0) + np.abs(truth.x_hat) * (dy * np.abs(truth.x_hat)).mean(axis=0) if training else 0)
    return {
        "mean": truth.abs_mean if training else np.abs(truth.mean),
        "var": truth.var,
        "running_mean": np.abs(case.running_mean) + truth.abs_mean,
        "running_var": case.running_var + truth.var,
        "y": gamma * (np.abs(truth.x_hat) + sensitivity) + np.abs(case.beta),
        "dbeta": dy.sum(axis=0),
        "dgamma": (dy * (np.abs(truth.x_hat) + sensitivity)).sum(axis=0),
        "dx": gamma * r * flow * sensitivity,
    }


@pytest.mark.parametrize("training", [True, False], ids=["train", "infer"])
@pytest.mark.parametrize("kappa", [0.0, 1e3, 1e9])
@pytest.mark.parametrize(("m", "C"), [(2, 3), (37, 8), (1500, 2)])
def test_pairs_agree_with_integers(m: int, C: int, kappa: float, training: bool) -> None:
    for seed in range(3):
        case = large(m, C, "float64", seed, kappa=kappa)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exact, "INTEGER_ELEMENTS", case.x.size)
            truth = answer(case, TORCH if training else None)
            patch.setattr(exact, "INTEGER_ELEMENTS", 0)
            got = answer(case, TORCH if training else None)
        assert (truth.roundoff, got.roundoff) == (integers.PAIR_ROUNDOFF, doubledouble.PAIR_ROUNDOFF)
        for name, size in magnitudes(case, truth, training=training).items():
            difference = (getattr(got, name) - getattr(truth, name)) + (got.low[name] - truth.low[name])
            worst = np.max(np.abs(difference) / size) / doubledouble.PAIR_ROUNDOFF
            assert worst <= 1, f"{name}: {worst} units of its roundoff"
        for name in ("inv_std", "x_hat", "centered", "residual", "abs_mean", "abs_max"):
            np.testing.assert_allclose(getattr(got, name), getattr(truth, name), 2.0**-50, 2.0**-50, err_msg=name)


@given(value=st.floats(1e-30, 1e30), m=st.integers(1001, 5000))
def test_pairs_know_a_constant_channel(value: float, m: int) -> None:
    got = exact.train(case_of(np.full((m, 1), value), beta=0.3, eps=1e-5, dy=np.ones((m, 1))))
    assert got.roundoff == doubledouble.PAIR_ROUNDOFF
    assert got.mean.tolist() == [value]
    assert got.var.tolist() == got.low["var"].tolist() == got.low["mean"].tolist() == [0.0]
    assert set(got.y.ravel()) == {0.3}


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([2.0**-190, 1.0, 2.0**190]), cancels=st.booleans())
def test_operations_on_pairs_are_within_their_roundoff(seed: int, scale: float, cancels: bool) -> None:
    rng = np.random.default_rng(seed)
    draw = [rng.standard_normal((2, 4)) * scale for _ in range(2)]
    a, b = (doubledouble.Pair(*doubledouble.fast_two_sum(high, low * 2.0**-53 / 8)) for high, low in draw)
    if cancels:
        b = doubledouble.Pair(*doubledouble.fast_two_sum(-a.hi * (1 + 2.0**-50), b.lo))
    exactly = [[Fraction(h) + Fraction(low) for h, low in zip(p.hi, p.lo, strict=True)] for p in (a, b)]
    for result, wanted in (
        (a + b, [x + y for x, y in zip(*exactly, strict=True)]),
        (a - b, [x - y for x, y in zip(*exactly, strict=True)]),
        (a * b, [x * y for x, y in zip(*exactly, strict=True)]),
        (a / 7.0, [x / 7 for x in exactly[0]]),
        (a + b.hi, [x + Fraction(y) for x, y in zip(exactly[0], b.hi, strict=True)]),
        (a * b.hi, [x * Fraction(y) for x, y in zip(exactly[0], b.hi, strict=True)]),
    ):
        for high, low, want in zip(result.hi, result.lo, wanted, strict=True):
            assert abs(Fraction(high) + Fraction(low) - want) <= Fraction(doubledouble.PAIR_ROUNDOFF) * abs(want)
            assert abs(low) <= np.spacing(abs(high)) / 2
    square, root = a * a, (a * a).inverse_root()
    for s_high, s_low, high, low in zip(square.hi, square.lo, root.hi, root.lo, strict=True):
        one = (Fraction(s_high) + Fraction(s_low)) * (Fraction(high) + Fraction(low)) ** 2
        assert abs(one - 1) <= 2 * Fraction(doubledouble.PAIR_ROUNDOFF)


def test_halves_multiply_without_rounding() -> None:
    rng = np.random.default_rng(7)
    a, b = (rng.integers(2**52, 2**53, 2000).astype(np.float64) for _ in range(2))
    for part in (*doubledouble.split(a), *doubledouble.split(b)):
        assert all(int(each) * 2 // (int(each) & -int(each)) < 2**27 for each in np.abs(part) if each), "26 bits at most"
    product, error = doubledouble.two_product(a, b)
    assert all(int(x) * int(y) == int(p) + int(e) for x, y, p, e in zip(a, b, product, error, strict=True))


def test_the_roundoffs_are_those_that_were_proven() -> None:
    assert doubledouble.PAIR_ROUNDOFF == 2.0**-102
    assert 2.0**-53 < doubledouble.ROUNDOFF < 2.0**-53 * (1 + 2.0**-39)


def test_pairs_refuse_a_negative_running_variance() -> None:
    case = large(1001, 1, "float64", 3)
    assert exact.infer(case).roundoff == doubledouble.PAIR_ROUNDOFF
    with pytest.raises(Undefined, match=r"var \+ eps"):
        exact.infer(case.replace(running_var=np.array([-1.0])))


@pytest.mark.parametrize(("edge", "beyond"), [(2.0**200, np.inf), (2.0**-200, 0.0)])
def test_pairs_take_magnitudes_up_to_both_ends(edge: float, beyond: float) -> None:
    case = case_of([[1.0], [0.0]], eps=1.0)
    for sign in (1, -1):
        assert doubledouble.fits(columns_of(case.replace(x=np.array([[1.0], [sign * edge]]))))
        assert not doubledouble.fits(columns_of(case.replace(x=np.array([[1.0], [sign * np.nextafter(edge, beyond)]]))))
