"""Float64 that is computed in float32 is told by its numbers, whatever the order of its sums; and other mistakes beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bnspec.cli.naming import causes
from bnspec.cli.runner import Options, run
from bnspec.reports.diagnosis.signatures import _is_narrow
from bnspec.reports.diagnosis.tolerance import Laxity

LAWS = ("training_output_is_exact", "inference_output_is_exact", "running_statistics_move_by_one_exact_step")

NARROW = """
import numpy as np

class BatchNorm:
    def __init__(self, num_features, momentum=0.9, eps=1e-5):
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.momentum, self.eps = momentum, eps

    def forward(self, x, training=True):
        single = np.float32
        values = x.astype(single)
        mean, var = self.running_mean.astype(single), self.running_var.astype(single)
        if training:
            mean = values.cumsum(axis=0)[-1] / single(len(x))
            var = {variance}
            keep = single(self.momentum)
            self.running_mean = keep * self.running_mean.astype(single) + (1 - keep) * mean
            self.running_var = keep * self.running_var.astype(single) + (1 - keep) * var
        scale = self.gamma.astype(single) / np.sqrt(var + single(self.eps))
        return ((values - mean) * scale + self.beta.astype(single)).astype(x.dtype)
"""

TWO_PASS = "np.square(values - mean).cumsum(axis=0)[-1] / single(len(x))"

ONE_PASS = "np.maximum(np.square(values).cumsum(axis=0)[-1] / single(len(x)) - np.square(mean), single(0))"


def names(variance: str, directory: Path, *laws: str, dtypes: tuple[str, ...] = ("float64",)) -> list[str | None]:
    file, options = directory / "student.py", Options("smoke", 0, dtypes, only=laws, in_process=True)
    file.write_text(NARROW.replace("{variance}", variance), encoding="utf-8")
    return [found.bug for found in causes(run(str(file), options, object()).record, options)]


def test_float64_that_is_computed_in_float32_is_named(tmp_path: Path) -> None:
    assert names(TWO_PASS, tmp_path, *LAWS) == ["double-downcast"]


def test_a_one_pass_variance_beside_it_is_named_too(tmp_path: Path) -> None:
    found = names(ONE_PASS, tmp_path, *LAWS, "values_far_from_zero_keep_their_digits", dtypes=("float32", "float64"))
    assert found == ["double-downcast", "var-one-pass-clamped"]


def test_another_mistake_in_float32_is_not_taken_for_that(tmp_path: Path) -> None:
    wrong = f"1.25 * {TWO_PASS}"
    assert "double-downcast" not in names(wrong, tmp_path, *LAWS)


@pytest.mark.parametrize(("values", "narrow"), [([0.5, 0.1], False), ([0.5, float(np.float32(0.1))], True), ([np.nan], True)])
def test_numbers_of_float32_are_told_from_others(values: list[float], narrow: bool) -> None:
    assert _is_narrow(np.array(values)) == narrow


def test_two_laxities_are_both_at_once() -> None:
    assert Laxity("C") | Laxity(None, "float32") == Laxity(None, "float32") | Laxity("C") == Laxity("C", "float32")
