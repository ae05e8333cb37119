"""One-line mistakes in a right file are all found, and the right file is never accused."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ask, rows_by_status
from mistakes import MISTAKES, RIGHT, source

from bnspec.reports.verdict import FAILING

SEEN_BY_ONE_LAW = {
    "one-pass variance": "precision has the cases for it",
}
"""Mistakes that few laws can see, and why."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_by_more_than_one_law_in_both_dtypes(mistake: str, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(source(mistake), encoding="utf-8")
    record = ask(str(file), examples=10, in_process=True)
    failing = [row for row in record.results if row.level == "required" and row.status in FAILING]
    assert record.verdict == "nonconformant"
    assert len({row.property for row in failing}) >= (1 if mistake in SEEN_BY_ONE_LAW else 2), record.reason
    assert {row.dtype for row in failing} == ({"float64"} if mistake == "float32 inside" else {"float32", "float64"})
    assert all(row.counterexample and row.counterexample["trace"] for row in failing)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_right_file_is_conformant(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(RIGHT, encoding="utf-8")
    record = ask(str(file), examples=25, seed=seed)
    assert record.verdict == "conformant", rows_by_status(record.results)
    assert record.scope == ["train", "infer", "running", "grad_train", "grad_infer"]
    assert record.warnings == []
    assert {row.status for row in record.results if row.level == "required"} == {"pass"}
