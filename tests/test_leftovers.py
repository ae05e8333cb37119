"""No process outlives its run: not what code leaves behind, and nothing at all when the judge is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import faults
import pytest
from command_line import COMMAND
from linking import BAD, X, alive, case, child, children_of, contents, daemons, fault_of, gone, nurseries, right

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked, and /proc is read")


@pytest.mark.parametrize("deed", ["nothing", "orphans"])
def test_close_leaves_no_process(deed: str) -> None:
    before = set(children_of(os.getpid()))
    link = child(deed)
    if deed == "orphans":
        fault_of(link, case(BAD))
    link.ask(case())
    started = [pid for pid in children_of(os.getpid()) if pid not in before]
    assert len(started) == 2
    link.close()
    assert gone(started)


def test_orphans_are_ended_when_their_child_crashes() -> None:
    with child("orphans") as link:
        fault_of(link, case(BAD))
        assert len(children_of(nurseries()[-1])) == 1


@pytest.mark.parametrize("ending", ["crash", "close"])
def test_daemons_in_sessions_of_their_own_are_ended_too(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with child(f"daemons then {ending}") as link:
        if ending == "crash":
            fault_of(link, case(BAD))
            assert gone(daemons(tmp_path))
        else:
            link.ask(case(BAD))
            assert all(map(alive, daemons(tmp_path)))
    assert gone(daemons(tmp_path))


PARENT = """
import os, sys, time
import linking
link = linking.child(sys.argv[1], timeout=60.0)
print(*linking.children_of(os.getpid())[1:], flush=True)
link.ask(linking.case(linking.BAD))
time.sleep(3600)
"""


@pytest.mark.parametrize("deed", ["nothing", "deaf"])
def test_a_killed_judge_leaves_no_process(deed: str) -> None:
    command = [sys.executable, "-c", PARENT, deed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(alive, pids))
        time.sleep(0.3)  # long enough for the deaf one to have stopped listening
        parent.send_signal(signal.SIGKILL)
    assert gone(pids)


DEAF_WITH_A_DAEMON = """\
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("daemons", "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(3600)
    os._exit(0)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
ctypes.PyDLL(None).sleep(3600)"""
"""Stuck in C with Python locked and all signals blocked, and with a child that has taken leave."""


def test_a_killed_check_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(faults.in_forward(DEAF_WITH_A_DAEMON, "len(x) > 4"))
    options = ("--profile", "smoke", "--jobs", "2", "--timeout", "60", "--only", "training_output_is_exact")
    with subprocess.Popen([*COMMAND, "check", "stuck.py:BatchNorm", *options], cwd=tmp_path, stdout=subprocess.DEVNULL) as judge:
        while not (tmp_path / "daemons").exists() or len(daemons(tmp_path)) < 2:
            time.sleep(0.05)
        pids = [*children_of(judge.pid), *daemons(tmp_path)]
        assert len(pids) >= 9  # the judge; two workers, each with a nursery, a child and what led to the daemon; two daemons
        judge.send_signal(signal.SIGKILL)
    assert gone(pids)


def test_a_killed_fork_server_takes_the_child_along_and_is_replaced() -> None:
    before = set(children_of(os.getpid()))
    with child("nothing") as link:
        nursery, worker = sorted(set(children_of(os.getpid())) - before)
        os.kill(nursery, signal.SIGKILL)
        assert gone([nursery, worker])
        assert fault_of(link, case()).text == "crashed, and took the fork server of bnspec along"
        link.renew()
        assert contents(link.ask(case(X + 1))) == contents(right(case(X + 1)))
