"""The error bounds hold for correct algorithms, are near to them, and leave wrong formulas far outside."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict

import numpy as np
import pytest
import trials
from algorithms import STATISTICS, UNSTABLE, centred, naive, two_pass
from trials import ARITHMETICS, cases, plain_case

from bnspec import bounds, exact
from bnspec.bounds_forward import inv_std_error
from bnspec.bounds_scalars import FORMATS, averaging, growth, rounding
from bnspec.bounds_second_order import double_backward_bounds
from bnspec.case import Array, Case
from bnspec.convention import TORCH

STABLE = [name for name in STATISTICS if name not in UNSTABLE]

CASES = 40
"""Random cases for each arithmetic and mode; each is put to some 150 combinations of algorithms."""


def worst_training(dtype: str, arithmetic: str, grade: str, *, seed: int, narrow: bool = False) -> dict[tuple[str, bool], float]:
    """The largest ratio by (output, whether the algorithm is stable)."""
    worst: dict[tuple[str, bool], float] = defaultdict(float)
    for case in cases(dtype, arithmetic, CASES, seed=seed):
        true = exact.train(case)
        limit = bounds.train_bounds(case, true, TORCH, grade=grade, arithmetic=arithmetic)
        for name, output, got in trials.training_outputs(case, arithmetic, statistics=list(STATISTICS), narrow=narrow):
            key = output, not any(unstable in name for unstable in UNSTABLE)
            held = dtype if output in ("y", "dx") else arithmetic
            worst[key] = max(worst[key], trials.ratio(got, output, true, limit, held))
    return worst


@pytest.mark.parametrize(("dtype", "arithmetic"), ARITHMETICS)
def test_stable_algorithms_stay_within_b_and_all_within_c(dtype: str, arithmetic: str) -> None:
    with np.errstate(all="ignore"):
        stable = {key[0]: worst for key, worst in worst_training(dtype, arithmetic, "B", seed=1).items() if key[1]}
        everything = worst_training(dtype, arithmetic, "C", seed=2)
    assert set(stable) == {"mean", "var", "y", "dbeta", "dgamma", "dx"}
    assert max(stable.values()) <= 1, stable
    assert max(everything.values()) <= 1, everything
    assert stable["y"] > (0.3 if dtype == arithmetic else 0.1), "a bound that no algorithm comes near to says little"


@pytest.mark.parametrize(("dtype", "arithmetic"), ARITHMETICS)
def test_inference_stays_within_b(dtype: str, arithmetic: str) -> None:
    worst: dict[str, float] = defaultdict(float)
    for case in cases(dtype, arithmetic, CASES, seed=3):
        true = exact.infer(case)
        limit = bounds.infer_bounds(case, true, arithmetic=arithmetic)
        with np.errstate(all="ignore"):
            for _, output, got in trials.inference_outputs(case, arithmetic):
                held = dtype if output in ("y", "dx") else arithmetic
                worst[output] = max(worst[output], trials.ratio(got, output, true, limit, held))
        assert not limit.running_mean.any()
        assert not limit.running_var.any(), "inference leaves the state alone, to the bit"
    assert max(worst.values()) <= 1, worst
    assert worst["y"] > (0.3 if dtype == arithmetic else 0.1)


def test_the_bound_of_the_mean_is_nearly_attained() -> None:
    """A large first value makes a running sum lose the same part of every later one."""
    x = np.full((1000, 1), 0.0624, np.float32)
    x[0] = 2.0**20
    case = plain_case(x)
    true = exact.train(case)
    limit = bounds.train_bounds(case, true, TORCH)
    assert 0.95 < trials.ratio(two_pass(x, naive).mean, "mean", true, limit, "float32") <= 1


@pytest.mark.parametrize(("dtype", "far"), [("float32", [1e3, 3e3, 1e4]), ("float64", [1e6, 1e7, 3e7])])
def test_cancellation_puts_one_pass_variances_outside_b(dtype: str, far: list[float]) -> None:
    rng, worst = np.random.default_rng(6), defaultdict(list)
    for m in (2, 4, 8):
        for mean in far:
            case = plain_case((mean + rng.standard_normal((m, 4))).astype(dtype), eps=1e-5)
            true = exact.train(case)
            stable, lenient = (bounds.train_bounds(case, true, TORCH, grade=grade) for grade in "BC")
            assert bounds.informative(stable.var, true.var).mean() > 0.3
            for name in STATISTICS:
                _, var = STATISTICS[name](case.x, naive)
                worst[name].append(trials.ratio(var, "var", true, stable, dtype))
                assert trials.ratio(var, "var", true, lenient, dtype) <= 1
    assert min(np.median(worst["one_pass"]), np.median(worst["one_pass_sums"])) > 10
    assert max(max(worst[name]) for name in STABLE) < 0.1


def wrong_outputs(x: Array, eps: float) -> dict[str, Array]:
    """Three wrong formulas in float64: their error is the formula's, not the arithmetic's."""
    mean, var = x.mean(0), x.var(0)
    return {
        "eps outside the root": (x - mean) / (np.sqrt(var) + eps),
        "m - 1 in the output": (x - mean) / np.sqrt(x.var(0, ddof=1) + eps),
        "no eps": (x - mean) / np.sqrt(var),
    }


def test_wrong_formulas_lie_far_outside_even_c() -> None:
    x = np.random.default_rng(7).standard_normal((8, 3)).astype(np.float32)
    case = plain_case(x, eps=0.1)
    true = exact.train(case)
    limit = bounds.train_bounds(case, true, TORCH, grade="C")
    assert bounds.informative(limit.y.max(0), np.abs(true.y).max(0)).all()
    for name, y in wrong_outputs(case.columns(x), case.eps).items():
        assert trials.ratio(y, "y", true, limit, "float32") > 1000, name


def test_half_statistics_are_h_but_not_b() -> None:
    with np.errstate(all="ignore"):
        under_h = worst_training("float16", "float32", "H", seed=8, narrow=True)
        under_b = worst_training("float16", "float32", "B", seed=8, narrow=True)
    assert max(worst for (output, stable), worst in under_h.items() if stable and output in ("y", "dgamma", "dx")) <= 1
    assert under_b["y", True] > 2


def test_bounds_beyond_the_range_are_infinite_without_a_word() -> None:
    far = {"gamma": np.full(1, 1e308), "beta": np.zeros(1), "running_mean": np.zeros(1), "running_var": np.full(1, 1e-300)}
    case = Case(np.full((4, 1), 1e300), **far, eps=1e-300, momentum=0.1, dy=np.full((4, 1), 1e308))
    with np.errstate(all="raise"):
        limits = [bounds.infer_bounds(case, exact.infer(case)), bounds.train_bounds(case, exact.train(case), TORCH)]
        second = double_backward_bounds(case, exact.train(case), case.columns(case.x), np.ones(1), np.ones(1))
    assert [np.isinf(limit.y).all() for limit in limits] == [True, True]
    assert np.isinf(second[0]).all()


def test_the_grades_contain_one_another() -> None:
    for case in cases("float16", "float32", 10, seed=9):
        true = exact.train(case)
        a, b, c, h = (dataclasses.asdict(bounds.train_bounds(case, true, TORCH, grade=grade)) for grade in bounds.GRADES)
        for name in a:
            for inner, outer in ((a, b), (b, c), (b, h)):
                assert (inner[name] <= outer[name]).all(), name


def test_a_lost_variance_promises_nothing_in_its_channel_and_everything_else_in_the_others() -> None:
    x = np.array([[1e6, 1.0], [1e6 + 1, 2.0], [1e6 - 1, 4.0]], np.float32)
    case = plain_case(x, eps=1e-12)
    limit = bounds.train_bounds(case, exact.train(case), TORCH)
    assert limit.y.shape == (3, 2)
    for bound in (limit.y, limit.dx, limit.inv_std, limit.dgamma):
        assert bound is not None
        assert np.isinf(bound[..., 0]).all()
        assert np.isfinite(bound[..., 1]).all()


@np.errstate(divide="ignore")
def test_a_variance_less_certain_than_it_is_large_leaves_an_infinite_error() -> None:
    case = plain_case(np.eye(3))
    true, k = exact.train(case), rounding(case.m, case.dtype, "B", True)
    errors = [inv_std_error(true, share * (true.var + case.eps), case.eps, k)[0] for share in (0.5, 1.0, 2.0)]
    assert errors == [pytest.approx(2**0.5 - 1), math.inf, math.inf]


def test_the_oracles_own_error_is_inside() -> None:
    case = plain_case(np.random.default_rng(10).standard_normal((5, 2)))
    true = exact.train(case)
    sharp = dataclasses.asdict(bounds.train_bounds(case, dataclasses.replace(true, roundoff=0.0), TORCH))
    blunt = dataclasses.asdict(bounds.train_bounds(case, dataclasses.replace(true, roundoff=2.0**-20), TORCH))
    for name in sharp:
        assert (blunt[name] - sharp[name] >= 2.0**-20 * np.abs(getattr(true, name)) * (1 - 1e-6)).all(), name


def test_flushing_to_zero_costs_a_smallest_normal() -> None:
    case = plain_case(np.full((3, 1), 1e-39, np.float32), eps=1.0)
    true = exact.train(case)
    exactly, flushed = (bounds.train_bounds(case, true, TORCH, flush_to_zero=flush).mean for flush in (False, True))
    assert exactly < true.mean < flushed


def test_an_output_is_flushed_in_its_own_dtype_but_for_a_half_one() -> None:
    tiny, half = FORMATS["float32"].normal, FORMATS["float16"].subnormal
    assert rounding(3, "float32", "B", False, flush_to_zero=True).output_underflow == tiny / 2 + 2 * tiny
    assert rounding(3, "float16", "B", False, flush_to_zero=True).output_underflow == half / 2 + 2 * tiny


@pytest.mark.parametrize(("momentum", "roundings"), [(0.25, 5.0), (3.0, 15.0), (-2.0, 15.0)])
def test_weights_beyond_one_are_as_uncertain_as_they_are_large(momentum: float, roundings: float) -> None:
    assert averaging("batch", "none", momentum, 1).roundings == roundings


def test_welfords_constants_cover_what_his_recurrence_needs() -> None:
    """The sums in B3's proof, evaluated: both constants are above them for every m up to 4096, with room for second order."""
    m = np.arange(2, 4097, dtype=float)
    prefix = (m + 3 * (2 + np.log(m)) + 2) / m  # e_k in units of u sum|x| / k
    before = np.concatenate([[0.0], prefix[:-1]])  # the first mean is exact
    share = 1 / prefix
    cross = np.sqrt(np.cumsum(prefix**2 * m / (m - 1))) + np.sqrt(np.cumsum(before**2 * (m - 1) / m))
    square = np.cumsum(prefix * before)
    for index in (0, 1, 2, 6, 7, 62, 1022, 4094):
        k = rounding(int(m[index]), "float64", "B", training=True)
        assert share[index] * cross[index] / math.sqrt(m[index]) < 0.6 * k.var_cross
        assert share[index] ** 2 * square[index] / m[index] < 0.3 * k.var_square


