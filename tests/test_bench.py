"""`bnspec bench` as scripts see it: who is timed, who is disqualified and why, and what is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mistakes
import numpy as np
import pytest
from command_line import bnspec

from bnspec.cli import bench as cli_bench
from bnspec.cli.bench import _collected, _impossible
from bnspec.plugs.faults import Fault
from bnspec.plugs.memory import available, extra_bytes
from bnspec.plugs.timed import Timed
from bnspec.plugs.traffic import Copying
from bnspec.reports.bench import Point, Timing, load

FORWARD = "    def forward(self, x, training=True):\n"

WRONG_WHERE_LARGE = mistakes.RIGHT.replace(
    "            centered = x - mean", "            mean = mean + (x.size > 1000)\n            centered = x - mean", 1
)
"""Right in small arrays, which are all that most people try."""

REMEMBERS = mistakes.RIGHT.replace(
    FORWARD,
    """\
    def forward(self, x, training=True):
        calls, y = getattr(self, "known", (0, None))
        if calls < 3:
            y = self.compute(x, training)
        self.known = calls + 1, y
        return y

    def compute(self, x, training):
""",
)
"""Fast, since it gives the answer to the third call to all later ones."""

HANGS = mistakes.RIGHT.replace(FORWARD, FORWARD + "        while x.size > 1000: pass\n")

QUICK = ("--shape", "16x8x4x4", "--operation", "forward")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("desk")
    files = {"right": mistakes.RIGHT, "large": WRONG_WHERE_LARGE, "remembers": REMEMBERS, "hangs": HANGS}
    for name, text in files.items():
        (place / f"{name}.py").write_text(text, encoding="utf-8")
    return place


def test_right_code_is_timed_with_its_limit_its_resolution_and_its_accuracy(desk: Path) -> None:
    done = bnspec(
        desk, "bench", "right.py", "--against", "bnspec.reference.layers:torch", *QUICK[:2], "--report", "out", "--json", "b.json"
    )
    assert done.code == 0, done.out + done.err
    found = load(desk / "b.json")
    assert (found.targets, found.against) == (["bnspec.reference.layers:torch", "right.py"], "bnspec.reference.layers:torch")
    assert [str(one.point.operation) for one in found.timings[::2]] == ["forward", "inference", "backward", "step"]
    for one in found.timings:
        assert (one.status, len(one.seconds), len(one.copies)) == ("timed", 9, 9)
        assert len(one.again) == (9 if one.target == found.against else 0)
        assert 0 < one.share < 1
        assert all(0 <= float(ratio) <= 1 for ratio in one.worst.values())
    assert {accuracy.grade for accuracy in found.accuracies} == {"A"}
    assert found.accuracies[0].regimes.keys() == {"ordinary", "far from zero", "small beside eps", "large", "many values"}
    assert {"y", "y_infer", "running_var", "dx", "dgamma", "dbeta"} <= found.accuracies[0].regimes["ordinary"].keys()
    assert "resolution" in done.out
    assert "grade A" in done.out
    assert {"bench.json", "bench.md", "bench.html"} <= {path.name for path in (desk / "out").iterdir()}


def test_who_is_wrong_on_the_very_shapes_timed_is_disqualified_with_the_reason(desk: Path) -> None:
    done = bnspec(desk, "bench", "right.py", "large.py", "remembers.py", *QUICK, "--json", "wrong.json")
    assert done.code == 1
    right, large, remembers = load(desk / "wrong.json").timings
    assert (right.status, large.status, remembers.status) == ("timed", "disqualified", "disqualified")
    assert large.reason.startswith(("y is off by", "running_mean is off by"))
    assert remembers.reason.startswith("y is off by")
    assert not large.seconds
    assert "disqualified: y is off by" in done.out


def test_a_hang_disqualifies_one_and_the_others_go_on(desk: Path) -> None:
    done = bnspec(desk, "bench", "hangs.py", "right.py", *QUICK, "--timeout", "3", "--json", "hangs.json")
    hangs, right = load(desk / "hangs.json").timings
    assert (done.code, hangs.status, right.status) == (1, "disqualified", "timed")
    assert hangs.reason.startswith("no answer within 3 s")


def test_what_cannot_be_opened_is_said_and_the_exit_code_is_2(desk: Path) -> None:
    done = bnspec(desk, "bench", "nobody.py", "--json", "nobody.json", *QUICK)
    assert done.code == 2
    document: dict[str, Any] = json.loads((desk / "nobody.json").read_text())
    assert (document["schema"], document["targets"]) == ("bnspec-bench/1", [])
    assert "nobody.py" in document["refused"]
    assert bnspec(desk, "bench", "right.py", "--shape", "64").code == 2


def test_a_crash_while_timing_is_a_fault_and_says_how_it_ended(tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text("import os\nos.abort()\n")
    with pytest.raises(Fault) as fault:
        Timed(str(tmp_path / "dies.py"), "", threads=1, timeout=30)
    assert (fault.value.status, fault.value.op) == ("crash", "start")
    assert "SIGABRT" in fault.value.text


def test_what_it_prints_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    (tmp_path / "talks.py").write_text("print('ok=1')\n" + mistakes.RIGHT)
    with Timed(str(tmp_path / "talks.py"), "", threads=1, timeout=30) as timed:
        timed.close()


@pytest.mark.skipif(available() is None, reason="the system does not tell of memory")
def test_the_peak_of_a_call_counts_what_it_drops_again() -> None:
    def call() -> object:
        np.ones(1 << 22)
        return np.ones(1 << 21)

    extra = extra_bytes(call)
    assert extra is not None
    assert 30 << 20 < extra < 64 << 20


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_byte_is_copied_however_many_threads_share_it(threads: int) -> None:
    copying = Copying(5 << 20, threads)
    assert copying.nanoseconds() > 0
    assert copying._target.all()


def test_a_dtype_that_needs_a_package_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise TypeError(f"{name} needs the package ml_dtypes")

    point = Point(operation="forward", shape=(4, 3), dtype="bfloat16")
    assert _impossible(point, 3) == ""
    monkeypatch.setattr(cli_bench, "dtype_named", missing)
    assert _impossible(point, 3) == "bfloat16 needs the package ml_dtypes"


def test_what_was_timed_before_an_interruption_is_kept() -> None:
    timing = Timing(target="t", point=Point(operation="forward", shape=(4, 3)), status="skipped", reason="a test")

    def interrupted() -> Iterator[Timing]:
        yield timing
        raise KeyboardInterrupt

    assert _collected(interrupted()) == ([timing], True)
    assert _collected([timing]) == ([timing], False)
