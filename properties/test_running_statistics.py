"""Running statistics: what training leaves behind for inference."""

from hypothesis import given
from hypothesis import strategies as st

from bnspec import confidence
from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, judge, train_truth
from bnspec.properties.laws import law
from bnspec.properties.stage import current
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
    followed = follow(bn, case, stream.batches)
    unbiased = current().convention.variance_kind(case.x.ndim) == "unbiased"
    population = (stream.std, case.m)
    intervals = {
        "running_mean": confidence.running_mean_confidence(followed.weights, case.running_mean, stream.mean, *population),
        "running_var": confidence.running_var_confidence(followed.weights, case.running_var, *population, unbiased=unbiased),
    }
    for name, (low, high) in intervals.items():
        got = getattr(followed.answer, name).astype(float)
        judge(followed.answer, name, got, (low + high) / 2, (high - low) / 2 + followed.bounds[name], case=case)


@law("train", "running", against="mode, running update")
@given(case=cases())
def test_training_output_knows_nothing_of_the_running_statistics(bn: Subject, case: Case) -> None:
    """Recommended. Training normalizes with the batch alone: another running state gives the same bits of y."""
    other = case.replace(running_mean=case.running_mean + 5, running_var=case.running_var * 3 + 1)
    assert_same(bn.train(other), bn.train(case), "y", case)
