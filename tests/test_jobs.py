"""Dtypes asked side by side: the same record as asked one after the other, with and without trouble."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from command_line import until
from comparing import timeless
from mistakes import RIGHT, source

from bnspec.cli import jobs as side_by_side
from bnspec.cli.jobs import Asked, Known, Plan, Worker, run_side_by_side
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options
from bnspec.cli.screen import Screen
from bnspec.reports.record import Record, Row, as_json


def asked(target: str, jobs: int, **options: object) -> Record:
    chosen = Options(**{"profile": "smoke", "only": ("forward", "running_statistics"), **options})
    with Progress(Screen(), target) as progress:
        return run_side_by_side(target, chosen, progress, jobs).record


@pytest.mark.parametrize("text", [RIGHT, source("Bessel with the batch count")], ids=["right", "wrong"])
def test_two_jobs_make_the_record_of_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(text, encoding="utf-8")
    assert timeless(asked(str(file), 2)) == timeless(asked(str(file), 1))


def test_what_cannot_be_opened_is_said_once(tmp_path: Path) -> None:
    found = asked(str(tmp_path / "none.py"), 2)
    assert (found.verdict, found.results) == ("inconclusive", [])
    assert "there is no file" in found.reason


def row(name: str, dtype: str, status: str) -> Row:
    return Row(property=name, chapter="forward", dtype=dtype, level="required", status=status, scope=["train"])


def telling(lines: list[bytes], ending: str) -> str:
    """The program of a worker that tells this and ends so."""
    return f"import os, signal, sys; os.write(1, {b''.join(lines)!r}); {ending}"


def test_a_worker_that_is_killed_loses_the_row_it_was_at(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [row("one", "float32", "not-run"), row("two", "float32", "not-run"), row("three", "float32", "not-run")]
    messages = [Plan(plan), Known(row("one", "float32", "pass")), Known(row("two", "float32", "fail"))]
    lines = [as_json(message) + b"\n" for message in messages]
    torn = [*lines[:2], lines[2][:30]]
    monkeypatch.setattr(side_by_side, "START", telling(torn, "os.kill(os.getpid(), signal.SIGKILL)"))
    found = asked("layer.py", 2, dtypes=("float32", "float64"))
    why = f"a process of ours that asked the questions ended with code {-signal.SIGKILL}"
    rows = {(one.property, one.status, one.reason) for one in found.results}
    assert rows == {("one", "pass", ""), ("two", "not-run", why), ("three", "not-run", why)}
    assert found.verdict == "inconclusive"


def test_a_worker_that_told_nothing_leaves_the_whole_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    known = as_json(Plan([row("one", "float32", "pass")])) + b"\n"
    silent = f"if 'share\":[\"float64' in sys.argv[-1]: os._exit(3)\nos.write(1, {known!r})"
    monkeypatch.setattr(side_by_side, "START", "import os, sys\n" + silent)
    found = asked("layer.py", 2)
    assert (found.verdict, [one.status for one in found.results]) == ("inconclusive", ["pass"])
    assert found.reason == "not all dtypes were asked: a process of ours that asked the questions ended with code 3"


def test_a_worker_whose_judge_is_gone_ends(tmp_path: Path) -> None:
    (tmp_path / "layer.py").write_text(RIGHT, encoding="utf-8")
    worker = Worker(Asked(str(tmp_path / "layer.py"), Options(profile="deep", dtypes=("float32",), share=("float32",))))
    with Progress(Screen(), "layer.py") as progress:
        until(lambda: worker.listen(progress) and bool(worker.rows))
        worker.leave()
        until(lambda: not worker.listen(progress))
    found = worker.told()
    assert found.reason.startswith("interrupted")
    assert "not-run" in {one.status for one in found.results}
