"""The command line as scripts see it: exit codes, the record's fields, and what is printed where nobody watches."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import COMMAND, QUICK, Done, assert_contract, bnspec, is_alive, laid_out, records, until


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(tmp_path_factory.mktemp("desk"))


@dataclass(frozen=True)
class Usual:
    """The run that several tests look at: how it ended, its record, and the files that it left."""

    done: Done
    record: dict[str, Any]
    left: set[str]


@pytest.fixture(scope="module")
def usual(desk: Path) -> Usual:
    def files() -> set[str]:
        return {path.relative_to(desk).as_posix() for path in desk.rglob("*") if "__pycache__" not in path.parts}

    before = files()
    done = bnspec(desk, "check", "right.py", *QUICK, "--json", "new/deep/right.json")
    (record,) = records(desk / "new/deep/right.json")
    return Usual(done, record, files() - before)


def test_a_right_one_is_conformant_and_its_record_has_all_its_fields(usual: Usual) -> None:
    record = usual.record
    assert_contract(record)
    assert (usual.done.code, record["verdict"], record["scope"], record["target"]) == (0, "conformant", ["train"], "right.py")
    assert {(row["chapter"], row["dtype"], row["status"]) for row in record["results"]} == {("forward", "float32", "pass")}
    assert usual.done.out.startswith("CONFORMANT  right.py\n")
    assert "wrote new/deep/right.json\n" in usual.done.out


def test_piped_output_has_neither_colours_nor_a_progress_bar(usual: Usual) -> None:
    assert "\x1b" not in usual.done.out
    assert "\r" not in usual.done.out
    assert "asking" not in usual.done.out
    assert usual.done.err == ""


def test_a_run_leaves_nothing_that_was_not_asked_for(usual: Usual) -> None:
    assert usual.left == {"new", "new/deep", "new/deep/right.json"}


def test_only_and_skip_take_properties_and_chapters(usual: Usual, desk: Path) -> None:
    first, *others = [row["property"] for row in usual.record["results"]]
    done = bnspec(desk, "check", "right.py", *QUICK, "--skip", first, "--json", "part.json")
    assert (done.code, [row["property"] for row in records(desk / "part.json")[0]["results"]]) == (0, others)


def test_the_manuals_own_adapter_is_conformant_though_its_eps_is_fixed(desk: Path) -> None:
    manual = (Path(__file__).parent.parent / "docs" / "adapters.md").read_text(encoding="utf-8")
    (desk / "manual.py").write_text(manual.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    done = bnspec(desk, "check", "manual.py", *QUICK, "--only", "invariances", "--only", "inference", "--json", "manual.json")
    (record,) = records(desk / "manual.json")
    assert_contract(record)
    assert (done.code, record["scope"]) == (0, ["train", "infer", "running"]), record["reason"]


def test_several_targets_are_reported_in_their_order_and_the_worst_decides(desk: Path) -> None:
    targets = ("missing.py", "right.py", "none.py", "wrong.py:BatchNorm")
    done = bnspec(desk, "check", *targets, *QUICK, "--json", "all.json", "--report", "pages")
    found = records(desk / "all.json")
    for record in found:
        assert_contract(record)
    verdicts = ["inconclusive", "conformant", "nonconformant", "nonconformant"]
    assert (done.code, [record["verdict"] for record in found], [record["target"] for record in found]) == (1, verdicts, [*targets])
    assert json.loads((desk / "all.json").read_text())["schema"] == "bnspec-reports/1"
    assert {row["status"] for row in found[2]["results"]} == {"error"}
    assert "forward returned" in found[2]["results"][0]["reason"]
    pages = {path.relative_to(desk / "pages").as_posix() for path in (desk / "pages").rglob("*") if path.is_file()}
    assert {"index.html", "index.md"} <= pages
    assert len({page for page in pages if page.endswith("/report.html")}) == 4


def test_a_wrong_one_alone_gets_pages_and_scripts_and_the_next_command_runs(desk: Path) -> None:
    done = bnspec(desk, "check", "wrong.py", *QUICK, "--report", "wrong")
    (record,) = records(desk / "wrong/report.json")
    assert (done.code, record["verdict"]) == (1, "nonconformant")
    failed = [row for row in record["results"] if row["status"] == "fail"]
    assert {row["repro"] for row in failed} <= {path.name for path in (desk / "wrong").iterdir()}
    assert {"report.json", "report.md", "report.html", "junit.xml"} <= {path.name for path in (desk / "wrong").iterdir()}
    following = done.out.splitlines()[-1].removeprefix("next: python ")
    again = subprocess.run([sys.executable, following], cwd=desk, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 1, again.stderr


def test_what_cannot_be_loaded_is_inconclusive_and_recorded(desk: Path) -> None:
    done = bnspec(desk, "check", "right.py:BathNorm", ".", "stosp.py", "no.such.module:BN", "--json", "unloadable.json")
    found = records(desk / "unloadable.json")
    assert (done.code, {record["verdict"] for record in found}) == (2, {"inconclusive"})
    for record in found:
        assert_contract(record)
        assert (record["results"], record["scope"]) == ([], [])
    assert [record["reason"] for record in found] == [
        "right.py has no 'BathNorm' (did you mean BatchNorm?); its classes are BatchNorm",
        ". is a directory; name a file in it, such as batchnorm.py:BatchNorm",
        "there is no file stosp.py (did you mean stops.py?)",
        "there is no module 'no' here; a target is file.py:Name or package.module:Name",
    ]


@pytest.mark.parametrize(("declared", "code"), [("torch", 0), ("keras.toml", 1)])
def test_a_declared_convention_is_the_one_that_is_judged_by(desk: Path, declared: str, code: int) -> None:
    asked = ("--profile", "smoke", "--only", "running_statistics", "--dtype", "float64", "--convention", declared)
    done = bnspec(desk, "check", "right.py", *asked, "--json", "declared.json")
    (record,) = records(desk / "declared.json")
    assert (done.code, record["convention"]["momentum_weighs"]) == (code, "batch" if declared == "torch" else "running")


def test_a_reader_that_goes_away_changes_neither_the_record_nor_the_exit_code(desk: Path) -> None:
    command = [*COMMAND, "check", "right.py", *QUICK, "--json", "unread.json"]
    with subprocess.Popen(command, cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
        assert (running.wait(240), said) == (0, "")
    assert records(desk / "unread.json")[0]["verdict"] == "conformant"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interruption_keeps_what_was_computed_and_leaves_no_child(how: signal.Signals, jobs: str, desk: Path) -> None:
    (desk / "waiting").unlink(missing_ok=True)
    asked = ("stops.py", "right.py", "--profile", "smoke", "--timeout", "300", "--jobs", jobs)
    command = [*COMMAND, "check", *asked, "--json", "cut.json", "--report", "cut"]
    with subprocess.Popen(command, cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        until(lambda: (desk / "waiting").exists() or running.poll() is not None)
        running.send_signal(how)
        shown, said = running.communicate(timeout=120)
    record, never = records(desk / "cut.json")
    assert_contract(record)
    statuses = {dtype: [row["status"] for row in record["results"] if row["dtype"] == dtype] for dtype in ("float32", "float64")}
    assert (running.returncode, said, record["verdict"]) == (2, "", "inconclusive")
    assert record["reason"].startswith("interrupted")
    assert all(statuses.values())
    assert {"pass", "not-run"} <= set(statuses["float32"])
    assert (never["results"], never["reason"]) == ([], "interrupted before the first question")
    assert {path.parent.name for path in (desk / "cut").rglob("report.json")} == {"stops-py", "right-py"}
    following = shown.splitlines()[-1]
    assert following.startswith(f"next: bnspec check {' '.join(asked)} --json cut.json --report cut --resume DIR ")
    child = int((desk / "waiting").read_text())
    until(lambda: not is_alive(child))


def test_whatever_is_refused_is_in_the_files_that_were_asked_for(desk: Path) -> None:
    (desk / "bad.toml").write_text("[[deviation]]\nproperty = 1\n")
    for option, value in (("--expect", "bad.toml"), ("--convention", "none.toml"), ("--only", "frward"), ("--report", "right.py")):
        outputs = ("--json", "refused.json") + (("--report", "refused") if option != "--report" else ())
        done = bnspec(desk, "check", "right.py", "wrong.py", option, value, *outputs)
        found = records(desk / "refused.json")
        assert (done.code, done.out, len(found)) == (2, "", 2)
        for record in found:
            assert_contract(record)
            assert done.err == f"bnspec: {record['reason']}\n"
        (desk / "refused.json").unlink()
    assert len(list((desk / "refused").rglob("report.json"))) == 2