def test_growth_is_infinite_where_roundings_add_up_to_everything() -> None:
    assert growth(3, 2.0**-24) == pytest.approx(3 * 2.0**-24)
    assert growth(2048, FORMATS["float16"].unit) == growth(2049, FORMATS["float16"].unit) == math.inf


def test_informative_means_a_tenth() -> None:
    assert bounds.informative([0.1, 0.11, np.inf, 0.0], [1.0, -1.0, 5.0, 0.0]).tolist() == [True, False, False, True]
    assert bounds.informative([0.3, 0.03], [3.0, -0.3]).tolist() == [True, True]


def test_the_conformance_limit_follows_the_dtype() -> None:
    assert [bounds.conformance_grade(dtype) for dtype in FORMATS] == ["B", "B", "H", "H"]


def test_cases_that_may_overflow_are_told() -> None:
    large = plain_case(np.array([[1e19], [-1e19]], np.float32))
    fine = plain_case(np.array([[1e10], [-1e10]], np.float32))
    half = plain_case(np.array([[300.0], [-300.0]], np.float16))
    assert bounds.may_overflow(large)
    assert not bounds.may_overflow(fine)
    assert not bounds.may_overflow(half)
    assert bounds.may_overflow(half, arithmetic="float16")
    flat = plain_case(np.array([[1e14], [-1e14]], np.float32))
    assert bounds.may_overflow(flat), "r**3 is subnormal"
    assert not bounds.may_overflow(flat.replace(dy=None))
    steep = fine.replace(x=fine.x * 0, eps=1e-30)
    assert bounds.may_overflow(steep), "r**3 overflows in the chain through dvar"
    assert bounds.may_overflow(steep.replace(running_mean=np.array([3e38], np.float32)), training=False)


def test_what_cannot_be_bounded_is_refused_in_a_sentence() -> None:
    case = plain_case(np.eye(3))
    true = exact.train(case)
    with pytest.raises(ValueError, match="grade must be one of A, B, C, H; got 'D'"):
        bounds.train_bounds(case, true, TORCH, grade="D")
    with pytest.raises(ValueError, match="got dtype 'int8'"):
        bounds.infer_bounds(case, true, arithmetic="int8")
    with pytest.raises(ValueError, match="compute them from a case with a dy"):
        bounds.train_bounds(case, exact.train(case.replace(dy=None)), TORCH)


def test_without_dy_there_are_no_gradient_bounds() -> None:
    case = plain_case(np.eye(3)).replace(dy=None)
    limit = bounds.train_bounds(case, exact.train(case), TORCH)
    assert (limit.dx, limit.dgamma, limit.dbeta) == (None, None, None)
    y = centred(case.x, *two_pass(case.x, naive)._replace(var=1 / np.sqrt(np.var(case.x, 0) + case.eps)), case.gamma, case.beta)
    assert (np.abs(y - exact.train(case).y) <= limit.y).all()
