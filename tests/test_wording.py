"""What the pages share: text made inert, findings in a telling order, numbers as people read them."""

from __future__ import annotations

import re

import msgspec
import pytest
from sample_records import conformant, dx_counterexample, nonconformant

from bnspec.reports.inert import clean, clip, markdown_code, markdown_fence, markdown_text
from bnspec.reports.pages import summary, wording
from bnspec.reports.trace import Values
from bnspec.reports.verdict import FAILING


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "31mred"),
        ("a\u202eb\u2066c\u200fd\ufeffe", "abcde"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("tab\tbell\x07\x00", "tab    bell"),
        ("lone \ud800 surrogate, \uffff", "lone  surrogate, "),
        ("γ β x̂ ± 日本", "γ β x̂ ± 日本"),
    ],
)
def test_what_has_no_ink_is_removed_and_letters_stay(text: str, left: str) -> None:
    assert clean(text) == left


def test_long_text_is_clipped_and_the_rest_counted() -> None:
    assert clip("x" * 50, 20) == "x" * 20 + "… (30 more characters)"
    assert clip("x" * 20, 20) == "x" * 20


@pytest.mark.parametrize("text", ["a ``` b", "`````", "x\n```\n# out", ""])
def test_a_fence_is_longer_than_any_run_of_backticks_in_it(text: str) -> None:
    first, *body, last = markdown_fence(text).splitlines()
    assert first == last
    assert set(first) == {"`"}
    assert not any(line.strip().startswith(first) for line in body)
    ticks = re.match("`+", markdown_code(text))
    assert ticks
    assert ticks[0] not in markdown_code(text)[len(ticks[0]) : -len(ticks[0])]


def test_markdown_text_has_no_live_character() -> None:
    live = re.sub(r"\\.", "", markdown_text("[a](b) <i> *b* _c_ `d` # e | f @g http://h www.i"))
    assert not re.search(r"[\[\]<>*_`#|@]|://|www\.", live)
    assert markdown_text("1. first") == "1\\. first"
    assert markdown_text("- item") == "\\- item"
    assert markdown_text("0.31 and 1e-5") == "0.31 and 1e-5"


def test_findings_come_in_the_order_in_which_mistakes_explain_one_another() -> None:
    record = nonconformant()
    found = summary.findings(record)
    assert [finding.kind for finding in found] == ["running_var", "dx", "crash", "error", "timeout", "fail"]
    failing = [row for row in record.results if row.status in FAILING]
    assert all(failing[finding.number - 1] is finding.row for finding in found)


def test_a_known_deviation_comes_last_and_a_second_of_a_kind_after_the_first_of_another() -> None:
    rows = list(nonconformant().results)
    at = {row.property: number for number, row in enumerate(rows) if row.dtype == "float32"}
    variance = at["running_variance_follows_its_convention"]
    mean = at["running_mean_is_the_weighted_average"]
    rows[mean] = msgspec.structs.replace(rows[variance], property="running_mean_is_the_weighted_average", worst_ratio=3.0)
    kinds = [finding.kind for finding in summary.findings(msgspec.structs.replace(nonconformant(), results=rows))]
    assert kinds == ["running_var", "dx", "crash", "error", "timeout", "running_var", "fail"]
    rows[variance] = msgspec.structs.replace(rows[variance], expected=True)
    assert summary.findings(msgspec.structs.replace(nonconformant(), results=rows))[-1].row.expected


@pytest.mark.parametrize(
    ("component", "scope", "kind"),
    [
        ("sum(dx)", "grad_train", "dx"),
        ("<v, dx(w)>", "grad_train", "dx"),
        ("y", "train", "y"),
        ("y", "infer", "y_infer"),
        ("odd", "train", "odd"),
    ],
)
def test_the_kind_of_a_failure_is_the_component_that_was_judged(component: str, scope: str, kind: str) -> None:
    example = msgspec.structs.replace(dx_counterexample(), component=component)
    row = msgspec.structs.replace(conformant().results[0], status="fail", scope=[scope], counterexample=example)
    assert summary.Finding(1, row, ["float32"]).kind == kind


def test_how_far_off_is_said_in_bounds_or_bits_or_not_at_all() -> None:
    example = dx_counterexample()
    assert wording.distance(example) == "; off by 74,626 times its bound"
    assert wording.distance(msgspec.structs.replace(example, bound=0.0, ratio="inf")) == "; they must be equal to the last bit"
    assert wording.distance(msgspec.structs.replace(example, bound=None, ratio=None)) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (0.0, "0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (0.0123, "0.0123"),
        (6.7e-6, "6.7e-6"),
        (999.7, "1,000"),
        (74626.5, "74,626"),
        (1.2e7, "1.2e+7"),
        ("inf", "inf"),
        ("nan", "nan"),
    ],
)
def test_numbers_are_short(value: float | str | None, words: str) -> None:
    assert wording.number(value) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("got", "want", "words"),
    [
        (1.25, 1.0, ("1.25", "1")),
        (1.0000001, 1.0, ("1.0000001", "1")),
        ("nan", 1.0, ("nan", "1")),
        (1 + 2**-52, 1.0, ("1.0000000000000002", "1")),
    ],
)
def test_two_numbers_are_shown_until_they_differ(got: float | str, want: float, words: tuple[str, str]) -> None:
    assert wording.apart(got, want) == words  # type: ignore[arg-type]


def test_conventions_are_one_sentence() -> None:
    sentence = "momentum weighs the batch, default 0.1; running variance unbiased; eps 1e-5; channel axis 1"
    assert wording.convention_line(conformant().convention) == sentence
    by_rank = {"momentum_weighs": "running", "running_var": {"2": "biased", "4": "unbiased"}}
    assert (
        wording.convention_line(by_rank)
        == "momentum weighs the running statistics; running variance biased for rank 2, unbiased for rank 4"
    )
    assert wording.convention_line({}) == ""


def test_arrays_are_shown_by_their_upper_left_corner() -> None:
    values = Values(dtype="float32", shape=[2, 20, 30], data=[float(number) for number in range(1200)])
    grid = wording.grid(values, [0, 1, 2])
    assert (len(grid.rows), len(grid.rows[0]), grid.hidden) == (12, 10, 1200 - 120)
    assert [cell.text for row in grid.rows for cell in row if cell.here] == ["32"]
    assert wording.grid(Values(dtype="float32", shape=[0, 3], data=[])).rows == []
    assert wording.array_text(Values(dtype="float32", shape=[2, 2], data=[0.1, "nan", -1.0, 2.5])) == "[[0.1, nan], [-1, 2.5]]"
