"""Layouts and ranks: where the numbers lie in memory, and how many axes they lie along, is not part of the question."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import LAYOUTS, Case, from_columns, to_columns
from bnspec.plugs.fourth_rank import fourth_rank, half_answer, resized
from bnspec.plugs.subject import Subject
from bnspec.properties.equal_axes import equal_axes_cases
from bnspec.properties.judge import assert_near, assert_same, infer_truth, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.refusals import unless_refused
from bnspec.properties.rounds import GRADIENTS, backward
from bnspec.properties.stage import Declined, current
from bnspec.properties.strategies import CHANNELS, cases, large_cases, refolded, wide_cases

LAYINGS = st.sampled_from((*LAYOUTS[1:], "channels_last", "fortran"))
"""Layouts other than the usual one; twice those that change the order of the values, which is what most misreading is about."""

STATISTICS = ("running_mean", "running_var")


@law("train", against="layout")
@given(case=cases(), layout=LAYINGS)
def test_memory_layout_does_not_matter(bn: Subject, case: Case, layout: str) -> None:
    """Required. The same values in a strided view, a reversed view or channels last in memory give the same y.

    Code that cannot read a layout may say so by an error, as torch does of negative strides; what it may not do is misread it.
    """
    laid_out = case.replace(layout=layout)
    answer = unless_refused(bn, case, lambda: bn.train(laid_out), f"{layout} in memory")
    assert_near(answer, train_truth(case), "y")


@law("train", "running", against="layout", share=0.5)
@given(case=cases(), layout=LAYINGS)
def test_statistics_know_nothing_of_memory_layout(bn: Subject, case: Case, layout: str) -> None:
    """Required. The same values, however they lie in memory, move the running statistics alike."""
    laid_out = case.replace(layout=layout)
    answer = unless_refused(bn, case, lambda: bn.train(laid_out), f"{layout} in memory")
    assert_near(answer, train_truth(case), *STATISTICS)


@law("grad_train", against="layout, gradient")
@given(case=cases(), layout=LAYINGS)
def test_gradients_know_nothing_of_memory_layout(bn: Subject, case: Case, layout: str) -> None:
    """Required. x and dy in another memory layout give the same dx, dgamma and dbeta: a dy read as x lies is another dy."""
    laid_out = case.replace(layout=layout)
    answer = unless_refused(bn, case, lambda: bn.train_gradients(laid_out), f"{layout} in memory")
    assert_near(answer, train_truth(case), "dx", "dgamma", "dbeta")


@law("infer", against="layout, mode", share=0.5)
@given(case=cases(), layout=LAYINGS)
def test_inference_knows_nothing_of_memory_layout(bn: Subject, case: Case, layout: str) -> None:
    """Required. The same values, however they lie in memory, give the same y in inference: it is often other code than training."""
    answer = unless_refused(bn, case, lambda: bn.infer(case.replace(layout=layout)), f"{layout} in memory")
    assert_near(answer, infer_truth(case), "y")


@law("grad_train", against="layout, gradient")
@given(case=cases(), layout=LAYINGS)
def test_an_upstream_gradient_may_lie_otherwise_than_x(bn: Subject, case: Case, layout: str) -> None:
    """Required. Of two samples or more, a contiguous x and a dy in another memory layout give the same dx, dgamma and dbeta.

    What comes next in a network decides how dy lies: a transposition or a slice leaves views. Strides taken from x misread them.
    """
    judge_dy_laid_out(bn, of_several_samples(case), layout)


@law("grad_train", against="layout, gradient", share=0.2)
@given(case=cases(channels=CHANNELS[1:], max_values=32))
def test_an_upstream_gradient_of_one_sample_may_lie_otherwise_than_x(bn: Subject, case: Case) -> None:
    """Recommended. The same of one sample whose values lie along one axis, the other axes having length 1.

    The stride of an axis of length 1 means nothing; code that reads a layout off it takes other numbers for dy, and says nothing.
    """
    for layout in reversed(LAYOUTS[1:]):
        judge_dy_laid_out(bn, of_one_sample(case), layout)


def judge_dy_laid_out(bn: Subject, case: Case, layout: str) -> None:
    """Forward with a contiguous x, then backward with a dy in `layout`."""
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    answer = unless_refused(bn, case, lambda: backward(layer, case, layout), f"dy {layout} in memory")
    assert_near(answer, train_truth(case), *GRADIENTS)


def of_several_samples(case: Case) -> Case:
    """The case, or where it has one sample only, that sample and its double."""
    axis = 0 if case.channel_axis % case.x.ndim else 1
    if case.x.shape[axis] > 1:
        return case
    x, dy = (np.concatenate((part, part + part), axis) for part in (case.x, case.upstream))
    return case.replace(x=x, dy=dy)


def of_one_sample(case: Case) -> Case:
    """The same columns as one sample of the largest rank; raises `Declined` where a sample has one value only."""
    rank = max(current().convention.ranks)
    if rank == 2:
        raise Declined("in rank 2 a sample has one value a channel")
    shape = [1, case.m, *[1] * (rank - 3)]
    shape.insert(case.channel_axis % rank, case.channels)
    x, dy = (from_columns(to_columns(part, case.channel_axis), tuple(shape), case.channel_axis) for part in (case.x, case.upstream))
    return case.replace(x=x, dy=dy)


@law("train", "running", against="axis, rank", share=0.5)
@given(case=cases())
def test_positions_are_samples(bn: Subject, case: Case) -> None:
    """Required. Folding the positions into another rank gives the same numbers: all of them share one mean (sec. 3.2)."""
    other = refolded(case)
    truth = train_truth(case)
    folded, straight = bn.train(other), bn.train(case)
    for name in STATISTICS if _one_kind(case, other) else STATISTICS[:1]:
        assert_same(folded, straight, name, case, train_truth(other).bound(name) + truth.bound(name))


def _one_kind(case: Case, other: Case) -> bool:
    """Whether the convention keeps the same kind of variance for inputs of both ranks."""
    return len({current().convention.variance_kind(asked.x.ndim) for asked in (case, other)}) == 1


@law("train", against="axis, rank", share=0.2)
@given(case=cases(max_values=8), sizes=st.tuples(*[st.integers(1, 3)] * 4))
def test_a_fourth_rank_is_answered_whole_or_refused(bn: Subject, case: Case, sizes: tuple[int, ...]) -> None:
    """Required. Code that takes three of the ranks 2 to 5 answers the fourth whole, or it refuses it.

    A y of the right shape with statistics or gradients of a wrong size is neither: a mean for each place on an axis that was
    forgotten is found only when the state is used. Code for one or two ranks is not asked, nor are ranks that are declared.
    """
    rank = fourth_rank(current().convention, bn.declared)
    if rank is None:
        raise Declined("no rank of 2 to 5 is left over from three that are offered")
    wrong = half_answer(bn, resized(case, sizes[: rank - 1]))
    seen()
    if wrong:
        reject("running_mean", None, wrong)


@law("train", against="axis, broadcasting", share=0.5)
@given(case=equal_axes_cases())
def test_axes_of_equal_length_are_told_apart(bn: Subject, case: Case) -> None:
    """Required. As many samples, or positions, as channels: gamma, beta, mean and variance still go along the channels.

    An array of C numbers that is spread along another axis is an error as long as the lengths differ, and silent where they agree.
    """
    ask = bn.train_gradients if "grad_train" in bn.scope else bn.train
    assert_near(ask(case), train_truth(case), "y", *STATISTICS, *GRADIENTS)


@law("train", against="reduction, overflow of counters", share=0.05)
@given(case=large_cases())
def test_a_large_batch_is_as_exact_as_a_small_one(bn: Subject, case: Case) -> None:
    """Required. Thousands of values a channel: the bound grows with m as rounding does, and no faster.

    Kernels that work in blocks go wrong here and nowhere else.
    """
    assert_near(bn.train(case), train_truth(case), "y", "running_mean", "running_var")


@law("train", against="channel mixing, partial vectors", share=0.2)
@given(case=wide_cases())
def test_many_channels_are_normalized_alike(bn: Subject, case: Case) -> None:
    """Required. 31 to 129 channels, never a power of two: what a vector loop leaves over is normalized too."""
    assert_near(bn.train(case), train_truth(case), "y", "running_mean", "running_var")


@law("grad_train", against="gradient, channel mixing, partial vectors", share=0.1)
@given(case=wide_cases())
def test_many_channels_have_their_own_gradients(bn: Subject, case: Case) -> None:
    """Required. 31 to 129 channels, never a power of two: each has the dx, dgamma and dbeta of its own values and no other's."""
    assert_near(bn.train_gradients(case), train_truth(case), *GRADIENTS)


@law("infer", against="channel mixing, partial vectors", share=0.1)
@given(case=wide_cases())
def test_many_channels_are_inferred_alike(bn: Subject, case: Case) -> None:
    """Required. 31 to 129 channels in inference: each is normalized with its own running statistics, the last ones too."""
    assert_near(bn.infer(case), infer_truth(case), "y")
