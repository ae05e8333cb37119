"""The oracle against two other derivations, bit for bit; what it refuses; which engine it takes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import exact_reference as reference
import numpy as np
import pytest
from exact_cases import MODES, X, answer, case_of, cases, is_defined, large
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnspec import doubledouble, exact, integers
from bnspec.case import Case, from_columns
from bnspec.convention import Convention
from bnspec.exact import Undefined


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
    got = exact.train(case_of([[-1e308], [1e308]], gamma=2.0, dy=np.full((2, 1), -1e308)))
    assert got.dbeta is not None
    assert (got.var.tolist(), got.dbeta.tolist()) == ([np.inf], [-np.inf])
    assert got.low["var"].tolist() == got.low["dbeta"].tolist() == [0.0]
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


def test_without_a_word_the_first_step_is_meant() -> None:
    average = Convention(momentum_weighs="cumulative")
    assert exact.train(case_of([[1.0], [3.0]], eps=1.0), average).running_mean == 2.0


def test_the_engine_follows_size_and_range() -> None:
    small, big = large(100, 10, "float64", 1), large(1001, 1, "float64", 1)
    assert exact.train(small).roundoff == exact.infer(small).roundoff == integers.PAIR_ROUNDOFF
    assert exact.train(big).roundoff == exact.infer(big).roundoff == doubledouble.PAIR_ROUNDOFF
    assert exact.train(big, low=False).roundoff == doubledouble.ROUNDOFF
    assert exact.train(big.replace(x=big.x * 1e-90)).roundoff == integers.PAIR_ROUNDOFF
    assert exact.train(big.replace(dy=big.x * 1e90)).roundoff == integers.PAIR_ROUNDOFF
    assert exact.train(big.replace(eps=1e-90)).roundoff == integers.PAIR_ROUNDOFF
