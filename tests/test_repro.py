"""The scripts really run, without bnspec: 1 on the wrong class, 0 on the right one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from replaying import of_another_answer
from sample_records import NASTY, RIGHT_ADAPTER, WRONG_ADAPTER, crash_counterexample, dx_counterexample, nonconformant, stored

from bnspec.case import LAYOUTS
from bnspec.reports.record import Counterexample, Row
from bnspec.reports.repro import script, write_repros

WITHOUT_BNSPEC = "import sys, runpy; sys.modules['bnspec'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"


def row_with(example: Counterexample, dtype: str = "float32") -> Row:
    return Row(property="a_law", chapter="c", dtype=dtype, level="required", status="fail", counterexample=example)


def in_forward(line: str) -> str:
    """The right adapter with one more line at the start of forward."""
    return RIGHT_ADAPTER.replace("        s = self.setup\n", f"        {line}\n        s = self.setup\n", 1)


def run(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    path = directory / "repro.py"
    path.write_text(text)
    command = [sys.executable, "-c", WITHOUT_BNSPEC, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("adapter", "code"), [(WRONG_ADAPTER, 1), (RIGHT_ADAPTER, 0)], ids=["wrong", "right"])
def test_it_fails_while_the_failure_is_there_and_no_longer(adapter: str, code: int, tmp_path: Path) -> None:
    ran = run(script(nonconformant(adapter=adapter), row_with(dx_counterexample())), tmp_path)
    assert ran.returncode == code, ran.stderr
    assert "dx_2: shape (2, 1)" in ran.stdout
    assert "times its bound" in ran.stdout
    assert ("it differs" in ran.stderr) == bool(code)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_presented_with_the_same_values(layout: str, tmp_path: Path) -> None:
    spy = RIGHT_ADAPTER.replace(
        "        s = self.setup\n", "        s = self.setup\n        print(x.ravel().tolist(), x.strides)\n", 1
    )
    ran = run(script(nonconformant(adapter=spy), row_with(dx_counterexample(layout=layout))), tmp_path)
    assert ran.returncode == 0, ran.stderr
    strides = {"contiguous": "(4, 4)", "strided": "(16, 8)", "reversed": "(-4, -4)", "channels_last": "(4, 4)", "fortran": "(4, 8)"}
    assert f"[1.0, 3.0] {strides[layout]}" in ran.stdout


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_numbers_reach_the_target_to_the_bit(dtype: str, tmp_path: Path) -> None:
    example = msgspec.to_builtins(dx_counterexample("float32"))
    values = np.array([[0.1], [1 / 3]]).astype(np.float16).astype(np.float64) if dtype != "float64" else np.array([[0.1], [1 / 3]])
    x = {"dtype": dtype, "shape": [2, 1], "data": values.ravel().tolist()}
    example["trace"][1]["x"] = x
    example |= {"shows": None}
    spy = RIGHT_ADAPTER.replace(
        "        s = self.setup\n", "        print(x.dtype, x.tobytes().hex())\n        s = self.setup\n", 1
    )
    read = msgspec.convert(example, Counterexample)
    ran = run(script(nonconformant(adapter=spy), row_with(read, dtype)), tmp_path)
    sent = read.trace[1].x.numpy()  # type: ignore[union-attr]
    assert f"{dtype} {sent.tobytes().hex()}" in ran.stdout, ran.stderr


def changed(**fields: object) -> Counterexample:
    return msgspec.structs.replace(dx_counterexample(), **fields)


@pytest.fixture
def as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts compare with what is recorded, also where no BatchNorm would answer that."""
    monkeypatch.setattr("bnspec.reports.repro.truthful", lambda record, row: row.counterexample)


@pytest.mark.usefixtures("as_recorded")
def test_without_a_tolerance_it_compares_to_the_bit(tmp_path: Path) -> None:
    near = changed(tolerance=None)
    assert run(script(nonconformant(adapter=RIGHT_ADAPTER), row_with(near)), tmp_path).returncode == 1
    zero = RIGHT_ADAPTER.replace("return residual", "return 0 * residual")
    for sign, code in ((0.0, 0), (-0.0, 1)):
        want = msgspec.convert({**stored(np.zeros((2, 1))), "data": [sign, -0.0]}, type(near.expected))
        ran = run(script(nonconformant(adapter=zero), row_with(changed(tolerance=None, expected=want))), tmp_path)
        assert ran.returncode == code, ran.stdout + ran.stderr


@pytest.mark.usefixtures("as_recorded")
@pytest.mark.parametrize(
    ("answer", "want", "code"),
    [
        ("np.nan", "nan", 0),
        ("np.nan", 1.0, 1),
        ("1.0", "nan", 1),
        ("np.inf", "inf", 0),
        ("np.inf", "-inf", 1),
        ("np.inf", 1e39, 0),
        ("np.inf", 1.0, 1),
    ],
)
def test_nan_and_infinity_are_judged_as_the_judge_does(answer: str, want: float | str, code: int, tmp_path: Path) -> None:
    """NaN is right only for NaN; infinity also where the true value is beyond the dtype."""
    expected = {"dtype": "float64", "shape": [2, 1], "data": [want, want]}
    example = msgspec.convert(msgspec.to_builtins(changed()) | {"expected": expected}, Counterexample)
    adapter = RIGHT_ADAPTER.replace("return residual * ", f"return {answer} + 0 * residual * ")
    ran = run(script(nonconformant(adapter=adapter), row_with(example)), tmp_path)
    assert ran.returncode == code, ran.stdout + ran.stderr


