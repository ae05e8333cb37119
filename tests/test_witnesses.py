"""Mistakes that hide from most laws: those that can see them do, each by itself, from different sides."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ask
from planted import planted

SEEN_BY = {
    "eight channels share a variance": ("many_channels_are_normalized_alike", "many_channels_have_their_own_gradients"),
    "layers share their state": ("two_layers_share_nothing", "layers_in_turns_keep_their_own_statistics"),
    "large values saturated": ("scaling_by_a_power_of_two_changes_nothing", "gradients_of_tiny_and_huge_deviations_are_exact"),
    "gradients accumulate": ("gradients_do_not_accumulate", "layers_in_turns_keep_their_own_gradients"),
    "dout scaled by *=": ("inputs_and_earlier_outputs_are_never_changed", "arrays_of_any_layout_are_left_alone"),
    "zero gamma passes the gradient": (
        "a_gamma_of_zero_lets_no_gradient_of_x_through",
        "gradients_of_x_are_linear_in_gamma",
    ),
    "gamma along the samples": ("axes_of_equal_length_are_told_apart", "the_order_of_the_batch_does_not_matter"),
    "rows in memory order": ("gradients_know_nothing_of_memory_layout", "an_upstream_gradient_may_lie_otherwise_than_x"),
    "three axes at most": ("a_fourth_rank_is_answered_whole_or_refused", "the_convention_is_of_one_piece"),
    "training gradient in inference of images": (
        "inference_gradients_are_exact",
        "inference_gradients_of_a_sample_are_its_own",
    ),
    "small slopes cut": (
        "gradients_scale_as_the_upstream_gradient_does",
        "gradients_are_linear_in_the_upstream_gradient",
    ),
    "NaN counted as zero": ("a_nan_stays_in_its_channel", "a_nan_reaches_the_running_statistics"),
    "dgamma of the first x_hat": ("gradients_do_not_accumulate", "layers_in_turns_keep_their_own_gradients"),
}
"""A mistake and two laws that it breaks."""


@pytest.mark.parametrize("mistake", SEEN_BY)
def test_a_mistake_that_hides_is_seen_from_two_sides(mistake: str, tmp_path: Path) -> None:
    laws, file = SEEN_BY[mistake], planted(mistake, tmp_path)
    record = ask(file, examples=25, in_process=True, only=laws, dtypes=("float32",), campaign=True)
    assert {row.property: row.status for row in record.results} == dict.fromkeys(laws, "fail")
