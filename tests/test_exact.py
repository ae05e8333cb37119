"""The oracle against two other derivations, bit for bit, and its two engines against each other."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import exact_reference as reference
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnspec import doubledouble, exact, integers
from bnspec.case import Array, Case, from_columns, parameter_dtype
from bnspec.convention import KERAS, ONNX, PAPER, TORCH, Convention
from bnspec.exact import Exact, Undefined

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


@settings(max_examples=200, deadline=None)
@given(case=cases(), convention=MODES, step=st.integers(1, 4))
def test_every_output_is_the_correctly_rounded_fraction(case: Case, convention: Convention | None, step: int) -> None:
    assume(is_defined(case, convention))
    pairs, alone = answer(case, convention, step, low=True), answer(case, convention, step, low=False)
    for c in range(case.channels):
        for name, truth in reference.in_fractions(case, c, convention, step).items():
            numbers = truth if isinstance(truth, list) else [truth]
            wanted = np.array([reference.rounded_pair(number) for number in numbers])
            got = np.atleast_1d(getattr(pairs, name)[..., c])
            if name in reference.JUDGED:
                np.testing.assert_array_equal(got, wanted[:, 0], name)
                np.testing.assert_array_equal(np.atleast_1d(getattr(alone, name)[..., c]), wanted[:, 0], name)
                np.testing.assert_array_equal(np.atleast_1d(pairs.low[name][..., c]), wanted[:, 1], f"the rest of {name}")
            else:
                np.testing.assert_allclose(got, wanted[:, 0], 4 * 2.0**-53, 2.0**-1074, err_msg=name)


@settings(max_examples=150, deadline=None)
@given(case=cases(), convention=MODES, step=st.integers(1, 4))
def test_every_output_is_the_correctly_rounded_ball(case: Case, convention: Convention | None, step: int) -> None:
    pytest.importorskip("flint")
    assume(is_defined(case, convention))
    got = answer(case, convention, step)
    for c in range(case.channels):
        for name, truth in reference.in_balls(case, c, convention, step, 12000).items():
            for value, ends in zip(
                np.atleast_1d(getattr(got, name)[..., c]), truth if isinstance(truth, list) else [truth], strict=True
            ):
                assert value in {reference.rounded(end) for end in ends}, name


@given(case=cases(), convention=MODES, bits=st.integers(1, 60))
def test_narrowing_a_bracket_changes_no_answer(case: Case, convention: Convention | None, bits: int) -> None:
    assume(is_defined(case, convention))
    wanted = answer(case, convention, low=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integers, "PAIR_BITS", bits)
        got = answer(case, convention, low=True)
    for name in reference.JUDGED:
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), name)
        np.testing.assert_array_equal(got.low[name], wanted.low[name], f"the rest of {name}")


def case_of(x: Any, gamma: Any = 1.0, beta: Any = 0.0, **more: Any) -> Case:
    """A float64 case with gamma, beta and state filled in."""
    x = np.asarray(x, np.float64)
    C = x.shape[more.get("channel_axis", 1)]
    full: dict[str, Any] = {"running_mean": np.zeros(C), "running_var": np.ones(C), "eps": 0.0} | more
    return Case(x, np.full(C, gamma), np.full(C, beta), **full)


def test_a_rational_root_is_taken_as_it_is() -> None:
    got = exact.train(case_of([[-3.0], [3.0]], beta=-1.0))
    assert got.y.ravel().tolist() == [-2.0, 0.0]
    assert not got.low["y"].any()


def test_a_rational_tie_goes_to_even() -> None:
    got = exact.train(case_of([[-3.0], [3.0]], beta=2.0**-53))
    assert got.y.ravel().tolist() == [-1 + 2.0**-53, 1.0]
    assert got.low["y"].ravel().tolist() == [0.0, 2.0**-53]


def test_two_values_without_eps_have_no_gradient_at_all() -> None:
    got = exact.train(case_of([[0.1], [0.7]], dy=np.array([[3.0], [-1.0]])))
    assert got.dx is not None
    assert not got.dx.any()
    assert got.y.ravel().tolist() == [-1.0, 1.0]


def test_a_single_value_normalizes_to_beta() -> None:
    got = exact.train(case_of([[5.0, -2.0]], gamma=3.0, beta=0.25, eps=1e-5, dy=np.ones((1, 2))))
    assert got.dx is not None
    assert got.y.tolist() == [[0.25, 0.25]]
    assert got.var.tolist() == [0.0, 0.0]
    assert got.dx.tolist() == [[0.0, 0.0]]


def test_what_float64_cannot_hold_is_infinite_and_has_no_rest() -> None:
    got = exact.train(case_of([[-1e308], [1e308]], gamma=2.0))
    assert got.var.tolist() == [np.inf]
    assert got.low["var"].tolist() == [0.0]
    assert got.y.ravel().tolist() == [-2.0, 2.0]


def test_centered_does_not_come_from_the_rounded_mean() -> None:
    x = 1e12 + np.array([[0.0], [2.0**-13], [3 * 2.0**-13]])
    got = exact.train(case_of(x, eps=1e-20))
    wanted = [Fraction(k, 3 * 2**13) for k in (-4, -1, 5)]
    np.testing.assert_allclose(got.centered.ravel(), [float(w) for w in wanted], 2.0**-51)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -3])
def test_the_channel_axis_only_moves_channels(axis: int) -> None:
    rng = np.random.default_rng(axis + 4)
    shape = (2, 3, 4, 5)
    x, dy = rng.standard_normal((2, *shape))
    C = shape[axis]
    more: dict[str, Any] = {"eps": 1e-5, "running_mean": rng.standard_normal(C)}
    got = exact.train(case_of(x, 2.0, 1.0, dy=dy, channel_axis=axis, **more))
    flat = np.moveaxis(x, axis, -1).reshape(-1, C), np.moveaxis(dy, axis, -1).reshape(-1, C)
    wanted = exact.train(case_of(flat[0], 2.0, 1.0, dy=flat[1], **more))
    for name in reference.JUDGED:
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), name)
    assert from_columns(got.y, shape, axis).shape == shape


def test_the_gradient_may_be_finer_than_x() -> None:
    case = case_of(X, eps=1e-5, dy=X / 3)
    coarse, fine = exact.train(case.replace(x=X.astype(np.float32))), exact.train(case, low=False)
    for name in reference.JUDGED:
        np.testing.assert_array_equal(getattr(coarse, name), getattr(fine, name), name)


@pytest.mark.parametrize(("dtype", "pairs"), [("float64", True), ("float32", False), ("float16", False)])
def test_rests_are_given_where_the_judged_is_as_fine_as_the_judge(dtype: str, pairs: bool) -> None:
    case = case_of(X).replace(x=X.astype(dtype))
    for got in (exact.train(case), exact.infer(case)):
        assert (set(got.low) == {"mean", "var", "running_mean", "running_var", "y"}) is pairs
        assert got.roundoff == (2.0**-106 if pairs else 2.0**-53)
    assert exact.train(case, low=not pairs).roundoff == (2.0**-53 if pairs else 2.0**-106)


NO_TRUTH = {
    "no values": (case_of(np.empty((0, 2)), eps=1e-5), "mean of no values"),
    "NaN in x": (case_of(np.where(X == 3, np.nan, X)), "x holds"),
    "infinity in dy": (case_of(X, dy=np.where(X == 3, np.inf, X)), "dy holds"),
    "NaN in gamma": (case_of(X, gamma=np.nan), "gamma"),
    "infinity in the state": (case_of(X, running_mean=np.full(2, np.inf)), "running_mean"),
    "infinite eps": (case_of(X, eps=np.inf), "eps holds"),
    "zero variance": (case_of(np.ones((3, 2)), running_var=np.zeros(2)), r"var \+ eps"),
}


@pytest.mark.parametrize("mode", [exact.train, exact.infer])
@pytest.mark.parametrize("kind", NO_TRUTH)
@pytest.mark.parametrize("repeats", [1, 600])
def test_a_case_without_true_values_is_refused(mode: Any, kind: str, repeats: int) -> None:
    case, words = NO_TRUTH[kind]
    dy = None if case.dy is None else np.tile(case.dy, (repeats, 1))
    with pytest.raises(Undefined, match=words):
        mode(case.replace(x=np.tile(case.x, (repeats, 1)), dy=dy))


@pytest.mark.parametrize("momentum", [np.inf, np.nan])
def test_a_momentum_that_is_not_finite_is_refused(momentum: float) -> None:
    with pytest.raises(Undefined, match="momentum"):
        exact.train(case_of(X, momentum=momentum))


def test_a_negative_running_variance_is_refused_only_where_it_normalizes() -> None:
    case = case_of(X, running_var=np.array([1.0, -1.0]), eps=0.5)
    assert exact.train(case).running_var[1] == pytest.approx(0.9 * -1 + 0.1 * 4)
    with pytest.raises(Undefined, match=r"var \+ eps"):
        exact.infer(case)


def large(m: int, C: int, dtype: str, seed: int, *, kappa: float = 1.0) -> Case:
    rng = np.random.default_rng(seed)
    gamma, beta, mean = (rng.standard_normal(C).astype(dtype) for _ in range(3))
    x, dy = (kappa + rng.standard_normal((m, C))).astype(dtype), rng.standard_normal((m, C)).astype(dtype)
    return Case(x, gamma, beta, mean, np.square(gamma), dy=dy)


def test_the_engine_follows_size_and_range() -> None:
    small, big = large(100, 10, "float64", 1), large(1001, 1, "float64", 1)
    assert exact.train(small).roundoff == exact.infer(small).roundoff == integers.PAIR_ROUNDOFF
    assert exact.train(big).roundoff == exact.infer(big).roundoff == doubledouble.PAIR_ROUNDOFF
    assert exact.train(big, low=False).roundoff == doubledouble.ROUNDOFF
    assert exact.train(big.replace(x=big.x * 1e-90)).roundoff == integers.PAIR_ROUNDOFF
    assert exact.train(big.replace(dy=big.x * 1e90)).roundoff == integers.PAIR_ROUNDOFF
    assert exact.train(big.replace(eps=1e-90)).roundoff == integers.PAIR_ROUNDOFF


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
