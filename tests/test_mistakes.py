"""One-line mistakes in a right file are all found, and the right file is never accused."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ask, rows_by_status
from mistakes import MISTAKES, RIGHT, source

from bnspec.reports.verdict import FAILING

DTYPES = ("float32", "float64")
ASKED = [*zip(MISTAKES, DTYPES * len(MISTAKES), strict=False), *(("float32 inside", dtype) for dtype in DTYPES)]
"""Each mistake in one dtype, by turns, and in both the one that only one of them shows."""


@pytest.mark.parametrize(("mistake", "dtype"), dict.fromkeys(ASKED))
def test_a_mistake_is_found_by_two_laws(mistake: str, dtype: str, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(source(mistake), encoding="utf-8")
    record = ask(str(file), examples=10, in_process=True, campaign=True, dtypes=(dtype,))
    failing = {row.property for row in record.results if row.level == "required" and row.status in FAILING}
    seen = mistake != "float32 inside" or dtype == "float64"
    assert record.verdict == ("nonconformant" if seen else "conformant"), record.reason
    assert len(failing) == 2 * seen, rows_by_status(record.results)
    shown = [row for row in record.results if row.status in FAILING and row.property != "the_convention_is_of_one_piece"]
    assert all(row.counterexample and row.counterexample.trace for row in shown)


FOR_OTHERS = {"a_fourth_rank_is_answered_whole_or_refused"}
"""Laws that have nothing to ask of a file that takes every rank."""


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_right_file_is_conformant(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(RIGHT, encoding="utf-8")
    record = ask(str(file), examples=10, seed=seed)
    assert record.verdict == "conformant", rows_by_status(record.results)
    assert record.scope == ["train", "infer", "running", "grad_train", "grad_infer"]
    assert record.warnings == []
    assert {row.status for row in record.results if row.level == "required" and row.property not in FOR_OTHERS} == {"pass"}
