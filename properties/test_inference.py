"""Inference: the running statistics are constants, each sample is answered by itself, and nothing moves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec import bounds
from bnspec.case import Case
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import assert_near, assert_same, infer_truth, reject, shaped
from bnspec.properties.laws import law
from bnspec.properties.stage import Refused, current
from bnspec.properties.strategies import cases, extreme_cases


@law("infer", against="mode, eps, formula, parameter order")
@given(case=cases())
def test_inference_output_is_exact(bn: Subject, case: Case) -> None:
    """Required. y = gamma (x - running_mean) / sqrt(running_var + eps) + beta.

    Ioffe & Szegedy 2015, Alg. 2, line 11, within bound B4 of reference/bounds.md.
    """
    assert_near(bn.infer(case), infer_truth(case), "y")


@law("infer", "running", against="mode, running update")
@given(case=cases())
def test_inference_leaves_the_state_alone(bn: Subject, case: Case) -> None:
    """Required. Running statistics are, after an inference, what they were before it, to the last bit."""
    answer = bn.infer(case)
    before = type(answer)(answer.y, case.running_mean, case.running_var)
    assert_same(answer, before, "running_mean", case)
    assert_same(answer, before, "running_var", case)


@law("infer", against="mode, batch dependence")
@given(case=cases())
def test_a_sample_is_answered_by_itself(bn: Subject, case: Case) -> None:
    """Required. Inference of the first sample alone gives the first sample of the inference of the batch."""
    axis = 1 if case.channel_axis % case.x.ndim == 0 else 0
    alone = case.replace(x=np.ascontiguousarray(np.take(case.x, [0], axis)), dy=None)
    first = np.take(shaped(bn.infer(case), "y", case), [0], axis)
    tolerance = 2 * infer_truth(alone).bound("y")
    assert_same(bn.infer(alone), Answer(first), "y", alone, tolerance)


@law("infer", against="eps, formula")
@given(case=cases(), share=st.sampled_from((0.25, 0.5, 0.75)))
def test_variance_and_eps_may_be_traded(bn: Subject, case: Case, share: float) -> None:
    """Required. Inference with (running_var - d, eps + d) is inference with (running_var, eps): only their sum is used.

    eps outside the root, eps forgotten, eps added twice and a variance that is clamped all see them apart.
    """
    kept = case.running_var.dtype
    lot = case.replace(running_var=np.full_like(case.running_var, case.running_var.min()))
    d = float((lot.running_var[0] * kept.type(share)).astype(kept))
    traded = lot.replace(running_var=(lot.running_var - kept.type(d)).astype(kept), eps=lot.eps + d)
    one, two = infer_truth(lot), infer_truth(traded)
    rounding = np.abs(one.value("y") - two.value("y"))
    assert_same(bn.infer(traded), bn.infer(lot), "y", case, one.bound("y") + two.bound("y") + rounding)


@law("infer", against="overflow, underflow, clamped values", share=0.5)
@given(case=extreme_cases())
def test_tiny_and_huge_values_are_inferred_alike(bn: Subject, case: Case) -> None:
    """Required. Running statistics from far below sqrt(eps) to near the end of the range: no x, root or y is cut off on the way."""
    if bounds.may_overflow(case, training=False):
        raise Refused("an intermediate of a right formula may overflow here")
    assert_near(bn.infer(case), infer_truth(case), "y")


@law("infer", against="batch dependence, mode")
@given(case=cases())
def test_inference_knows_nothing_of_the_rest_of_the_batch(bn: Subject, case: Case) -> None:
    """Recommended. Other values in the other samples leave the first sample's y as it was, to the last bit."""
    axis = 0 if case.channel_axis % case.x.ndim else 1
    x = case.x.copy()
    np.moveaxis(x, axis, 0)[1:] += x.dtype.type(3)
    first = [Answer(np.take(shaped(bn.infer(one), "y", one), [0], axis)) for one in (case.replace(x=x), case)]
    alone = case.replace(x=np.ascontiguousarray(np.take(case.x, [0], axis)), dy=None)
    assert_same(first[0], first[1], "y", alone)


@law("infer", against="eps, edge")
@given(case=cases(kappas=(0.0, 1.0)))
def test_a_running_variance_of_zero_leaves_eps(bn: Subject, case: Case) -> None:
    """Required. With running_var = 0, y = gamma (x - running_mean) / sqrt(eps) + beta: finite, and eps alone decides."""
    still = case.replace(running_var=np.zeros_like(case.running_var))
    assert_near(bn.infer(still), infer_truth(still), "y")


@law("infer", against="running start, wrong declaration", share=0.3)
@given(case=cases())
def test_a_fresh_layer_infers_with_its_start(bn: Subject, case: Case) -> None:
    """Required. Before any training, a layer that was given no running statistics normalizes with the start of its convention.

    In most that is mean 0 and variance 1, so that y is almost the affine map alone; a variance of 0 multiplies x by 1 / sqrt(eps).
    """
    convention = current().convention
    if convention.debias != "none":
        raise Refused("where the averages are corrected for their start, nothing is known before the first step")
    if not np.isfinite(convention.running_start).all():
        reject("convention", None, f"a fresh layer must start with numbers; its running statistics are {convention.running_start}")
    mean, var = (np.full_like(case.running_mean, start) for start in convention.running_start)
    start = case.replace(running_mean=mean, running_var=var)
    layer = bn.layer(start, own_state=True)
    y = layer.forward(case.x, training=False)
    assert_near(Answer(y, steps={"y": layer.latest}), infer_truth(start), "y")
