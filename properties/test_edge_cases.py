"""Edge cases: constant channels, one value a channel, values that are no numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import HALF_DTYPES, Case, from_columns
from bnspec.plugs.link import Fault
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import INFORMATIVE, assert_near, assert_same, columns, infer_truth, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.refusals import unless_refused
from bnspec.properties.stage import Declined, Refused, current
from bnspec.properties.strategies import cases


@law("train", against="edge, eps")
@given(case=cases(kappas=(0.0, 1.0)))
def test_a_constant_channel_gives_beta(bn: Subject, case: Case) -> None:
    """Required. Where a channel does not vary, x - mean is 0 and y is beta: finite, thanks to eps.

    What rounding of the mean leaves is divided by sqrt(eps), and the bound knows it.
    """
    columns = np.repeat(case.columns(case.x)[:1], case.m, axis=0).astype(case.x.dtype)
    constant = case.replace(x=from_columns(columns, case.x.shape, case.channel_axis))
    truth = train_truth(constant)
    seen(bool(np.any(truth.bound("y") <= INFORMATIVE * np.abs(case.gamma))))  # where beta is 0, gamma says what is small
    assert_near(bn.train(constant), truth, "y")


@law("train", against="edge")
@given(case=cases())
def test_a_nan_stays_in_its_channel(bn: Subject, case: Case) -> None:
    """Required. A NaN in the first channel makes that channel NaN and leaves the others where they were (sec. 3.2)."""
    x = case.x.copy()
    first = np.moveaxis(x, case.channel_axis, 0)
    first[0, ..., :1] = np.nan
    answer, other = bn.train(case.replace(x=x)), bn.train(case)
    tolerance = 2 * train_truth(case).bound("y")
    tolerance[:, 0] = np.inf
    assert_same(answer, other, "y", case, tolerance)
    seen()
    if not np.all(np.isnan(columns(answer, "y", case)[:, 0])):
        reject("y", answer, "the first channel has a NaN in x, so its mean and every y of it must be NaN; some y are numbers")


@law("train", "running", against="edge, replaced values", share=0.5)
@given(case=cases())
def test_a_nan_reaches_the_running_statistics(bn: Subject, case: Case) -> None:
    """Required. A NaN in the first channel makes its running mean and variance NaN, and leaves the others' as they are without.

    The mean of what holds a NaN is none: a number in its place is made up, and inference with it looks healthy.
    """
    x = case.x.copy()
    np.moveaxis(x, case.channel_axis, 0)[0, ..., :1] = np.nan
    answer = unless_refused(bn, case, lambda: bn.train(case.replace(x=x)), "a NaN in x")
    truth, other = train_truth(case), bn.train(case)
    seen()
    for name in ("running_mean", "running_var"):
        tolerance = 2 * truth.bound(name)
        tolerance[0] = np.inf
        assert_same(answer, other, name, case, tolerance)
        state = getattr(answer, name)
        if state is not None and not np.isnan(state[0]):
            reject(name, answer, f"the first channel has a NaN in x, so its {name} must be NaN; it is {state[0]:g}")


@law("infer", against="edge, replaced values", share=0.5)
@given(case=cases(), value=st.sampled_from((np.nan, np.inf, -np.inf)))
def test_in_inference_what_is_no_number_stays_in_its_place(bn: Subject, case: Case, value: float) -> None:
    """Required. A NaN or an infinity in x is none in its place of y, and leaves every other y where it was (Alg. 2, line 11)."""
    x = case.x.copy()
    first = (0,) * x.ndim
    x[first] = value
    answer = unless_refused(bn, case, lambda: bn.infer(case.replace(x=x)), f"{value:g} in x")
    tolerance = 2 * infer_truth(case).bound("y")
    tolerance[0, 0] = np.inf
    assert_same(answer, bn.infer(case), "y", case, tolerance)
    seen()
    if np.isfinite(answer.y[first]):
        reject("y", answer, f"x is {value:g} in its first place, and y is {answer.y[first]:g} there: a number that was made up")


@law("train", against="edge, Bessel")
@given(case=cases())
def test_one_value_a_channel_is_beta_or_an_error(bn: Subject, case: Case) -> None:
    """Required. Training on one value a channel gives y = beta, its variance being 0, or an error; and no NaN in the state.

    m / (m - 1) is 1 / 0 here: where it meets the running variance, every later inference is NaN.
    """
    single = case.replace(x=from_columns(case.columns(case.x)[:1].astype(case.x.dtype), _single(case), case.channel_axis), dy=None)
    seen()
    if current().convention.single_value == "error":
        _expect_refusal(bn, single)
    else:
        answer = bn.train(single)
        assert_near(answer, train_truth(single), "y")
        _expect_numbers(answer, "one value a channel")


@law("train", against="edge", share=0.3)
@given(case=cases())
def test_one_value_a_channel_is_not_seen_in_y(bn: Subject, case: Case) -> None:
    """Required. Where training answers on one value a channel, another value gives the same y: x - mean is 0 for either."""
    if current().convention.single_value == "error":
        raise Declined("training on one value a channel is refused")
    first = np.ascontiguousarray(case.columns(case.x)[:1].astype(case.x.dtype))
    ones = [from_columns(values, _single(case), case.channel_axis) for values in (first, first * 2 + 1)]
    single, other = (case.replace(x=x, dy=None) for x in ones)
    seen()
    assert_same(bn.train(other), bn.train(single), "y", other, train_truth(other).bound("y") + train_truth(single).bound("y"))


@law("train", "infer", against="edge, Bessel, lifecycle", share=0.5)
@given(case=cases())
def test_one_value_a_channel_in_passing_does_no_harm(bn: Subject, case: Case) -> None:
    """Required. After training on a batch, and then on one value a channel, or its refusal, inference still gives numbers.

    The last batch of an epoch may be that small; a NaN that it leaves in the state is found when the model is used.
    """
    layer, single = bn.layer(case), np.ascontiguousarray(case.columns(case.x)[:1].astype(case.x.dtype))
    layer.forward(case.x, training=True)
    try:
        layer.forward(from_columns(single, _single(case), case.channel_axis), training=True)
    except Fault as fault:
        if fault.status not in ("error", "unsupported"):
            raise
    y = layer.forward(case.x, training=False)
    seen()
    if not np.isfinite(y.astype(float)).all():
        reject("y", Answer(y, steps={"y": layer.latest}), "after one value a channel in training, y of inference is no number")


def _single(case: Case) -> tuple[int, ...]:
    """x's shape with every axis but the channel's 1."""
    return tuple(case.channels if axis == case.channel_axis % case.x.ndim else 1 for axis in range(case.x.ndim))


def _expect_numbers(answer: Answer, after: str) -> None:
    """No NaN in the state: it would never leave again."""
    for name in ("running_mean", "running_var"):
        state = getattr(answer, name)
        if state is not None and np.any(np.isnan(state)):
            reject(name, answer, f"after {after} {name} is NaN, and every later inference will be")


def _expect_refusal(bn: Subject, single: Case) -> None:
    try:
        answer = bn.train(single)
    except Fault as fault:
        if fault.status in ("error", "unsupported"):
            return
        raise
    reject("y", answer, "training on one value a channel was refused before, and now it answers")


@law("train", against="edge", dtypes=("float32", "float64"))
@given(case=cases(), sign=st.sampled_from((1.0, -1.0)))
def test_an_infinity_stays_in_its_channel(bn: Subject, case: Case, sign: float) -> None:
    """Required. An infinity in the first channel spoils that channel and leaves the others where they were (sec. 3)."""
    x = case.x.copy()
    np.moveaxis(x, case.channel_axis, 0)[0, ..., :1] = sign * np.inf
    tolerance = 2 * train_truth(case).bound("y")
    tolerance[:, 0] = np.inf
    spoiled = case.replace(x=x)
    answer = unless_refused(bn, case, lambda: bn.train(spoiled), "an infinity in x")
    assert_same(answer, bn.train(case), "y", case, tolerance)


@law("train", "running", against="edge")
@given(case=cases(kappas=(0.0, 1.0)))
def test_a_constant_channel_has_no_variance(bn: Subject, case: Case) -> None:
    """Required. The running variance of a constant batch moves towards 0, and never below."""
    columns = np.repeat(case.columns(case.x)[:1], case.m, axis=0).astype(case.x.dtype)
    constant = case.replace(x=from_columns(columns, case.x.shape, case.channel_axis))
    answer = bn.train(constant)
    assert_near(answer, train_truth(constant), "running_mean", "running_var")
    if answer.running_var is not None and np.any(answer.running_var < 0):
        reject("running_var", answer, f"the running variance is negative: {answer.running_var.min():g}")


@law("train", against="edge")
@given(case=cases(max_values=8))
def test_an_empty_batch_is_as_it_was(bn: Subject, case: Case) -> None:
    """Recommended. Training on no values at all is an error, or an empty y that leaves the state alone: never NaN in the state."""
    empty = _emptied(case)
    seen()
    try:
        answer = unless_refused(bn, case, lambda: bn.train(empty), "an empty batch")
    except Refused:
        return
    _expect_numbers(answer, "an empty batch")


@law("train", "infer", against="edge, lifecycle", share=0.3)
@given(case=cases(max_values=8))
def test_an_empty_batch_in_passing_does_no_harm(bn: Subject, case: Case) -> None:
    """Recommended. After training on an empty batch, or its refusal, inference answers what it would have answered before."""
    layer, empty = bn.layer(case), _emptied(case)
    try:
        layer.forward(empty.x, training=True)
    except Fault as fault:
        if fault.status not in ("error", "unsupported"):
            raise
    y = layer.forward(case.x, training=False)
    assert_near(Answer(y, steps={"y": layer.latest}), infer_truth(case), "y")


def _emptied(case: Case) -> Case:
    """The case without its samples."""
    axis = 0 if case.channel_axis % case.x.ndim else 1
    return case.replace(x=np.ascontiguousarray(np.take(case.x, [], axis)), dy=None)


@law("infer", against="eps", share=0.5)
@given(case=cases(kappas=(0.0, 1.0)), exponent=st.integers(0, 12))
def test_every_eps_is_used_as_it_is(bn: Subject, case: Case, exponent: int) -> None:
    """Required. From eps = 1 down to 1e-12, inference adds just this eps: none is clamped, rounded up or replaced.

    cuDNN once raised it to 1e-5, half arithmetic turns small ones into 0.
    """
    if case.dtype in HALF_DTYPES:
        exponent = exponent % 4
    other = case.replace(eps=10.0**-exponent, running_var=(case.running_var * case.running_var.dtype.type(10.0**-exponent)))
    answer = unless_refused(bn, case, lambda: bn.infer(other), f"eps = 1e-{exponent}")
    assert_near(answer, infer_truth(other), "y")
