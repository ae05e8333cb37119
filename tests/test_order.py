"""The order of a campaign: what sees most comes first."""

from __future__ import annotations

from pathlib import Path

from asking import ask
from planted import planted

from bnspec.properties.laws import CHAPTERS
from bnspec.properties.order import in_rounds


def test_the_first_of_every_chapter_come_before_the_second_of_any() -> None:
    asked = ["0a1", "0a2", "0a3", "0b1", "0c1", "0c2", "1a1", "1a2", "1b1"]
    order = in_rounds(asked, lambda item: (int(item[0]), "abc".index(item[1])))
    assert order == ["0a1", "0b1", "0c1", "1a1", "1b1", "0a2", "0c2", "0a3", "1a2"]


def test_a_campaign_asks_the_golden_cases_and_then_one_law_of_each_chapter_before_it_goes_on(tmp_path: Path) -> None:
    file = planted("dx without the mean term", tmp_path)
    campaign, usual = (ask(file, examples=5, in_process=True, dtypes=("float32",), campaign=mode).results for mode in (True, False))
    golden = [row.chapter == "vectors" for row in campaign]
    assert golden == sorted(golden, reverse=True)
    others = [row.chapter for row in campaign if row.chapter != "vectors"]
    assert others[: len(CHAPTERS) - 1] == [chapter for chapter in CHAPTERS if chapter != "vectors"]
    assert {row.property for row in campaign} == {row.property for row in usual}
    assert [row.chapter for row in usual] == sorted((row.chapter for row in usual), key=CHAPTERS.index)
