"""The command line, called as scripts call it, and what they may count on in a record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mistakes

from bnspec.convention import KERAS

COMMAND = (sys.executable, "-m", "bnspec.cli.main")

QUICK = ("--profile", "smoke", "--only", "forward", "--dtype", "float32")

RETURNS_NONE = mistakes.RIGHT.replace("return self.gamma.reshape", "unused = self.gamma.reshape")

STOPS = mistakes.RIGHT.replace(
    "    def forward(self, x, training=True):\n",
    """\
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls == 250:
            import os, pathlib, time
            pathlib.Path("draft").write_text(str(os.getpid()))
            pathlib.Path("draft").rename("waiting")
            time.sleep(600)
""",
)
"""Right, but its 250th answer never comes; then it leaves a note with its process id."""

RECORD: dict[str, type] = {
    "schema": str,
    "suite": str,
    "laws": str,
    "target": str,
    "verdict": str,
    "scope": list,
    "reason": str,
    "grades": dict,
    "expectations": str,
    "convention": dict,
    "environment": dict,
    "seed": int,
    "seconds": float,
    "results": list,
    "diagnoses": list,
    "warnings": list,
}
"""What outsiders script against: the fields of a record, whatever came of the run."""

ROW: dict[str, type | tuple[type, ...]] = {
    "property": str,
    "chapter": str,
    "dtype": str,
    "level": str,
    "status": str,
    "expected": bool,
    "examples": int,
    "worst_ratio": (float, int, str),
    "seconds": float,
    "reason": str,
    "counterexample": (dict, type(None)),
    "repro": (str, type(None)),
}

STATUSES = {"pass", "fail", "error", "crash", "timeout", "flaky", "unsupported", "vacuous", "cut", "not-run"}


@dataclass(frozen=True)
class Done:
    """A finished run of the command."""

    code: int
    out: str
    err: str


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(happened: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something; the limit is only there so that a failure ends."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def laid_out(desk: Path) -> Path:
    """The directory, with somebody's files in it."""
    files = {"right": mistakes.RIGHT, "wrong": mistakes.source("eps outside the root"), "none": RETURNS_NONE, "stops": STOPS}
    for name, text in files.items():
        (desk / f"{name}.py").write_text(text, encoding="utf-8")
    (desk / "keras.toml").write_text(KERAS.to_toml(), encoding="utf-8")
    return desk


def bnspec(desk: Path, *arguments: str) -> Done:
    done = subprocess.run([*COMMAND, *arguments], cwd=desk, capture_output=True, text=True, timeout=240, check=False)
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def records(path: Path) -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if document["schema"] == "bnspec-reports/1":
        return list(document["reports"])
    return [document]


def assert_contract(record: dict[str, Any]) -> None:
    for name, kind in RECORD.items():
        assert isinstance(record[name], kind), name
    for row in record["results"]:
        for name, kinds in ROW.items():
            assert isinstance(row[name], kinds), name
    assert record["schema"] == "bnspec-report/1"
    assert record["verdict"] in ("conformant", "nonconformant", "inconclusive")
    assert record["expectations"] in ("met", "unmet", "none")
    for row in record["results"]:
        assert row["level"] in ("required", "recommended")
        assert row["status"] in STATUSES
        assert (row["counterexample"] is None) == (row["status"] not in ("fail", "error", "crash", "timeout"))
