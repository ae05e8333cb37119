"""A real Dask scheduler and real workers over TCP ask the units: the same record, also where a worker is killed in the middle.

These tests start processes and take half a minute: `pytest -m cluster` runs them alone, `-m "not cluster"` all others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from command_line import COMMAND, bnspec, until
from comparing import timeless_in
from mistakes import RIGHT, source

from bnspec.cli.sources import Home, home_of, settled

pytest.importorskip("distributed", reason="dask.distributed is not installed: pip install 'bnspec[dask]'")

pytestmark = pytest.mark.cluster

WORDS = ("--cases", "1100", "--only", "forward")


@dataclass
class Cluster:
    """A scheduler and its workers, each a process of its own, in a directory of its own."""

    place: Path
    scheduler: subprocess.Popen[bytes] = field(init=False)
    address: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, workers: int) -> None:
        file = self.place / "scheduler.json"
        self.scheduler = self._dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        until(lambda: file.is_file() and '"address"' in file.read_text(encoding="utf-8"))
        self.address = file.read_text(encoding="utf-8").partition('"address": "')[2].partition('"')[0]
        for number in range(workers):
            self.add(f"worker-{number}")

    def add(self, name: str) -> None:
        place = self.place / name
        place.mkdir()
        self.workers.append(self._dask("worker", self.address, "--nthreads", "1", "--no-nanny", cwd=place))

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _dask(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *words, "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=cwd or self.place, **quiet)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    made.start(2)
    yield made
    made.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A directory of somebody's with a right layer, a wrong one, and a file that both import."""
    for name, text in {"right": RIGHT, "wrong": source("eps outside the root")}.items():
        (tmp_path / f"{name}.py").write_text(f"import near\n{text}", encoding="utf-8")
    (tmp_path / "near.py").write_text("ONE = 1\n", encoding="utf-8")
    return tmp_path


def test_a_worker_killed_in_the_middle_changes_no_record(cluster: Cluster, desk: Path) -> None:
    targets = ("right.py:BatchNorm", "wrong.py:BatchNorm")
    check = ("check", *targets, *WORDS, "--no-diagnose")
    here = bnspec(desk, *check, "--json", "jobs.json")
    command = [*COMMAND, *check, "--json", "dask.json", "--resume", "kept", "--dask", cluster.address]
    running = subprocess.Popen(command, cwd=desk, stdout=subprocess.DEVNULL)
    until(lambda: lines(desk / "kept") > 1 or running.poll() is not None)
    assert running.poll() is None, "the run was over before a worker could be killed"
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    assert running.wait(240) == here.code == 1
    assert timeless_in(desk / "dask.json") == timeless_in(desk / "jobs.json")
    assert [record.verdict for record, _ in timeless_in(desk / "dask.json")] == ["conformant", "nonconformant"]


def test_files_are_sent_along_to_a_machine_that_does_not_have_them(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    home = home_of(["right.py:BatchNorm"], None)
    assert set(home.files) == {"right.py", "near.py"}
    elsewhere = settled(Home("/no/such/place", home.files).encoded())
    assert {path.name for path in elsewhere.place.iterdir()} == {"right.py", "near.py"}
    assert elsewhere.answer(elsewhere.task(b"/no/such/place/right.py:BatchNorm")) == b"/no/such/place/right.py:BatchNorm"
    assert settled(home.encoded()).place == desk, "files that are there already are used where they are"


def test_what_a_worker_cannot_import_is_said_with_what_to_do(cluster: Cluster, desk: Path) -> None:
    done = bnspec(desk, "check", "no_such_package.layers:BN", *WORDS, "--dask", cluster.address)
    assert done.code == 2
    assert "must be installed where the Dask workers run" in " ".join(done.out.split())


def test_no_scheduler_is_one_sentence(desk: Path) -> None:
    done = bnspec(desk, "check", "right.py:BatchNorm", *WORDS, "--dask", "tcp://127.0.0.1:9", "--json", "none.json")
    assert done.code == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.err
    assert timeless_in(desk / "none.json")[0][0].verdict == "inconclusive"


def lines(place: Path) -> int:
    return sum(len(file.read_bytes().splitlines()) for file in place.glob("*.jsonl"))
