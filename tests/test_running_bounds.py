"""The bounds of the running statistics hold in every convention, for one update and for many."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
import trials
from algorithms import naive, two_pass, welford
from trials import ARITHMETICS, cases, plain_case

from bnspec import bounds, exact
from bnspec.case import Array
from bnspec.convention import KERAS, TORCH, Convention

CASES = 60
"""Random cases for each arithmetic and convention."""


@pytest.mark.parametrize("convention", [TORCH, KERAS, Convention(momentum_weighs="running")], ids=["torch", "keras", "running"])
@pytest.mark.parametrize(("dtype", "arithmetic"), ARITHMETICS)
def test_one_update_of_the_state_stays_within_b(dtype: str, arithmetic: str, convention: Convention) -> None:
    worst: dict[str, float] = defaultdict(float)
    for case in cases(dtype, arithmetic, CASES, seed=4):
        true = exact.train(case, convention)
        limit = bounds.train_bounds(case, true, convention, arithmetic=arithmetic)
        for statistics in (two_pass, welford):
            with np.errstate(all="ignore"):
                moments = statistics(case.columns(case.x).astype(arithmetic), naive)
                for _, output, got in trials.running_outputs(case, convention, arithmetic, moments):
                    worst[output] = max(worst[output], trials.ratio(got, output, true, limit, arithmetic))
    assert max(worst.values()) <= 1, worst
    assert min(worst.values()) > 0.1


SCHEDULES = {
    "constant": Convention(),
    "cumulative": Convention(momentum_weighs="cumulative"),
    "debiased": Convention(momentum_weighs="running", debias="zero"),
    "first copied": Convention(debias="first"),
}


def float32_averages(convention: Convention, momentum: float, batches: Array) -> Array:
    """The running mean after each batch mean of `batches`, in float32, the way such code is written."""
    T = np.float32
    given = T(momentum)
    keep, weight = (given, T(1) - given) if convention.momentum_weighs == "running" else (T(1) - given, given)
    state, seen = T(0), []
    for step, value in enumerate(batches.astype(T), start=1):
        if convention.momentum_weighs == "cumulative":
            keep, weight = T(1) - T(1) / T(step), T(1) / T(step)
        state = value if convention.debias == "first" and step == 1 else keep * state + weight * value
        seen.append(state / (T(1) - keep**step) if convention.debias == "zero" else state)
    return np.array(seen)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("momentum", [0.1, 0.01, 0.9, 0.99])
def test_repeated_updates_stay_within_the_accumulated_bound(name: str, momentum: float) -> None:
    convention, rng = SCHEDULES[name], np.random.default_rng(5)
    values = (3 + rng.standard_normal((60, 1))).astype(np.float32)
    got = float32_averages(convention, momentum, values[:, 0])
    state, local, shares = Fraction(0), [], []
    for step, value in enumerate(values, start=1):
        case = plain_case(np.array([value, value]), momentum=momentum, running_mean=np.array([float(state)]))
        true = exact.train(case, convention, step=step)
        local.append(bounds.train_bounds(case, true, convention, step=step).running_mean)
        weight = convention.batch_weight(momentum, step)
        state = (1 - weight) * state + weight * Fraction(float(value[0]))
        limit = bounds.repeated_running_bound(local, convention, momentum, "float32")
        shares.append(abs(float(Fraction(float(got[step - 1])) - state)) / float(limit[0]))
    assert 0.001 < max(shares) <= 1


def test_without_a_word_the_first_step_is_meant() -> None:
    average = SCHEDULES["cumulative"]
    case = plain_case(np.array([[1.0], [3.0]]), running_mean=np.array([7.0]))
    true = exact.train(case, average)
    first, second = (bounds.train_bounds(case, true, average, step=step).running_mean for step in (1, 2))
    assert bounds.train_bounds(case, true, average).running_mean == first != second
    local = [np.ones(1)] * 3
    third = 1 + 2 / 3 * (1 + 1 / 2)
    assert bounds.repeated_running_bound(local, average, 0.1, "float64")[0] == pytest.approx(third)


def test_the_running_variance_of_one_value_a_channel_has_no_factor() -> None:
    case = plain_case(np.array([[3.0]]))
    kinds = Convention(running_var="unbiased"), Convention(running_var="biased")
    unbiased, biased = (bounds.train_bounds(case, exact.train(case, kind), kind).running_var for kind in kinds)
    assert unbiased == biased