def test_another_answer_of_the_same_code_is_not_what_should_come(tmp_path: Path) -> None:
    """A law that compares two answers records one of them as expected; where that is the wrong one, the truth takes its place."""
    wrong = msgspec.convert(stored(np.array([[7.0], [8.0]])), type(dx_counterexample().expected))
    row = row_with(changed(expected=wrong))
    assert run(script(nonconformant(adapter=WRONG_ADAPTER), row), tmp_path).returncode == 1
    assert run(script(nonconformant(adapter=RIGHT_ADAPTER), row), tmp_path).returncode == 0
    assert "# It makes the calls and prints the answers." in script(nonconformant(), row_with(of_another_answer()))


def test_an_answer_of_the_wrong_shape_is_a_difference(tmp_path: Path) -> None:
    adapter = RIGHT_ADAPTER.replace("return residual * ", "return residual[:1] * ")
    ran = run(script(nonconformant(adapter=adapter), row_with(dx_counterexample())), tmp_path)
    assert (ran.returncode, "wrong shape" in ran.stderr) == (1, True)


def test_a_failure_without_an_array_makes_the_calls(tmp_path: Path) -> None:
    ran = run(script(nonconformant(adapter=RIGHT_ADAPTER), row_with(crash_counterexample())), tmp_path)
    assert (ran.returncode, "y_1 = [[" in ran.stdout) == (0, True), ran.stderr
    dying = in_forward("import os; os.abort()")
    assert run(script(nonconformant(adapter=dying), row_with(crash_counterexample())), tmp_path).returncode < 0


def test_a_script_says_whether_its_exit_status_tells() -> None:
    record = nonconformant()
    assert "# Exit status 1: the failure is there" in script(record, row_with(dx_counterexample()))
    assert "# It makes the calls and prints the answers." in script(record, row_with(crash_counterexample()))


def test_running_statistics_are_compared_too(tmp_path: Path) -> None:
    plain = msgspec.to_builtins(dx_counterexample())
    want = stored(np.array([0.2]))
    plain["trace"][2] = {"do": "running", "layer": 1}
    plain |= {"shows": {"step": 2, "name": "running_mean"}, "expected": want, "tolerance": stored(np.array([1e-6]))}
    example = msgspec.convert(plain, Counterexample)
    assert run(script(nonconformant(adapter=RIGHT_ADAPTER), row_with(example)), tmp_path).returncode == 0
    stuck = RIGHT_ADAPTER.replace("        if training:", "        if False:")
    assert run(script(nonconformant(adapter=stuck), row_with(example)), tmp_path).returncode == 1


def test_hostile_words_stay_comments(tmp_path: Path) -> None:
    words = NASTY + "\nraise SystemExit(77)\r\x0craise SystemExit(78)"
    row = msgspec.structs.replace(row_with(changed(message=words, component=words)), title=words, reason=words)
    ran = run(script(nonconformant(adapter=RIGHT_ADAPTER, target=words), row), tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_a_script_is_short_and_never_names_bnspec_in_code() -> None:
    text = script(nonconformant(), row_with(dx_counterexample()))
    code = [line for line in text.replace(WRONG_ADAPTER, "").splitlines() if not line.startswith("#")]
    assert not any("bnspec" in line for line in code)
    assert len(text.splitlines()) - len(WRONG_ADAPTER.splitlines()) <= 60


def test_a_row_without_a_counterexample_has_no_script() -> None:
    with pytest.raises(ValueError, match="has no counterexample"):
        script(nonconformant(), msgspec.structs.replace(row_with(dx_counterexample()), counterexample=None))


def test_scripts_are_written_beside_the_record_and_stale_ones_go(tmp_path: Path) -> None:
    (tmp_path / "repro_mine.py").write_text("print('not ours')")
    record = write_repros(nonconformant(), tmp_path)
    named = {row.repro for row in record.results if row.repro}
    assert {path.name for path in tmp_path.iterdir()} == named | {"repro_mine.py"}
    assert "repro_dx_is_the_derivative_of_the_training_loss_float64.py" in named
    assert [row.repro is not None for row in record.results] == [
        bool(r.counterexample and r.counterexample.trace) for r in record.results
    ]
    write_repros(msgspec.structs.replace(record, results=[]), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["repro_mine.py"]


def test_a_script_that_cannot_load_its_target_does_not_look_like_a_difference(tmp_path: Path) -> None:
    for adapter in ("import no_such_module", "from pathlib import Path\nPath('gone.py').read_bytes()", ""):
        ran = run(script(nonconformant(adapter=adapter), row_with(dx_counterexample())), tmp_path)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith("the target cannot be loaded (")
        assert ran.stderr.count("\n") == 1


def test_an_error_in_the_calls_is_still_an_error(tmp_path: Path) -> None:
    failing = in_forward("raise ImportError('lazily')")
    ran = run(script(nonconformant(adapter=failing), row_with(dx_counterexample())), tmp_path)
    assert (ran.returncode, "ImportError: lazily" in ran.stderr) == (1, True)
