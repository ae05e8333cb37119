"""The pages of a target that could not be asked: the reason whole, code in it as code, and not a word about laws."""

from __future__ import annotations

from io import StringIO

import msgspec
import pytest
from rich.console import Console
from sample_records import nonconformant

from bnspec.plugs.adapter import SKELETON
from bnspec.reports.pages import html, index, markdown, terminal
from bnspec.reports.record import Record

SENTENCE = "mine.py has no class with a forward method; write an adapter:"

UNASKED = msgspec.structs.replace(
    nonconformant(),
    verdict="inconclusive",
    scope=[],
    reason=f"{SENTENCE}\n\n{SKELETON}",
    results=[],
    diagnoses=[],
    warnings=[],
    bound=[],
    adapter="",
    convention={},
)


def shown(record: Record) -> str:
    console = Console(file=StringIO(), width=80, highlight=False)
    terminal.render(record, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_terminal_prints_the_skeleton_so_that_it_can_be_copied() -> None:
    said = shown(UNASKED)
    assert f"{SENTENCE}\n\n{SKELETON.rstrip()}\nscope: nothing" in said
    assert "law" not in said.replace("laws 0", "")


def test_a_long_sentence_is_told_to_its_end() -> None:
    words = " ".join(f"word{number}" for number in range(40))
    said = shown(msgspec.structs.replace(UNASKED, reason=words))
    assert " ".join(said.split("scope:")[0].split()).endswith(words)


def test_markdown_fences_the_skeleton_and_claims_nothing_about_laws() -> None:
    page = markdown.render(UNASKED)
    assert f"{SENTENCE}\n\n```\n{SKELETON.rstrip()}\n```\n" in page
    assert "Every law" not in page
    assert "| chapter |" not in page


def test_html_keeps_the_lines_of_the_skeleton_and_has_no_empty_sections() -> None:
    page = html.render(UNASKED)
    assert f"<p>{SENTENCE}</p>" in page
    assert "class Adapter:\n    name = " in page
    assert "<h2>" not in page


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_the_index_gives_the_sentence_alone(suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("index")
    index.write([UNASKED], place)
    page = (place / f"index.{suffix}").read_text(encoding="utf-8")
    assert "class Adapter" not in page


def test_markdown_shows_the_parameters_that_a_counterexample_needs() -> None:
    page = markdown.render(nonconformant())
    for name in ("gamma", "beta", "running_mean", "running_var", "dy"):
        assert f"\n- `{name}`: `[" in page
