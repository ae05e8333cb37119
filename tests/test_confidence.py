"""Intervals cover what they promise and little more; metamorphic tolerances hold for correct code and not for wrong code."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import trials
from algorithms import OUTPUTS, chan, naive, standard, two_pass

from bnspec import bounds, confidence, exact
from bnspec.case import Array, Case
from bnspec.convention import TORCH


def judged(case: Case) -> tuple[exact.Exact, bounds.Bounds]:
    true = exact.train(case)
    return true, bounds.train_bounds(case, true, TORCH)


def random_cases(count: int, seed: int, dtype: str = "float32") -> list[Case]:
    rng = np.random.default_rng(seed)
    return [trials.random_case(dtype, rng) for _ in range(count)]


def computed(case: Case, output: str = "centred") -> Array:
    """y of a correct layer, in the case's own dtype."""
    x, _, gamma, beta = trials.columns(case, case.dtype)
    mean, var = two_pass(x, naive)
    return np.asarray(OUTPUTS[output](x, mean, trials.inverse_root(var, case.eps), gamma, beta))


def test_moments_of_correct_outputs_hold_and_those_without_eps_do_not() -> None:
    caught = informative = 0
    for case in random_cases(150, seed=1):
        true, limit = judged(case)
        mean_bound, var_bound = confidence.moment_bounds(true, limit.y, case)
        gamma = case.gamma.astype(float)
        wanted = gamma**2 * true.var * true.inv_std**2
        for output in OUTPUTS:
            y = computed(case, output).astype(float)
            assert (np.abs(y.mean(0) - case.beta) <= mean_bound).all()
            assert (np.abs(y.var(0) - wanted) <= var_bound).all()
        told = np.abs(gamma**2 - wanted) > 2 * var_bound  # a layer without eps has variance gamma**2
        wrong = gamma * (case.columns(case.x) - true.mean) / np.sqrt(np.maximum(true.var, 1e-300)) + case.beta
        informative += int((told & (true.var > 0)).sum())
        caught += int((told & (true.var > 0) & (np.abs(wrong.var(0) - wanted) > var_bound)).sum())
    assert caught == informative > 50


def test_the_moments_of_outputs_far_from_zero_are_rounded_at_their_size() -> None:
    """With exact outputs at 1e6 and a spread of 1e-10, all that is left is the mean of y, rounded."""
    case = trials.plain_case(np.array([[1.0], [3.0], [8.0]])).replace(gamma=np.full(1, 1e-10), beta=np.full(1, 1e6))
    mean_bound, var_bound = confidence.moment_bounds(exact.train(case), np.zeros((3, 1)), case)
    assert mean_bound == pytest.approx(6e6 * 2.0**-53, rel=1e-5, abs=0.0)
    assert var_bound == pytest.approx((5e6 * 2.0**-53) ** 2, rel=1e-5, abs=0.0)


def test_the_undone_transform_returns_x() -> None:
    worst = 0.0
    for case in random_cases(60, seed=2):
        true = exact.train(case)
        undoing = case.replace(gamma=(1 / true.inv_std).astype(np.float32), beta=true.mean.astype(np.float32))
        true, limit = judged(undoing)
        tolerance = confidence.undo_bound(true, limit.y, undoing)
        error = np.abs(computed(undoing).astype(float) - undoing.columns(undoing.x))
        assert (error <= tolerance).all()
        finite = np.isfinite(tolerance) & (tolerance > 0)
        worst = max(worst, float((error[finite] / tolerance[finite]).max(initial=0.0)))
    assert worst > 0.05


SCHEDULES = {"constant": [0.1] * 40, "cumulative": [1 / k for k in range(1, 41)], "copied first": [1.0] + [0.3] * 20}


def streams(weights: list[float], m: int, runs: int, *, unbiased: bool) -> tuple[Array, Array]:
    """Running mean and variance of `runs` independent streams of N(2, 3**2), started at 5 and 7."""
    rng = np.random.default_rng(3)
    mean, var = np.full(runs, 5.0), np.full(runs, 7.0)
    for weight in weights:
        batch = 2 + 3 * rng.standard_normal((m, runs))
        mean = (1 - weight) * mean + weight * batch.mean(0)
        var = (1 - weight) * var + weight * batch.var(0, ddof=int(unbiased))
    return mean, var


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("unbiased", [False, True])
def test_running_statistics_leave_their_interval_as_rarely_as_promised(name: str, unbiased: bool) -> None:
    weights, m, runs = SCHEDULES[name], 4, 20_000
    mean, var = streams(weights, m, runs, unbiased=unbiased)
    for alpha in (0.1, 0.01):
        interval = confidence.running_mean_confidence(weights, 5.0, 2.0, 3.0, m, alpha=alpha)
        outside = 1 - interval.holds(mean).mean()
        assert abs(outside - alpha) < 5 * math.sqrt(alpha / runs), "the mean is exactly normal, so its interval is exact"
        rough = confidence.running_var_confidence(weights, 7.0, 3.0, m, unbiased=unbiased, alpha=alpha)
        assert 1 - rough.holds(var).mean() <= alpha
    wide = confidence.running_var_confidence(weights, 7.0, 3.0, m, unbiased=unbiased)
    assert wide.holds(var).all()
    assert wide.high - wide.low < 60 * var.std(), "at one false alarm in 10**12 a normal interval would be 14 wide"


