"""Slow code is asked less, and says so; the clock only cuts; failures are made smaller for a while only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from naming import STUDENT

from bnspec.cli.runner import Options, run
from bnspec.properties.budget import MIN_EXAMPLES, Patience, affordable, pace_of, reduced
from bnspec.properties.plugin import PROFILES
from bnspec.reports import expectations
from bnspec.reports.record import Record

SLOW = """
import time
from bnspec.reference.textbook import BatchNorm as Right

class BatchNorm(Right):
    def forward(self, x, mode="train"):
        time.sleep({seconds})
        return super().forward(x, mode)
"""

WRONG = """
import time
import numpy as np
from bnspec.reference.textbook import BatchNorm as Right

class BatchNorm(Right):
    def forward(self, x, mode="train"):
        time.sleep(0.05)
        return super().forward(x, mode) * 1.001
"""


def written(directory: Path, text: str) -> str:
    path = directory / "slow.py"
    path.write_text(text)
    return f"{path}:BatchNorm"


def test_fast_code_is_asked_all_cases_of_the_profile() -> None:
    assert affordable(300, 146, 4e-4) == 300


def test_code_of_40_ms_a_call_is_asked_what_ninety_seconds_afford() -> None:
    asked = affordable(300, 73, 0.04)
    assert 5 <= asked <= 90 / (73 * 0.04)


def test_code_of_a_minute_a_call_is_still_asked_something() -> None:
    assert affordable(25, 146, 60.0) == MIN_EXAMPLES


@pytest.mark.parametrize("noise", [0.99, 1.0, 1.04])
def test_pace_does_not_flicker(noise: float) -> None:
    assert pace_of([0.045 * noise] * 9) == pace_of([0.045] * 9)


def test_a_hang_among_the_calls_is_not_their_pace() -> None:
    assert pace_of([0.001, 0.001, 10.0, 0.001]) < 0.0015


def test_untimed_code_is_asked_everything() -> None:
    assert affordable(25, 146, pace_of([])) == 25


def test_the_warning_tells_pace_and_both_counts() -> None:
    assert "40 ms" in reduced(300, 8, 0.04)
    assert "8 cases" in reduced(300, 8, 0.04)
    assert "300" in reduced(300, 8, 0.04)
    assert reduced(300, 300, 0.001) == ""


def test_impatience_asks_again_what_was_asked_before_whatever_came_of_it_and_nothing_new() -> None:
    patience, held, failing = Patience(seconds=0.0), {"x": np.zeros(3)}, {"x": np.ones(3)}
    assert patience.allows(held)
    assert patience.allows(failing)
    patience.failed()
    assert patience.allows({"x": np.ones(3)})
    assert patience.allows({"x": np.zeros(3)})
    assert not patience.allows({"x": np.full(3, 2.0)})


def test_a_failure_may_be_made_smaller_while_there_is_time() -> None:
    patience = Patience(seconds=60.0)
    patience.failed()
    assert patience.allows({"x": 2})
    assert not patience.allows({"x": 3}, hurry=True)


EPS_IN_FLOAT32 = STUDENT.replace("= momentum, eps\n", "= momentum, float(np.float32(eps))\n")

KNOWN = """
[[deviation]]
property = "*"
reason = "eps is kept in float32"
link = "https://example.com"
date = 2026-11-23
when = { dtype = "float64" }
fingerprint = { status = "fail" }
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_known_failure_that_comes_after_cases_that_held_is_a_plain_failure(tmp_path: Path, seed: int) -> None:
    (tmp_path / "known.toml").write_text(KNOWN, encoding="utf-8")
    known = expectations.load(tmp_path / "known.toml")
    options = Options("smoke", seed, ("float64",), only=("lifecycle",), expectations=known, in_process=True)
    rows = run(written(tmp_path, EPS_IN_FLOAT32), options, object()).record.results
    assert "fail" in {row.status for row in rows}
    assert "flaky" not in {row.status for row in rows}


def asked(target: str, max_seconds: float) -> Record:
    options = Options(profile="smoke", only=("forward",), dtypes=("float32",), max_seconds=max_seconds)
    return run(target, options, object()).record


def test_a_slow_implementation_gets_fewer_cases_and_says_so(tmp_path: Path) -> None:
    record = asked(written(tmp_path, SLOW.format(seconds=0.05)), 60.0)
    assert record.verdict == "conformant"
    assert max(row.examples for row in record.results) < PROFILES["smoke"]
    assert any(warning.startswith("slow: a call takes about") for warning in record.warnings)


def test_a_run_out_of_time_is_cut_and_inconclusive(tmp_path: Path) -> None:
    record = asked(written(tmp_path, SLOW.format(seconds=0.05)), 2.0)
    cut = [row for row in record.results if row.status == "cut"]
    assert record.verdict == "inconclusive"
    assert cut
    assert all("--max-seconds" in row.reason for row in cut)


def test_a_failure_found_before_the_time_is_over_is_kept(tmp_path: Path) -> None:
    record = asked(written(tmp_path, WRONG), 5.0)
    assert record.verdict == "nonconformant"
    assert "flaky" not in {row.status for row in record.results}
