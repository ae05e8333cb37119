"""The terminal: one screen, the worst explained, nothing steered."""

from __future__ import annotations

import io
import re
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from sample_records import conformant, dx_counterexample, hostile, nonconformant

from bnspec.reports.inert import clean
from bnspec.reports.pages import terminal
from bnspec.reports.record import Record, load, save

RECORDS = [conformant(), nonconformant(), hostile()]
IDS = ["conformant", "nonconformant", "hostile"]


def on_terminal(record: Record, files: tuple[str, ...] = ("out/report.json", "out/report.html")) -> str:
    """What a pipe gets: 80 columns, no colours."""
    console = Console(file=io.StringIO(), width=80)
    terminal.render(record, console, files=files)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_passing_run_is_one_screen() -> None:
    shown = on_terminal(conformant())
    assert len(shown.splitlines()) <= 24
    for words in ("CONFORMANT", "scope: train, infer, running, grad_train, grad_infer", "torch.nn.BatchNorm2d(C, eps", "eps 1e-5"):
        assert words in shown
    assert "next: bnspec check torch.nn.BatchNorm2d --profile deep" in shown


def test_a_passing_run_with_more_chapters_and_warnings_is_one_screen_too() -> None:
    rows = [msgspec.structs.replace(row, chapter=f"chapter {number}") for number, row in enumerate(conformant().results)]
    shown = on_terminal(msgspec.structs.replace(conformant(), results=rows, warnings=["w" * 200] * 3))
    assert len(shown.splitlines()) <= 24
    assert "all well: chapter 0" in shown


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_no_line_is_wider_than_the_terminal_and_nothing_steers_it(record: Record) -> None:
    shown = on_terminal(record)
    assert max(map(len, shown.splitlines())) <= 80
    assert clean(shown) == shown


def test_the_most_telling_failures_are_explained_and_the_others_named() -> None:
    shown = on_terminal(nonconformant(diagnoses=[]))
    explained = re.findall(r"^(\d)\. (\w+), ([\w, ]+): ", shown, re.MULTILINE)
    assert explained == [("1", "fail", "float32"), ("2", "fail", "float32, float64"), ("4", "crash", "float32")]
    assert "running_var[0]: got 1, wanted 1.1; off by 2.1e+6 times its bound" in shown
    assert "x = [[1], [3]] (training); dy = [[1], [0]]; gamma = [1]; beta = [0]; eps =\n   1e-5\n" in shown
    assert "2 more: One value a channel follows the convention; A large mean beside" in shown
    assert "recommended, not met: Scaling by a power" in shown


def test_an_inference_case_shows_the_statistics_it_used() -> None:
    example = dx_counterexample()
    forward = msgspec.structs.replace(example.trace[1], training=False)
    small = msgspec.structs.replace(example, trace=[example.trace[0], forward])
    rows = [
        msgspec.structs.replace(row, counterexample=small) for row in nonconformant().results if row.property.startswith("dx_is")
    ]
    shown = " ".join(on_terminal(msgspec.structs.replace(nonconformant(), results=rows)).split())
    assert "x = [[1], [3]] (inference); gamma = [1]; beta = [0]; running_mean = [0]; running_var = [1]; eps = 1e-5" in shown


def test_a_large_case_is_not_printed() -> None:
    plain = msgspec.to_builtins(dx_counterexample())
    plain["trace"][1]["x"] = {"dtype": "float32", "shape": [13, 1], "data": [7.0] * 13}
    rows = [
        msgspec.structs.replace(row, counterexample=msgspec.convert(plain, type(dx_counterexample())))
        if row.property.startswith("dx_is")
        else row
        for row in nonconformant().results
    ]
    assert "x = [[7]" not in on_terminal(msgspec.structs.replace(nonconformant(), results=rows))


def test_the_next_command_is_the_script_or_else_the_pages() -> None:
    record = nonconformant()
    assert "next: bnspec report out/report.json --out DIR" in on_terminal(record)
    assert "next: bnspec check student.py:BatchNorm --report DIR" in on_terminal(record, files=())
    rows = [msgspec.structs.replace(row, repro="repro_x.py") if row.status == "fail" else row for row in record.results]
    files = ("out/report.json", "out/repro_x.py")
    shown = on_terminal(msgspec.structs.replace(record, results=rows), files)
    assert "next: python out/repro_x.py" in shown
    assert "wrote report.json and 1 repro script in out" in shown
    assert "wrote a/report.json and b/report.html\n" in on_terminal(record, ("a/report.json", "b/report.html"))


@pytest.mark.parametrize("record", RECORDS[:2], ids=IDS[:2])
def test_the_screen_from_the_file_is_the_screen_from_the_run(record: Record, tmp_path: Path) -> None:
    save(record, tmp_path / "r.json")
    assert on_terminal(load(tmp_path / "r.json")[0]) == on_terminal(record)


def test_a_run_that_could_not_begin_says_so_on_one_screen() -> None:
    words = "no module named 'torhc'; did you mean torch?"
    record = Record(suite="0.1.0", laws="1", target="torhc:BatchNorm", verdict="inconclusive", scope=[], reason=words)
    shown = on_terminal(record, files=())
    assert words in shown
    assert "scope: nothing" in shown
    assert "next: bnspec check --help" in shown
