"""An interrupted run goes on where it was: nothing finished is asked again, nothing of another state of things is mixed in."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import COMMAND, bnspec, until
from comparing import timeless, timeless_in
from mistakes import RIGHT, source

from bnspec.cli.fingerprint import code_of, decided_by
from bnspec.cli.keeping import kept_rows, opened
from bnspec.cli.runner import Options, Outcome, run
from bnspec.properties.rows import Row

HALTS_ONCE = RIGHT.replace(
    "    def forward(self, x, training=True):\n",
    """\
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls > 130:
            import pathlib, time
            try:
                pathlib.Path("waiting").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                time.sleep(600)
""",
)
"""Right, but one call never comes back: the first after the 130th, unless there is a file "waiting", which it leaves."""

SMALL = Options(profile="smoke", only=("forward", "affine"), dtypes=("float32",))


class Counting:
    """A pytest plug-in that counts the rows which become known, and interrupts after so many."""

    def __init__(self, patience: int = 1000) -> None:
        self.rows: list[Row] = []
        self.asked = 0
        self._patience = patience

    def pytest_runtest_call(self) -> None:
        self.asked += 1

    def pytest_bnspec_row(self, row: Row) -> None:
        self.rows.append(row)
        if len(self.rows) == self._patience:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def target(tmp_path: Path) -> str:
    path = tmp_path / "layer.py"
    path.write_text(source("eps outside the root"), encoding="utf-8")
    return str(path)


def kept(target: str, place: Path, **changes: Any) -> tuple[Options, str]:
    """The options with the file that keeps the rows, and what has changed since."""
    place.mkdir(exist_ok=True)
    options = replace(SMALL, **changes)
    file, changed = opened(place, decided_by(target, options))
    return replace(options, kept=str(file)), changed


def interrupted(target: str, options: Options, after: int) -> Outcome:
    return run(target, options, Counting(after))


def test_a_second_run_asks_only_the_rest_and_makes_the_same_record(target: str, tmp_path: Path) -> None:
    options, changed = kept(target, tmp_path / "kept")
    first = interrupted(target, options, 3)
    assert (first.interrupted, changed) == (True, "")
    assert first.record.reason.startswith("interrupted")
    assert sum(row.status == "not-run" for row in first.record.results) == len(first.record.results) - 3
    counting = Counting()
    second = run(target, options, counting)
    whole = run(target, SMALL, Counting()).record
    assert timeless(second.record) == timeless(whole)
    assert (counting.asked, len(counting.rows)) == (len(whole.results) - 3, len(whole.results))
    assert {"pass", "fail"} <= {row.status for row in whole.results}
    third = Counting()
    assert timeless(run(target, options, third).record) == timeless(whole)
    assert third.asked == 0


def test_a_torn_line_counts_as_never_asked(target: str, tmp_path: Path) -> None:
    options, _ = kept(target, tmp_path / "kept")
    interrupted(target, options, 3)
    file = Path(str(options.kept))
    content = file.read_bytes()
    file.write_bytes(content[:-40])
    assert kept(target, tmp_path / "kept") == (options, "")
    counting = Counting()
    whole = run(target, options, counting).record
    assert counting.asked == len(whole.results) - 2
    assert len(kept_rows(file)) == len(whole.results), "what is written after it is whole"


def test_rows_that_say_nothing_are_asked_again(target: str, tmp_path: Path) -> None:
    options, _ = kept(target, tmp_path / "kept", max_seconds=1e-6)
    cut = run(target, options, Counting()).record
    assert {row.status for row in cut.results} == {"cut"}
    more = replace(options, max_seconds=None)
    assert "cut" not in {row.status for row in run(target, more, Counting()).record.results}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 1}, "--seed was 0 and is 1"),
        ({"profile": "standard"}, "--profile was smoke and is standard"),
        ({"dtypes": ("float64",)}, "--dtype was float32 and is float64"),
        ({"timeout": 2.5}, "--timeout was 10 and is 2.5"),
        ({"convention": "torch"}, "--convention was measured and is torch"),
        ({"seed": 1, "in_process": True}, "--seed was 0 and is 1, --in-process was no and is yes"),
    ],
)
def test_what_decides_a_row_starts_afresh_when_it_changes(
    changes: dict[str, Any], sentence: str, target: str, tmp_path: Path
) -> None:
    before, _ = kept(target, tmp_path / "kept")
    after, changed = kept(target, tmp_path / "kept", **changes)
    assert changed.endswith(sentence)
    assert (after.kept, kept_rows(Path(str(after.kept)))) != (before.kept, {})
    assert kept(target, tmp_path / "kept") == (before, ""), "what was kept before is there again"


def test_what_decides_no_row_goes_on(target: str, tmp_path: Path) -> None:
    before, _ = kept(target, tmp_path / "kept")
    for changes in ({"only": ("purity",)}, {"skip": ("forward",)}, {"max_seconds": 5.0}, {"diagnose": False}):
        after, changed = kept(target, tmp_path / "kept", **changes)
        assert (after.kept, changed) == (before.kept, "")


def test_the_code_of_a_target_is_its_file_and_what_that_imports_from_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "layer.py": "import numpy.linalg\nimport os.path, deep.down\nfrom near import value\n\ndef late():\n    import later\n",
        "near.py": "value = 1\n",
        "later.py": "import layer\n",
        "deep/__init__.py": "",
        "deep/down.py": "from .beside import *\nfrom . import other\n",
        "deep/beside.py": "",
        "deep/other.py": "",
        "unrelated.py": "",
        "broken.py": "def (",
    }
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    read = {*files} - {"unrelated.py", "broken.py"}
    assert {*code_of("layer.py:BatchNorm")} == read | {"numpy"}
    assert {*code_of("deep.down:BatchNorm")} == {name for name in read if name.startswith("deep")}
    assert {*code_of("broken.py")} == {"broken.py"}
    assert {*code_of("torch.nn:BatchNorm2d(affine=False)")} == {"torch"}
    assert code_of("none.py") == code_of("no.such.module:Name") == code_of(":") == {}
    before = code_of("layer.py")
    Path("deep/beside.py").write_text("changed = True\n")
    after = code_of("layer.py")
    assert [name for name in before if before[name] != after[name]] == ["deep/beside.py"]


def test_after_kill_9_with_two_jobs_and_two_targets_the_same_command_goes_on(tmp_path: Path) -> None:
    for name, text in (("halts", HALTS_ONCE), ("wrong", source("eps missing"))):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    asked = ("check", "halts.py", "wrong.py", "--profile", "smoke", "--only", "forward", "--only", "affine")
    resumed = (*asked, "--jobs", "2", "--timeout", "300", "--resume", "kept", "--json", "r.json")
    with subprocess.Popen([*COMMAND, *resumed], cwd=tmp_path, stdout=subprocess.DEVNULL) as judge:
        until(lambda: (tmp_path / "waiting").exists() or judge.poll() is not None)
        judge.kill()
    (file,) = (tmp_path / "kept").glob("*.jsonl")
    assert not (tmp_path / "r.json").exists()
    finished = len(kept_rows(file))
    done = bnspec(tmp_path, *resumed)
    assert (done.code, done.err, finished > 0) == (1, "", True)
    bnspec(tmp_path, *asked, "--timeout", "300", "--json", "whole.json")
    assert timeless_in(tmp_path / "r.json") == timeless_in(tmp_path / "whole.json")
    changed = bnspec(tmp_path, *resumed, "--seed", "7")
    assert changed.err.splitlines()[0].endswith("--seed was 0 and is 7")
