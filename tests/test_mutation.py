"""The suite's score of itself, and what it assures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnspec.properties.catalogue import VERSION, all_laws
from bnspec.reference.bugs.catalogue import BUGS
from bnspec.reports import mutation
from bnspec.reports.mutation import BadScore, Run, assurance
from bnspec.reports.pages.mutation import render
from bnspec.reports.record import Row

ABOUT: dict[str, Any] = {
    "suite": "0",
    "laws": "1",
    "profile": "smoke",
    "environment": {"python": "3"},
    "chapters": {"output": "forward", "bessel": "running_statistics", "slope": "gradients"},
}


def ran(bug: str, *laws: str, seed: int = 0, complete: bool = False, verdict: str = "nonconformant") -> Run:
    told = {"cases": 3 + seed, "seconds": 0.5, "took": 1.0, "reason": "because"}
    return Run(
        subject=bug or "right", bug=bug, shape="class", seed=seed, verdict=verdict, complete=complete, laws=list(laws), **told
    )


RUNS = [
    ran("eps", "output", "slope"),
    ran("eps", "output", "slope", seed=1),
    ran("eps", "output", "slope", "bessel", complete=True),
    ran("ddof", "bessel"),
    ran("ddof", verdict="conformant", seed=1),
    ran("", verdict="conformant"),
    ran("", verdict="inconclusive", seed=1),
]

SCORE = mutation.scored(RUNS, **ABOUT)


def row(law: str, status: Any = "pass") -> Row:
    return Row(property=law, chapter="forward", dtype="float32", level="required", status=status)


def test_a_campaign_counts_and_a_complete_run_names_the_other_laws() -> None:
    eps, ddof = SCORE.bugs
    assert (eps.runs, eps.caught, eps.witnesses, eps.cases) == (2, 2, 2, 3.5)
    assert eps.laws == {"output": 3, "slope": 3, "bessel": 1}
    assert (ddof.runs, ddof.caught, ddof.witnesses) == (2, 1, 0)


def test_correct_code_that_was_not_found_conformant_is_told_with_its_reason() -> None:
    assert [(one.runs, one.conformant) for one in SCORE.correct] == [(2, 1)]
    assert SCORE.correct[0].reasons == ["seed 1, class: inconclusive: because"]


def test_a_table_is_what_it_was_after_saving(tmp_path: Path) -> None:
    mutation.save(SCORE, tmp_path / "m.json")
    assert mutation.load((tmp_path / "m.json").read_bytes()) == SCORE


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema": "bnspec-report/1"}', b"\xff"])
def test_what_is_no_table_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(BadScore, match="no table that `tox -e mutation` wrote"):
        mutation.load(content)


def test_a_run_of_everything_assures_everything() -> None:
    rows = [row(name) for name in ABOUT["chapters"]]
    assert assurance(rows, SCORE) == "a run like this catches 2 of 2 known bugs"


@pytest.mark.parametrize("status", ["unsupported", "vacuous", "cut", "not-run"])
def test_what_was_not_asked_assures_nothing(status: str) -> None:
    rows = [row("output"), row("bessel", status)]
    assert assurance(rows, SCORE) == "a run like this catches 1 of 2 known bugs; without running statistics it misses 1"


def test_a_law_that_failed_was_asked() -> None:
    assert "catches 2 of 2" in assurance([row("bessel", "fail"), row("slope", "crash")], SCORE)


def test_the_page_tells_every_bug_and_escapes_what_it_prints() -> None:
    page = render(mutation.scored([*RUNS, ran("", verdict="<b>", seed=2)], **ABOUT))
    assert all(f"`{name}`" in page for name in ("eps", "ddof"))
    assert "<b>" not in page


def test_the_published_table_is_of_these_laws_and_these_bugs() -> None:
    score = mutation.published()
    laws = {law.name for law in all_laws()}
    assert score.laws == VERSION
    assert {one.bug for one in score.bugs} == set(BUGS), "run tox -e mutation and copy its table to reports/published"
    assert {name for one in score.bugs for name in one.laws} <= laws
