"""The rank left over from three that are offered: answered by halves it is a failure, refused it is a missing capability."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ask
from corpus.corruptions import CORRECT
from planted import planted

from bnspec.reports.record import Row

LAW = "a_fourth_rank_is_answered_whole_or_refused"


def row_of(file: str, **options: str) -> Row:
    [row] = ask(file, in_process=True, only=(LAW,), dtypes=("float32",), **options).results
    return row


def test_a_y_of_the_right_shape_with_a_state_of_a_wrong_size_is_said_in_one_sentence(tmp_path: Path) -> None:
    row = row_of(planted("three axes at most", tmp_path))
    assert row.status == "fail"
    assert row.reason.startswith("x of rank 5, shaped (")
    assert "gives a y of that shape; then running returned" in row.reason
    assert row.reason.endswith("was expected")


def test_code_that_says_no_to_the_rank_only_lacks_it(tmp_path: Path) -> None:
    right = (CORRECT / "channels_last.py").read_text()
    loud = "axes = tuple(range(inputs.ndim - 1))"
    file = tmp_path / "layer.py"
    file.write_text(right.replace(loud, f"assert inputs.ndim < 5, 'images at most'\n        {loud}"), encoding="utf-8")
    assert row_of(str(file)).status == "pass"


@pytest.mark.parametrize("name", ["no_affine", "images_keepdims", "two_pass"])
def test_code_for_one_rank_and_code_for_all_is_not_asked(name: str) -> None:
    row = row_of(str(CORRECT / f"{name}.py"))
    assert (row.status, row.reason) == ("unsupported", "no rank of 2 to 5 is left over from three that are offered")


def test_declared_ranks_are_all_there_are(tmp_path: Path) -> None:
    declaration = tmp_path / "convention.toml"
    declaration.write_text("ranks = [2, 3, 4]\nchannel_axis = -1\n", encoding="utf-8")
    assert row_of(planted("three axes at most", tmp_path), convention=str(declaration)).status == "unsupported"
