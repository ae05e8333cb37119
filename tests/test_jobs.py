"""Dtypes asked side by side: the same record as asked one after the other, with and without trouble."""

import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from mistakes import RIGHT, source

from bnspec.cli.jobs import run_side_by_side
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options
from bnspec.cli.screen import Screen
from bnspec.reports.record import Record, Row, load


def asked(target: str, jobs: int, **options: object) -> Record:
    chosen = Options(**{"profile": "smoke", "only": ("forward", "running_statistics"), **options})
    with Progress(Screen(), target) as progress:
        return run_side_by_side(target, chosen, progress, jobs).record


def timeless(record: Record) -> tuple[Record, list[Row]]:
    rows = [msgspec.structs.replace(row, seconds=0.0) for row in record.results]
    return msgspec.structs.replace(record, seconds=0.0, results=[]), rows


@pytest.mark.parametrize("text", [RIGHT, source("Bessel with the batch count")], ids=["right", "wrong"])
def test_two_jobs_make_the_record_of_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(text, encoding="utf-8")
    assert timeless(asked(str(file), 2)) == timeless(asked(str(file), 1))


def test_what_cannot_be_opened_is_said_once(tmp_path: Path) -> None:
    found = asked(str(tmp_path / "none.py"), 2)
    assert (found.verdict, found.results) == ("inconclusive", [])
    assert "there is no file" in found.reason


def test_an_interruption_keeps_what_was_computed(tmp_path: Path) -> None:
    (tmp_path / "layer.py").write_text(RIGHT, encoding="utf-8")
    command = [sys.executable, "-m", "bnspec.cli.main", "check", "layer.py", "--profile", "deep", "--jobs", "2", "--json", "r.json"]
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL) as judge:
        time.sleep(12)
        subprocess.run(["kill", "-INT", "--", f"-{judge.pid}"], check=True)
        assert judge.wait(60) == 2
    (found,) = load(tmp_path / "r.json")
    assert found.reason.startswith("interrupted")
    assert {row.dtype for row in found.results} == {"float32", "float64"}
    assert any(row.status == "not-run" for row in found.results)
