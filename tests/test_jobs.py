"""Units asked side by side: the same record as asked one after the other, with and without trouble."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest
from command_line import until
from comparing import timeless
from mistakes import RIGHT, source

from bnspec.cli import jobs
from bnspec.cli.jobs import Worker
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, unasked
from bnspec.cli.screen import Screen
from bnspec.cli.units import Done, Known, Message, Opened, Opening, Unit
from bnspec.cli.ways import run_side_by_side
from bnspec.properties.catalogue import all_laws
from bnspec.reports.record import Record, Row, as_json

DTYPES = ("float32", "float64")


def asked(target: str, jobs: int, **options: object) -> Record:
    chosen = Options(**{"profile": "smoke", "only": ("forward", "running_statistics"), **options})
    with Progress(Screen(), target) as progress:
        return run_side_by_side(target, chosen, progress, jobs).record


@pytest.mark.parametrize("text", [RIGHT, source("Bessel with the batch count")], ids=["right", "wrong"])
def test_two_jobs_make_the_record_of_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(text, encoding="utf-8")
    assert timeless(asked(str(file), 2)) == timeless(asked(str(file), 1))


def test_a_dtype_is_dealt_to_several_jobs_where_its_laws_are_many_units(tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(RIGHT, encoding="utf-8")
    few = {"profile": "standard", "cases": 120, "only": ("affine",), "dtypes": ("float32",)}
    assert timeless(asked(str(file), 3, **few)) == timeless(asked(str(file), 1, **few))


def test_what_cannot_be_opened_is_said_once(tmp_path: Path) -> None:
    found = asked(str(tmp_path / "none.py"), 2)
    assert (found.verdict, found.results) == ("inconclusive", [])
    assert "there is no file" in found.reason


def row(name: str, dtype: str, status: str) -> Row:
    return Row(property=name, chapter="forward", dtype=dtype, level="required", status=status, scope=["train"])


def opened(*rows: Row) -> Opened:
    record = msgspec.structs.replace(unasked("layer.py", Options(), ""), results=[])
    return Opened(record, list(rows), examples=16)


LAWS = [law.name for law in all_laws()[:3]]
PLAN = [row(name, dtype, "not-run") for dtype in DTYPES for name in LAWS]

TELLING = """
import os, signal, sys
for line in sys.stdin.buffer:
    if b'"type":"Opening"' in line:
        os.write(1, {opened!r} + b"\\n")
    elif b'"dtype":"float32"' in line:
        {of_float32}
    else:
        os.write(1, {of_float64!r})
"""


def telling(of_float32: str) -> str:
    """The program of a worker that does this with the unit of float32, and answers that of float64."""
    others: list[Message] = [*(Known(row(name, "float64", "pass"), 0) for name in LAWS), Done()]
    return TELLING.format(opened=as_json(opened(*PLAN)), of_float32=of_float32, of_float64=lines(*others))


def lines(*messages: Message) -> bytes:
    return b"".join(as_json(message) + b"\n" for message in messages)


def test_a_worker_that_is_killed_twice_loses_the_row_it_was_at(monkeypatch: pytest.MonkeyPatch) -> None:
    told = lines(Known(row(LAWS[0], "float32", "pass"), 0), Known(row(LAWS[1], "float32", "fail"), 0))
    torn = told[: told.index(b"\n") + 30]
    monkeypatch.setattr(jobs, "START", telling(f"os.write(1, {torn!r}); os.kill(os.getpid(), signal.SIGKILL)"))
    found = asked("layer.py", 2, dtypes=DTYPES)
    why = f"a process of ours that asked the questions ended with code {-signal.SIGKILL}"
    rows = {(one.property, one.status, one.reason) for one in found.results if one.dtype == "float32"}
    assert rows == {(LAWS[0], "pass", ""), (LAWS[1], "not-run", why), (LAWS[2], "not-run", why)}
    assert {one.status for one in found.results if one.dtype == "float64"} == {"pass"}
    assert found.verdict == "inconclusive"


def test_a_worker_that_is_killed_once_loses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, rest = Known(row(LAWS[0], "float32", "pass"), 0), [Known(row(name, "float32", "pass"), 0) for name in LAWS[1:]]
    note = str(tmp_path / "killed")
    die = f"os.write(1, {lines(first)!r}); open({note!r}, 'w').close(); os.kill(os.getpid(), signal.SIGKILL)"
    goes_on = f"assert {LAWS[0]!r}.encode() not in line.partition(b'properties')[2]; os.write(1, {lines(*rest, Done())!r})"
    monkeypatch.setattr(jobs, "START", telling(f"exec({goes_on!r} if os.path.exists({note!r}) else {die!r})"))
    found = asked("layer.py", 2, dtypes=DTYPES)
    assert {one.status for one in found.results} == {"pass"}


def test_a_target_that_nobody_could_open_leaves_the_whole_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "START", "import os; os._exit(3)")
    found = asked("layer.py", 2)
    assert (found.verdict, found.results) == ("inconclusive", [])
    assert found.reason == "a process of ours that asked the questions ended with code 3"


def test_a_worker_whose_judge_is_gone_ends(tmp_path: Path) -> None:
    (tmp_path / "layer.py").write_text(RIGHT, encoding="utf-8")
    target, options = str(tmp_path / "layer.py"), Options(profile="deep", dtypes=("float32",))
    worker, told = Worker(), list[Message]()

    def listens() -> bool:
        told.extend(messages := worker.listen() or [])
        return bool(messages)

    worker.send(Opening(target, options))
    until(lambda: listens() and isinstance(told[-1], Opened))
    plan = told[-1]
    assert isinstance(plan, Opened)
    names = tuple(one.property for one in plan.rows)
    worker.send(Unit(target, options, "float32", names, 0, plan.examples, dict(plan.record.environment)))  # type: ignore[arg-type]
    until(lambda: listens() and isinstance(told[-1], Known))
    worker.leave()
    until(lambda: not listens())
    worker.ended()
    assert 1 < len(told) < len(names)