def test_the_centre_of_the_interval_knows_the_biased_variance() -> None:
    low, high = confidence.running_var_confidence([0.5] * 200, 1.0, 2.0, 4, unbiased=False, alpha=0.999999)
    assert low < 3 < high, "(m - 1) / m sigma**2 = 3, not 4"
    assert high < 4 + 3, "and the interval is no wider than a few standard deviations"


def test_before_the_first_batch_the_average_is_the_start() -> None:
    assert confidence.running_mean_confidence([], 5.0, 2.0, 3.0, 4) == (5.0, 5.0)
    assert confidence.running_var_confidence([], 7.0, 3.0, 4, unbiased=True) == (7.0, 7.0)


def test_a_schedule_is_the_weights_left_in_the_average() -> None:
    left, weights = confidence.schedule([0.5, 0.25])
    assert left == 0.375
    assert weights.tolist() == [0.375, 0.25]
    left, weights = confidence.schedule([1, 1 / 2, 1 / 3])
    assert left == 0
    np.testing.assert_allclose(weights, 1 / 3)


def test_an_interval_gives_way_to_rounding_but_not_to_nan() -> None:
    interval = confidence.Interval(np.array([0.0]), np.array([1.0]))
    assert interval.holds(np.array([-0.1, 0.0, 1.0, 1.1]), np.array([0.2, 0.0, 0.0, 0.2])).all()
    assert not interval.holds(np.array([1.1])).any()
    assert not interval.holds(np.array([math.nan]), 9.0).any()


def test_the_quantile_is_accurate_far_out() -> None:
    low, high = confidence.running_mean_confidence([1.0], 0.0, 0.0, 1.0, 1)
    assert high == -low
    assert 2 * NormalDist().cdf(float(low)) == pytest.approx(1e-12, rel=1e-6)


def gradient(case: Case) -> Array:
    x, dy, gamma, _ = trials.columns(case, case.dtype)
    mean, var = chan(x, naive)
    return np.asarray(standard(x, dy, mean, trials.inverse_root(var, case.eps), gamma, naive).dx)


def test_finite_differences_hold_for_matching_gradients_and_miss_a_lost_mean_term() -> None:
    rng, caught = np.random.default_rng(4), 0
    for _ in range(8):
        case = plain(rng)
        check = confidence.finite_difference_tolerance(case, rng.standard_normal((8, 3)), judged)
        y_plus, y_minus = computed(check.plus), computed(check.minus)
        dx = gradient(case)
        assert (np.abs(check.residual(y_plus, y_minus, dx)) <= check.tolerance).all()
        lost = case.gamma * exact.train(case).inv_std * case.columns(dy_of(case)).mean(0)
        caught += int((np.abs(check.residual(y_plus, y_minus, dx + lost)) > check.tolerance).all())
    assert caught == 8


def dy_of(case: Case) -> Array:
    assert case.dy is not None
    return case.dy


def plain(rng: np.random.Generator) -> Case:
    one = np.ones(3, np.float32)
    x, dy = rng.standard_normal((8, 3)), 3 + rng.standard_normal((8, 3))
    return Case(x.astype(np.float32), one, one, one, one, eps=1e-3, dy=dy.astype(np.float32))


def test_a_constant_channel_is_moved_by_its_eps() -> None:
    case = plain(np.random.default_rng(6)).replace(x=np.ones((8, 3), np.float32), eps=0.25)
    check = confidence.finite_difference_check(case, np.ones((8, 3)), 0.5, judged)
    assert (check.plus.x == 1.25).all()
    assert (check.minus.x == 0.75).all()


def test_finite_differences_need_a_dy() -> None:
    case = plain(np.random.default_rng(5))
    with pytest.raises(ValueError, match="this case has none"):
        confidence.finite_difference_check(case.replace(dy=None), np.ones((8, 3)), 0.1, judged)
