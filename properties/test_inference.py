"""Inference: the running statistics are constants, each sample is answered by itself, and nothing moves."""

import numpy as np
from hypothesis import given

from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, infer_truth
from bnspec.properties.laws import law
from bnspec.properties.strategies import cases


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
    whole = bn.infer(case)
    first = np.take(whole.y, [0], axis) if whole.y.shape == case.x.shape else whole.y
    tolerance = 2 * infer_truth(alone).bound("y")
    assert_same(bn.infer(alone), type(whole)(first), "y", alone, tolerance)
