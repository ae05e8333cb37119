"""Failures end small: the counterexample of a planted mistake is so few numbers that a person can check it by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ask
from planted import planted

from bnspec.reports.record import Counterexample
from bnspec.reports.trace import BackwardStep, ForwardStep

BY_HAND = 12
"""Numbers in x that a person works through with pencil and paper."""

PLANTED = [
    ("eps outside the root", "training_output_is_exact"),
    ("beta inside the scaling", "gamma_zero_gives_beta"),
    ("eps scaled by the largest channel", "a_channel_does_not_see_the_others"),
    ("Bessel with the batch count", "running_statistics_move_by_one_exact_step"),
    ("eps missing in inference", "variance_and_eps_may_be_traded"),
    ("dx without the variance term", "training_gradients_are_exact"),
    ("dy clipped at 1", "gradients_scale_as_the_upstream_gradient_does"),
    ("mean in memory order", "memory_layout_does_not_matter"),
    ("one-pass variance", "values_far_from_zero_keep_their_digits"),
    ("NaN counted as zero", "a_nan_stays_in_its_channel"),
    ("cache of the first forward", "backward_belongs_to_the_latest_forward"),
    ("x centred in place", "inputs_and_earlier_outputs_are_never_changed"),
]
"""A mistake and a law that it breaks, one a chapter."""


def numbers(shown: Counterexample) -> int:
    """The most numbers that an x or a dy of the counterexample has."""
    given = [
        step.x if isinstance(step, ForwardStep) else step.dy for step in shown.trace if isinstance(step, ForwardStep | BackwardStep)
    ]
    return max(len(array.data) for array in given)


@pytest.mark.parametrize(("mistake", "law"), PLANTED)
def test_a_counterexample_can_be_checked_by_hand(mistake: str, law: str, tmp_path: Path) -> None:
    record = ask(planted(mistake, tmp_path), examples=60, in_process=True, only=(law,), dtypes=("float32",))
    [row] = record.results
    assert row.status == "fail", row.reason
    assert row.counterexample is not None
    assert numbers(row.counterexample) <= BY_HAND, row.counterexample.message
