"""Layouts and ranks: where the numbers lie in memory, and how many axes they lie along, is not part of the question."""

from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import LAYOUTS, Case
from bnspec.plugs.link import Fault
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, train_truth
from bnspec.properties.laws import law
from bnspec.properties.stage import Refused
from bnspec.properties.strategies import cases, refolded


@law("train", against="layout")
@given(case=cases(), layout=st.sampled_from(LAYOUTS[1:]))
def test_memory_layout_does_not_matter(bn: Subject, case: Case, layout: str) -> None:
    """Required. The same values in a strided view, a reversed view or channels last in memory give the same y.

    Code that cannot read a layout may say so by an error, as torch does of negative strides; what it may not do is misread it.
    """
    try:
        answer = bn.train(case.replace(layout=layout))
    except Fault as fault:
        if fault.status == "error" and bn.train(case):
            raise Refused(f"{layout} in memory is refused: {fault.text}") from None
        raise
    assert_near(answer, train_truth(case), "y")


@law("train", "running", against="axis, rank", share=0.5)
@given(case=cases())
def test_positions_are_samples(bn: Subject, case: Case) -> None:
    """Required. Folding the positions into another rank gives the same numbers: all of them share one mean (sec. 3.2)."""
    other = refolded(case)
    truth = train_truth(case)
    folded, straight = bn.train(other), bn.train(case)
    for name in ("running_mean", "running_var"):
        assert_same(folded, straight, name, case, train_truth(other).bound(name) + truth.bound(name))
