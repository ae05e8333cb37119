"""The instrument cannot be fooled: what code under test does to its own process, to the channel or to the run gains it nothing."""

from __future__ import annotations

import io
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from asking import ask, rows_by_status
from attacks import LOOKING, RIGHT, SWAPPING, TIMING, WRONG, Attack
from attacks_beyond import (
    CHANNEL,
    KILLS_A_WORKER,
    KILLS_THE_JUDGE,
    ORACLE,
    PLANTS_MODULES,
    POISONS_A_CACHE,
    PROCESSES,
    STEERS_A_TERMINAL,
    WRITES_THE_RECORD,
)
from command_line import COMMAND, records

from bnspec import watching
from bnspec.plugs import remote
from bnspec.plugs.ration import Budget
from bnspec.protocol import BadMessage, receive, room
from bnspec.reports.record import Record
from bnspec.reports.verdict import FAILING
from bnspec.seal import Seal

INSIDE = {**LOOKING, **SWAPPING, **TIMING, **CHANNEL}

LAWS = ("forward", "inference_output_is_exact", "purity", "the_convention_is_of_one_piece")

ONE = ("training_output_is_exact",)


def laid_out(desk: Path, **attacks: Attack) -> None:
    for name, attack in attacks.items():
        (desk / f"{name}.py").write_text(attack.on + attack.code, encoding="utf-8")


def attacked(attack: Attack, desk: Path, laws: tuple[str, ...]) -> Record:
    laid_out(desk, attack=attack)
    return ask(f"{desk}/attack.py:BatchNorm", examples=5, only=laws, dtypes=("float32",), timeout=5.0, campaign=True)


