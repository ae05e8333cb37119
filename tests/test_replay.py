"""A failure that is replayed says what the check said, until the code is right."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest
from command_line import COMMAND
from replaying import changed, desk, in_forward, of_another_answer, put, recorded, row_of
from sample_records import RIGHT_ADAPTER, WRONG_ADAPTER, crash_counterexample, dx_counterexample

from bnspec.cli.export_test import export
from bnspec.cli.replay import Wanted, failing_call, replay
from bnspec.reports.record import Counterexample, Row, load, save
from bnspec.reports.trace import Shows


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a desk of its own, and sits at it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(here: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`bnspec replay record.json ...`, with what is typed into its debugger."""
    line = [*COMMAND, "replay", "record.json", *arguments]
    return subprocess.run(line, cwd=here, input=typed, capture_output=True, text=True, timeout=60, check=False)


def test_it_fails_in_the_records_words_until_the_code_is_right(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = Wanted(desk(here, row_of(dx_counterexample())), 1)
    assert replay(wanted) == 1
    told = capsys.readouterr().out
    for said in ("failure 1, float32: training gradients are exact", "backward", "dy = [[1], [0]]", "it still fails"):
        assert said in told
    assert dx_counterexample().message.partition(":")[0] in told
    put(here, RIGHT_ADAPTER)
    assert (replay(wanted), "it no longer fails" in capsys.readouterr().out) == (0, True)


def test_what_another_answer_was_compared_with_is_not_held_against_right_code(here: Path) -> None:
    """The record of a law about two answers holds one of them as expected, and that one may have been the wrong one."""
    wanted = Wanted(desk(here, row_of(of_another_answer(), property="gradients_are_linear_in_the_upstream_gradient")), 1)
    assert replay(wanted) == 1
    put(here, RIGHT_ADAPTER)
    assert replay(wanted) == 0


def test_an_error_is_told_with_its_own_lines_of_code(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = changed(
        message="forward raised an error: KeyError: 'scale'\nat student.py:14 in forward", component="forward", shows=None
    )
    wanted = Wanted(desk(here, row_of(example, status="error"), source=in_forward("{}['scale']")), 1)
    assert replay(wanted) == 1
    told = capsys.readouterr().out
    assert "{}['scale']" in told
    assert "in the record" not in told
    assert "servant.py" not in told
    put(here, RIGHT_ADAPTER)
    assert replay(wanted) == 0


def test_an_array_that_is_changed_is_seen_to_be_changed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = Counterexample(message="x was changed by a call", component="purity", trace=dx_counterexample().trace[:2])
    wanted = Wanted(desk(here, row_of(example), source=in_forward("x += 1")), 1)
    assert (replay(wanted), "x was changed by a call; it belongs to the caller" in capsys.readouterr().out) == (1, True)
    put(here, RIGHT_ADAPTER)
    assert replay(wanted) == 0


def test_an_answer_of_the_wrong_shape_still_fails(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = RIGHT_ADAPTER.replace("return residual * ", "return residual[:1] * ")
    assert replay(Wanted(desk(here, row_of(dx_counterexample()), source=source), 1)) == 1
    assert "dx has shape (1, 1); (2, 1) was expected" in capsys.readouterr().out


@pytest.mark.parametrize("example", [None, changed(shows=None, trace=dx_counterexample().trace[:2])], ids=["no calls", "too few"])
def test_where_the_calls_do_not_tell_the_whole_law_is_asked(example: Counterexample | None, here: Path) -> None:
    wanted = Wanted(desk(here, row_of(example)), 1)
    assert replay(wanted) == 1
    put(here, RIGHT_ADAPTER)
    assert replay(wanted) == 0


def test_a_crash_takes_the_process_with_it_and_leaves_the_call_on_the_screen(here: Path) -> None:
    desk(here, row_of(crash_counterexample(), status="crash"), source=in_forward("import os; os.abort()"))
    done = command(here, "--failure", "1")
    assert done.returncode < 0
    assert "careful: this ended its process in the check" in done.stdout
    assert done.stdout.rstrip().endswith("x = [[1], [3]]")


def test_the_debugger_stops_in_the_students_own_method(here: Path) -> None:
    desk(here, row_of(dx_counterexample()))
    done = command(here, "--failure", "1", "--pdb", typed="where\np dy.shape\ncontinue\n")
    assert "student.py(" in done.stdout
    assert "backward()\n-> dbeta, dgamma = dy.sum" in done.stdout
    assert "(2, 1)" in done.stdout
    assert done.returncode == 1
    left = command(here, "--failure", "1", "--pdb", typed="quit\n")
    assert (left.returncode, left.stderr) == (2, "bnspec: the debugger was left, so nothing was compared\n")


def test_without_a_number_the_failures_are_listed_as_the_pages_number_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passing = row_of(None, status="pass", property="a_law_that_holds")
    path = desk(here, passing, row_of(dx_counterexample()), row_of(None, status="error", reason="it raised", dtype="float64"))
    assert replay(Wanted(path, None, again="bnspec replay record.json")) == 0
    told = capsys.readouterr().out
    assert "student.py:Adapter: 2 failures" in told
    assert "   1  float32  fail: training gradients are exact: dx[0, 0] is 0.5, should be 5e-6\n" in told
    assert "   2  float64  error: training gradients are exact: it raised\n" in told
    assert told.endswith("next: bnspec replay record.json --failure K\n")


def refusal(wanted: Wanted, capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence of a replay that cannot be made."""
    assert replay(wanted) == 2
    told = capsys.readouterr().err
    assert told.startswith("bnspec: ")
    assert told.count("\n") == 1
    return told


def test_what_cannot_be_replayed_gets_one_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = desk(here, row_of(dx_counterexample()))
    assert "there is no failure 2; the record of student.py:Adapter has 1 failure" in refusal(Wanted(path, 2), capsys)
    assert "gone.json cannot be read" in refusal(Wanted(here / "gone.json", 1), capsys)
    (here / "student.py").rename(here / "moved.py")
    assert "if it has moved, say where with --target" in refusal(Wanted(path, 1), capsys)
    assert replay(Wanted(path, 1, target="moved.py:Adapter")) == 1
    put(here, "raise RuntimeError('not today')")
    assert "student.py could not be imported: RuntimeError: not today" in refusal(Wanted(path, 1), capsys)
    put(here, RIGHT_ADAPTER.replace("    def backward", "    def unused"))
    assert "student.py:Adapter does not offer backward" in refusal(Wanted(path, 1), capsys)


def test_of_several_records_one_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, WRONG_ADAPTER)
    (here / "other.py").write_text(RIGHT_ADAPTER)
    first = recorded((row_of(dx_counterexample()),))
    second = msgspec.structs.replace(first, target="other.py:Adapter")
    path = here / "two.json"
    save([first, second], path)
    assert "1 is student.py:Adapter; 2 is other.py:Adapter" in refusal(Wanted(path, 1), capsys)
    codes = {which: replay(Wanted(path, 1, record=which)) for which in ("1", "2", "student.py:Adapter", "other.py:Adapter")}
    assert codes == {"1": 1, "2": 0, "student.py:Adapter": 1, "other.py:Adapter": 0}
    assert replay(Wanted(path, 1, target="other.py:Adapter")) == 0


def test_a_record_without_failures_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holds: Row = row_of(None, status="pass")
    assert "nothing fails in the record of student.py:Adapter: it is inconclusive" in refusal(Wanted(desk(here, holds), 1), capsys)


def test_a_program_that_a_record_names_is_run_only_when_named_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = here / "asked.sh"
    program.write_text("#!/bin/sh\ntouch ran\n")
    program.chmod(0o755)
    path = desk(here, row_of(dx_counterexample()), row_of(None))
    save(msgspec.structs.replace(load(path)[0], target=f"{program} --now"), path)
    for failure in (1, 2):
        assert "to run it, name it yourself: --target" in refusal(Wanted(path, failure), capsys)
    assert not (here / "ran").exists()
    assert replay(Wanted(path, 1, target=str(program))) == 2
    assert (here / "ran").exists()


ODD = {
    "shows what is not there": changed(shows=Shows(step=99, name="y")),
    "shows a step without answers": changed(shows=Shows(step=0, name="dx")),
    "no layer": changed(trace=dx_counterexample().trace[1:]),
    "steps in no order": changed(trace=dx_counterexample().trace[::-1]),
    "another index": changed(index=[7, 7, 7]),
    "nothing expected": changed(expected=None, tolerance=None),
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("status", ["fail", "error"])
def test_a_record_that_no_check_wrote_is_answered_as_far_as_it_goes(what: str, status: str, here: Path) -> None:
    path = desk(here, row_of(ODD[what], status=status, property="a_law_of_others"), source=RIGHT_ADAPTER)
    assert replay(Wanted(path, 1, pdb=False)) in (0, 1, 2)
    assert failing_call(row_of(ODD[what]), ODD[what].trace) in (0, 1, 2)
    for form in ("pytest", "json", "c"):
        assert export(path, 1, form, None) in (0, 2)
