"""Running statistics: what training leaves behind for inference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec import confidence
from bnspec.case import Case
from bnspec.plugs.identity import identify
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, judge, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.refusals import unless_refused
from bnspec.properties.stage import Refused, current
from bnspec.properties.strategies import cases
from bnspec.properties.streams import Stream, follow, gaussian_streams


@law("train", "running", against="momentum, Bessel, running update, eps")
@given(case=cases())
def test_running_statistics_move_by_one_exact_step(bn: Subject, case: Case) -> None:
    """Required. running = (1 - w) running + w batch, where w is the weight that the convention gives the batch.

    Sec. 3.1's moving averages. The convention (what momentum weighs, which variance is kept) was measured or declared before;
    here one step from any state must follow it, for the mean and the variance, whatever n and eps are.
    """
    assert_near(bn.train(case), train_truth(case), "running_mean", "running_var")


@law(
    "train",
    "running",
    against="inconsistent convention, running start, wrong declaration, Bessel, momentum, rank",
    share=0.01,
    parts=1,
)
@given(st.none())
def test_the_convention_is_of_one_piece(bn: Subject, nothing: None) -> None:
    """Required. One convention holds for the mean and the variance, every number of values, rank and dtype, and any order of calls.

    Which one is free, but it must be one; and where one is declared, it must be that. Asked anew here, in more ways than were
    needed to find it: `bnspec identify` shows the evidence.
    """
    found = identify(bn.link, bn.declared, ("float32", "float64"), bn.weights)
    seen()
    if found.contradictions:
        reject("convention", None, "\n".join(found.contradictions[:4]))


@law("train", "running", against="momentum, debias, running update, lifecycle", share=0.2)
@given(case=cases(max_values=16), steps=st.integers(2, 6))
def test_running_averages_follow_the_closed_form(bn: Subject, case: Case, steps: int) -> None:
    """Required. After k steps each batch's statistic has its step's weight, times (1 - weight) of every later step.

    The recursion unrolled in exact fractions, with batches that change: one step from the start hides a wrong start-up
    correction and a counter that is off by one.
    """
    batches = [case.x * case.x.dtype.type(1 + k % 3) + case.x.dtype.type(k) for k in range(steps)]
    follow(bn, case, batches)


@law("train", "running", against="momentum, Bessel, running update", share=0.05, dtypes=("float32", "float64"))
@given(stream=gaussian_streams())
def test_running_averages_converge(bn: Subject, stream: Stream) -> None:
    """Required. On batches of one population the running mean and variance come to the population's own, as near as chance allows.

    For a normal population the running mean is normal and the running variance a weighted sum of chi-squares; both must lie
    in an interval that a correct layer leaves once in 10**12 runs (reference/bounds.md). A biased running variance comes to
    (n - 1)/n of the population's, and the interval knows it.
    """
    case = stream.case
    ledger, answer = follow(bn, case, stream.batches)
    unbiased = current().convention.variance_kind(case.x.ndim) == "unbiased"
    population = (stream.std, case.m)
    intervals = {
        "running_mean": confidence.running_mean_confidence(ledger.weights, case.running_mean, stream.mean, *population),
        "running_var": confidence.running_var_confidence(ledger.weights, case.running_var, *population, unbiased=unbiased),
    }
    for name, (low, high) in intervals.items():
        got = getattr(answer, name).astype(float)
        reach = (high - low) / 2 + ledger.bounds[name]
        judge(answer, name, got, (low + high) / 2, reach, case=case, chance=True)


@law("train", "running", against="mode, running update")
@given(case=cases())
def test_training_output_knows_nothing_of_the_running_statistics(bn: Subject, case: Case) -> None:
    """Recommended. Training normalizes with the batch alone: another running state gives the same bits of y."""
    other = case.replace(running_mean=case.running_mean + 5, running_var=case.running_var * 3 + 1)
    assert_same(bn.train(other), bn.train(case), "y", case)


@law("train", "running", against="momentum, running update")
@given(case=cases(), weight=st.sampled_from((0.0, 1.0)))
def test_the_ends_of_momentum_freeze_and_replace(bn: Subject, case: Case, weight: float) -> None:
    """Required. A batch of weight 0 leaves the running statistics where they are; one of weight 1 replaces them.

    At the ends nothing can hide: a swapped momentum, a momentum applied twice, a start-up correction. A layer may refuse the ends.
    """
    if current().convention.debias == "zero" and not weight:
        raise Refused("a debiased average in which no batch has any weight is 0 / 0")
    at_end = case.replace(momentum=current().convention.argument(weight))
    answer = unless_refused(bn, case, lambda: bn.train(at_end), "the ends of momentum")
    assert_near(answer, train_truth(at_end), "running_mean", "running_var")


@law("train", "running", against="reduction, vector tails, axis")
@given(case=cases(), place=st.integers(0, 2**16))
def test_every_value_moves_the_running_mean(bn: Subject, case: Case, place: int) -> None:
    """Required. Changing one value of x moves its channel's running mean by its share, wherever the value is.

    A tail that a vector loop forgets, or a position that an axis leaves out, moves nothing.
    """
    x = case.x.copy()
    at = np.unravel_index(place % x.size, x.shape)
    x[at] += x.dtype.type(max(1.0, 8 * float(np.abs(x.astype(float)).max())))
    moved = case.replace(x=x)
    assert_near(bn.train(moved), train_truth(moved), "running_mean", "running_var")


@law("train", against="momentum, mode")
@given(case=cases())
def test_training_output_knows_nothing_of_momentum(bn: Subject, case: Case) -> None:
    """Recommended. Momentum is for the running statistics: another one gives the same bits of y."""
    other = case.replace(momentum=current().convention.argument(0.625))
    assert_same(bn.train(other), bn.train(case), "y", case)