def check(desk: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    options = ("--profile", "smoke", "--only", "training_output_is_exact", "--timeout", "5")
    return subprocess.run(
        [*COMMAND, "check", *arguments, *options],
        cwd=desk,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("name", INSIDE)
def test_what_an_attack_gains_is_nothing(name: str, tmp_path: Path) -> None:
    attack = INSIDE[name]
    record = attacked(attack, tmp_path, LAWS)
    said = [record.reason, *(row.reason for row in record.results if row.status in FAILING)]
    assert record.verdict == attack.verdict, rows_by_status(record.results)
    assert any(attack.words in reason for reason in said), said


@pytest.mark.parametrize("name", PROCESSES)
def test_ending_or_stopping_what_started_it_gains_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "Budget", partial(Budget, seconds=1.0))
    assert attacked(PROCESSES[name], tmp_path, ONE).verdict == PROCESSES[name].verdict


def test_what_the_attacks_stand_on_is_wrong_or_right_without_them(tmp_path: Path) -> None:
    verdicts = [attacked(Attack("nothing", "", on=on), tmp_path, LAWS).verdict for on in (WRONG, RIGHT)]
    assert verdicts == ["nonconformant", "conformant"]


def test_code_that_computes_with_our_oracle_is_right(tmp_path: Path) -> None:
    """What counts is what is answered; docs/isolation.md says so."""
    assert attacked(ORACLE, tmp_path, LAWS).verdict == "conformant"


def test_a_judge_that_is_killed_gives_no_verdict_and_leaves_no_older_one(tmp_path: Path) -> None:
    laid_out(tmp_path, right=Attack("nothing", "", on=RIGHT), attack=KILLS_THE_JUDGE)
    written = ("--json", "record.json", "--report", "report", "--jobs", "1")
    assert check(tmp_path, "right.py", *written).returncode == 0
    assert check(tmp_path, "attack.py:BatchNorm", *written).returncode == -9
    assert not (tmp_path / "record.json").exists()
    assert not list((tmp_path / "report").glob("report.*"))


def test_a_worker_that_is_killed_leaves_the_verdict_open(tmp_path: Path) -> None:
    laid_out(tmp_path, attack=KILLS_A_WORKER)
    done = check(tmp_path, "attack.py:BatchNorm", "--jobs", "2", "--json", "record.json")
    assert done.returncode == 2
    (record,) = records(tmp_path / "record.json")
    assert record["verdict"] == "inconclusive"


def test_a_record_that_was_written_over_is_the_judges_in_the_end(tmp_path: Path) -> None:
    laid_out(tmp_path, attack=WRITES_THE_RECORD)
    done = check(tmp_path, "attack.py:BatchNorm", "--json", "record.json", "--report", "report", "--jobs", "1")
    assert done.returncode == 1
    for file in (tmp_path / "record.json", tmp_path / "report" / "report.json"):
        (record,) = records(file)
        assert (record["target"], record["verdict"]) == ("attack.py:BatchNorm", "nonconformant")


def test_the_judge_imports_nothing_from_where_code_under_test_can_write(tmp_path: Path) -> None:
    laid_out(tmp_path, attack=PLANTS_MODULES, wrong=Attack("nothing", ""))
    targets = ("attack.py:BatchNorm", "wrong.py:BatchNorm")
    done = check(tmp_path, *targets, "--jobs", "2", "--report", "report", "--json", "record.json", PYTHONPATH=str(tmp_path))
    assert (tmp_path / "jinja2.py").exists()
    assert not (tmp_path / "note").exists(), (tmp_path / "note").read_text()
    assert done.returncode == 1
    assert [record["verdict"] for record in records(tmp_path / "record.json")] == ["nonconformant"] * 2


def test_one_target_changes_nothing_for_the_next(tmp_path: Path) -> None:
    judge = SWAPPING["the judge and the oracle"]
    files = {"poison": POISONS_A_CACHE, "swap": judge, "victim": Attack("nothing", ""), "right": Attack("nothing", "", on=RIGHT)}
    laid_out(tmp_path, **files)
    check(tmp_path, *(f"{name}.py:BatchNorm" for name in files), "--dtype", "float32", "--json", "record.json")
    verdicts = [record["verdict"] for record in records(tmp_path / "record.json")]
    assert list((tmp_path / "__pycache__").glob("victim.*"))
    assert verdicts == ["nonconformant", "nonconformant", "nonconformant", "conformant"]


def test_what_code_under_test_says_cannot_steer_a_terminal(tmp_path: Path) -> None:
    laid_out(tmp_path, attack=STEERS_A_TERMINAL)
    done = check(tmp_path, "attack.py:BatchNorm", FORCE_COLOR="1", TERM="xterm")
    assert done.returncode == 1
    assert "[bold green]CONFORMANT[/]" in done.stdout
    for steering in ("\x1b]", "\x1b[2J", "\u202e", "\x08", "\x9b"):
        assert steering not in done.stdout + done.stderr


def test_a_reply_is_as_long_as_its_request_allows() -> None:
    reply = b"id=1 ok=1 y:f4:1000000\n"
    assert room(0) < 4_000_000 < room(4_000_000)
    assert receive(io.BytesIO(reply + bytes(4_000_000)), room(4_000_000)).arrays["y"].size == 1_000_000
    with pytest.raises(BadMessage, match="at most 1048576 bytes; these would have 4000000"):
        receive(io.BytesIO(reply), room(0))


def test_a_seal_tells_what_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal()
    assert seal.broken() == ""
    with monkeypatch.context() as patched:
        patched.setattr(watching.Watch, "notice", lambda self, returned: None)
        assert seal.broken() == "bnspec.watching.Watch.notice"
    with monkeypatch.context() as patched:
        patched.setattr(watching.Keepsake.changed, "__code__", (lambda self: False).__code__)
        assert seal.broken() == "bnspec.watching.Keepsake.changed"
    with monkeypatch.context() as patched:
        patched.setattr(watching, "may_share_memory", lambda one, other: False)
        assert seal.broken() == "bnspec.watching.may_share_memory"
    assert seal.broken() == ""
