"""What students are told of the known bugs: every bug has its own words, and every number in them is worked out again here."""

from __future__ import annotations

import ast
import math
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnspec.cli import bugs as command
from bnspec.reference import bugs as package
from bnspec.reference.bugs.catalogue import BUGS, CHAPTERS
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.pages import bugs as page

ROOT = Path(__file__).parent.parent

ONE_EACH = pytest.mark.parametrize("one", BUGS.values(), ids=list(BUGS))


def after(one: Bug, code: str, convert: Mapping[type, Any] | None = None) -> np.ndarray[Any, Any]:
    """What a student sees who runs the example and then this code; `convert` makes other arrays of what the example made."""
    names: dict[str, Any] = {"np": np}
    with np.errstate(all="ignore"):
        exec(one.story.given, names)
        for name, value in names.items():
            names[name] = (convert or {}).get(type(value), lambda same: same)(value)
        exec(code, names)
        return np.asarray(eval(one.story.look, names), float)


@ONE_EACH
def test_the_example_gives_what_is_said_with_the_bug_and_without(one: Bug) -> None:
    told = one.story
    assert np.allclose(after(one, told.wrong), told.got, rtol=1e-3, atol=1e-12, equal_nan=True)
    assert np.allclose(after(one, told.right), told.want, rtol=1e-3, atol=1e-12, equal_nan=True)
    assert not np.allclose(told.got, told.want, rtol=1e-2, equal_nan=True), "the example does not show the bug"


@ONE_EACH
def test_the_line_for_pytorch_gives_what_the_one_for_numpy_gives(one: Bug) -> None:
    torch = pytest.importorskip("torch")
    if one.story.torch:
        code = f"import torch\n{one.story.torch}"
        right = after(one, code, {np.ndarray: lambda array: torch.from_numpy(array.copy())})
        assert np.allclose(right, one.story.want, rtol=1e-3, atol=1e-12, equal_nan=True)


@ONE_EACH
def test_every_figure_is_in_the_words_and_right_to_its_last_digit(one: Bug) -> None:
    words = " ".join(one.story.sentences)
    for figure, working in one.story.figures.items():
        said = Decimal(figure.replace(",", ""))
        half = Decimal(1).scaleb(int(said.as_tuple().exponent)) / 2
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", words), figure
        assert abs(eval(working, {"np": np, "math": math}) - float(said)) <= float(half) * (1 + 1e-9), figure


def test_every_bug_has_a_story_and_every_story_a_bug() -> None:
    for chapter in CHAPTERS:
        name = chapter.__name__.rpartition(".")[2]
        told = tomllib.loads(files(package).joinpath("texts", f"{name}.toml").read_text(encoding="utf-8"))
        assert [*told] == [bug.slug for bug in BUGS.values() if bug.chapter == name]


@ONE_EACH
def test_a_story_is_a_few_plain_sentences_and_code_that_can_be_pasted(one: Bug) -> None:
    for part in one.story.sentences:
        assert part[-1] == "."
        assert part.isascii()
    assert 3 <= len(re.findall(r"[.!?](?=\s|$)", " ".join(one.story.sentences))) <= 6
    ast.parse(one.story.code)
    assert max(map(len, one.story.code.splitlines())) <= 132


def test_no_two_bugs_are_told_alike() -> None:
    for parts in zip(*(bug.story.sentences[:2] for bug in BUGS.values()), strict=True):
        assert len({*parts}) == len(BUGS)
    assert len({(bug.story.given, bug.story.wrong) for bug in BUGS.values()}) == len(BUGS)


def test_the_page_of_all_bugs_is_that_of_this_catalogue() -> None:
    made = page.render("bugs.md")
    assert (ROOT / "docs" / "bugs.md").read_text(encoding="utf-8") == made, "make it again: bnspec bugs --page docs/bugs.md"
    assert all(f"\n### {slug}\n" in made for slug in BUGS)


def test_the_page_is_html_where_its_name_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.page(tmp_path / "bugs.html") == 0
    text = (tmp_path / "bugs.html").read_text(encoding="utf-8")
    assert all(f'id="{slug}"' in text for slug in BUGS)
    assert f"{len(BUGS)} known bugs" in capsys.readouterr().out


def test_a_bug_is_told_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.show("dx-missing-mean-term") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (*BUGS["dx-missing-mean-term"].story.sentences, "right instead, in PyTorch too: dx.sum() is 0", "def mean_term"):
        assert words in shown
