"""The order of a campaign: what sees most comes first."""

from __future__ import annotations

from pathlib import Path

from asking import ask
from planted import planted

from bnspec.properties.laws import CHAPTERS
from bnspec.properties.order import UNFIXED, in_rounds


def test_the_first_of_every_chapter_come_before_the_second_of_any() -> None:
    asked = ["0a1", "0a2", "0a3", "0b1", "0c1", "0c2", "1a1", "1a2", "1b1"]
    assert in_rounds(asked, _place) == ["0a1", "0b1", "0c1", "0a2", "0c2", "0a3", "1a1", "1b1", "1a2"]


def test_early_chapters_are_asked_to_their_end_before_others_but_in_the_first_dtype_alone() -> None:
    asked = ["0a1", "0a2", "0b1", "0b2", "0c1", "0c2", "1a1", "1b1", "1c1"]
    assert in_rounds(asked, _place, early=[1, 2]) == ["0b1", "0c1", "0b2", "0c2", "0a1", "0a2", "1a1", "1b1", "1c1"]


def _place(item: str) -> tuple[int, int]:
    return int(item[0]), "abc".index(item[1])


def test_a_campaign_asks_the_golden_cases_and_then_what_they_hold_little_of(tmp_path: Path) -> None:
    file = planted("dx without the mean term", tmp_path)
    campaign, usual = (ask(file, examples=5, in_process=True, dtypes=("float32",), campaign=mode).results for mode in (True, False))
    golden = [row.chapter == "vectors" for row in campaign]
    assert golden == sorted(golden, reverse=True)
    required = [row.chapter for row in campaign if row.chapter != "vectors" and row.level == "required"]
    early = [chapter in UNFIXED for chapter in required]
    assert early == sorted(early, reverse=True)
    assert required[: len(UNFIXED)] == list(UNFIXED)
    assert {row.property for row in campaign} == {row.property for row in usual}
    assert [row.chapter for row in usual] == sorted((row.chapter for row in usual), key=CHAPTERS.index)


def test_the_laws_of_edges_follow_a_golden_case_that_only_an_edge_breaks(tmp_path: Path) -> None:
    """One value a channel, normalized to zero and not to beta: all other cases are right."""
    file = planted("one value answers zero", tmp_path)
    rows = ask(file, examples=5, in_process=True, dtypes=("float32",), campaign=True).results
    wrong = [row for row in rows if row.status == "fail"]
    assert [row.chapter for row in wrong] == ["vectors", "edge_cases"]
    between = [row for row in rows if row.status not in ("not-run", "fail") and row.chapter not in ("vectors", "edge_cases")]
    assert len(between) <= 1
