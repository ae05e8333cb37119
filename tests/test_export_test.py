"""Exported tests really run, without bnspec: they fail on the code of the record and pass once it is right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from command_line import COMMAND
from replaying import changed, desk, in_forward, of_another_answer, put, row_of
from sample_records import NASTY, RIGHT_ADAPTER, crash_counterexample, dx_counterexample, stored

from bnspec.cli.export_test import export
from bnspec.reports.record import Counterexample, Row

PYTEST = "import sys; sys.modules['bnspec'] = None; import pytest; sys.exit(pytest.main(['-q', *sys.argv[1:]]))"

C_LAYER = Path(__file__).with_name("bn_layer.c")

WITHOUT_MEAN_TERM = ("dy[at] - sum / m - layer->x_hat", "dy[at] - layer->x_hat")

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a desk of its own, and sits at it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_pytest(file: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """pytest as it is for somebody who has no bnspec."""
    command = [sys.executable, "-P", "-c", PYTEST, str(file)]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=directory, env=alone, capture_output=True, text=True, timeout=60, check=False)


def written(path: Path, form: str, file: Path, failure: int = 1) -> str:
    assert export(path, failure, form, file) == 0
    return file.read_text(encoding="utf-8")


def test_a_test_for_pytest_fails_with_a_sentence_until_the_code_is_right(here: Path) -> None:
    file = here / "tests" / "deep" / "test_it.py"
    text = written(desk(here, row_of(dx_counterexample())), "pytest", file)
    assert "def test_training_gradients_are_exact_float32():" in text
    assert not any("bnspec" in line.partition("#")[0] for line in text.splitlines())
    ran = run_pytest(file, file.parent)
    assert ran.returncode == 1, ran.stdout
    assert "dx_2[1, 0] is 0.49999" in ran.stdout
    assert "off by 0.5" in ran.stdout
    put(here, RIGHT_ADAPTER)
    assert run_pytest(file, Path("/")).returncode == 0


def test_right_code_passes_also_where_the_record_expects_another_answer(here: Path) -> None:
    row = row_of(of_another_answer(), property="gradients_are_linear_in_the_upstream_gradient")
    file = here / "test_it.py"
    text = written(desk(here, row), "pytest", file)
    assert ('assert_near("dx_2"' in text, 'assert_near("dx_5"' in text) == (True, True)
    assert run_pytest(file, here).returncode == 1
    put(here, RIGHT_ADAPTER)
    assert run_pytest(file, here).returncode == 0


def test_an_error_is_one_in_the_test_too(here: Path) -> None:
    example = changed(message="forward raised an error: KeyError: 'scale'", component="forward", shows=None, expected=None)
    file = here / "test_it.py"
    written(desk(here, row_of(example, status="error", scope=["train"]), source=in_forward("{}['scale']")), "pytest", file)
    assert "KeyError: 'scale'" in run_pytest(file, here).stdout
    put(here, RIGHT_ADAPTER)
    assert run_pytest(file, here).returncode == 0


def test_what_a_layer_may_refuse_on_the_way_is_no_failure(here: Path) -> None:
    plain = msgspec.to_builtins(dx_counterexample())
    empty = {"do": "forward", "layer": 1, "training": True, "x": stored(np.zeros((0, 1), np.float32))}
    plain["trace"] = [*plain["trace"][:2], empty, plain["trace"][1] | {"training": False}]
    example = msgspec.convert(plain | {"shows": None, "expected": None, "tolerance": None}, Counterexample)
    refusing = in_forward("assert x.size")
    wrong = refusing.replace("(self.mean, self.var)", "(self.mean, self.var + 1)")
    file = here / "test_it.py"
    written(desk(here, row_of(example, scope=["train", "infer"]), source=wrong), "pytest", file)
    assert json.loads(written(here / "record.json", "json", here / "case.json"))["steps"][2]["may_refuse"]
    assert "y_3[" in run_pytest(file, here).stdout
    put(here, refusing)
    assert run_pytest(file, here).returncode == 0


def test_two_tests_of_one_file_that_copy_its_layers_do_not_disturb_each_other(here: Path) -> None:
    plain = msgspec.to_builtins(dx_counterexample())
    layer, forward, backward = plain["trace"]
    copied = {"do": "copy", "layer": 1, "to": 2, "how": "pickle"}
    plain["trace"] = [layer, copied, forward | {"layer": 2}, backward | {"layer": 2}]
    plain["shows"] = {"step": 3, "name": "dx"}
    right = RIGHT_ADAPTER.replace(
        "    def running", "    def copied(self, duplicate):\n        return duplicate(self)\n\n    def running"
    )
    path = desk(here, row_of(msgspec.convert(plain, Counterexample)), source=right)
    for file in (here / "test_one.py", here / "test_two.py"):
        written(path, "pytest", file)
    ran = run_pytest(here, here)
    assert (ran.returncode, "2 passed" in ran.stdout) == (0, True), ran.stdout


def built(text: str, layer: str, directory: Path, real: str = "float") -> subprocess.CompletedProcess[str]:
    """The exported C file with a layer: compiled without a warning, and run."""
    (directory / "test_bn.c").write_text(text)
    (directory / "layer.c").write_text(layer)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", f"-DREAL={real}"]
    compiled = subprocess.run(
        ["cc", *flags, "-o", "bn", "test_bn.c", "layer.c", "-lm"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert (compiled.returncode, compiled.stderr) == (0, "")
    return subprocess.run([str(directory / "bn")], capture_output=True, text=True, timeout=60, check=False)


@needs_cc
@pytest.mark.parametrize(("dtype", "real"), [("float32", "float"), ("float64", "double")])
def test_a_test_in_c_tells_a_right_layer_from_a_wrong_one(dtype: str, real: str, here: Path) -> None:
    text = written(desk(here, row_of(dx_counterexample(dtype), dtype=dtype)), "c", here / "test_bn.c")
    right = C_LAYER.read_text()
    assert built(text, right, here, real).returncode == 0
    wrong = built(text, right.replace(*WITHOUT_MEAN_TERM), here, real)
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("dx_2[1][0][0] is 0.49999")


def wide() -> Counterexample:
    """Running statistics and an inference of channels last, of rank 4."""
    plain = msgspec.to_builtins(dx_counterexample())
    state = {name: stored(np.array(values, np.float32)) for name, values in STATE.items()}
    plain["trace"][0] |= {**state, "channels": 3, "channel_axis": -1, "rank": 4}
    x = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3) ** 2
    calls = [{"do": "forward", "layer": 1, "training": training, "x": stored(x)} for training in (True, False)]
    plain["trace"] = [plain["trace"][0], calls[0], {"do": "running", "layer": 1}, calls[1]]
    return msgspec.convert(plain | {"shows": None, "expected": None, "tolerance": None}, Counterexample)


STATE = {"gamma": [1, -2, 0.5], "beta": [0.25, 0, 3], "running_mean": [1, 2, 3], "running_var": [4, 1, 0.5]}


@needs_cc
def test_a_test_in_c_knows_axes_modes_and_state(here: Path) -> None:
    wrong_source = RIGHT_ADAPTER.replace("var * m / (m - 1)", "var")
    row = row_of(wide(), property="inference_uses_what_training_left", scope=["train", "infer", "running"])
    text = written(desk(here, row, source=wrong_source), "c", here / "test_bn.c")
    right = C_LAYER.read_text()
    ran = built(text, right, here)
    assert (ran.returncode, ran.stdout) == (0, "every number is right\n")
    for line, name in (("* m / (m - 1.0)", "running_var_2[0][0][0]"), ("+ layer->beta[c]", "y_1[")):
        ran = built(text, right.replace(line, ""), here)
        assert ran.returncode == 1
        assert name in ran.stdout


def numbers(given: dict[str, Any]) -> np.ndarray[Any, Any]:
    """An array of the JSON form, read from its decimals and compared with its bits."""
    found = np.array([float(value) for value in given["values"]]).astype(given["dtype"])
    bits = np.array([int(word, 16) for word in given["bits"]], f"u{found.dtype.itemsize}")
    assert found.view(bits.dtype).tolist() == bits.tolist()
    return found.reshape(given["shape"])


def test_a_case_in_json_holds_all_that_another_language_needs(here: Path) -> None:
    case = json.loads(written(desk(here, row_of(dx_counterexample())), "json", here / "case.json"))
    assert (case["schema"], case["dtype"], case["target"]) == ("bnspec-case/1", "float32", "student.py:Adapter")
    layer, forward, backward = case["steps"]
    assert (layer["do"], forward["do"], backward["do"], forward["training"]) == ("layer", "forward", "backward", True)
    (expected,) = case["expected"]
    assert (expected["step"], expected["name"]) == (2, "dx")
    example = dx_counterexample()
    assert example.expected is not None
    assert numbers(expected["value"]) == pytest.approx(example.expected.numpy(), abs=1e-14)
    assert 6e-6 < numbers(expected["tolerance"]).max() < 8e-6
    assert (numbers(layer["eps"]), numbers(forward["x"]).tolist()) == (1e-5, [[1], [3]])


def refusal(path: Path, capsys: pytest.CaptureFixture[str], form: str = "pytest", failure: int = 1) -> str:
    assert export(path, failure, form, None) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    return told.err


NO_TESTS: dict[str, tuple[Row, str]] = {
    "no calls": (row_of(None), "the record holds no calls for it"),
    "a changed array": (row_of(changed(component="purity", shows=None)), "the caller's array was changed"),
    "a crash": (row_of(crash_counterexample(), status="crash"), "would end that of the test run"),
    "a hang": (row_of(crash_counterexample(), status="timeout"), "the test would wait for ever"),
    "a whim": (row_of(dx_counterexample(), status="flaky"), "it does not fail each time"),
    "no truth": (row_of(changed(trace=dx_counterexample().trace[:1], shows=None)), "exact arithmetic has no answer"),
}


@pytest.mark.parametrize("what", NO_TESTS)
def test_what_no_test_can_express_is_refused_with_what_to_do_instead(
    what: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row, why = NO_TESTS[what]
    told = refusal(desk(here, row), capsys)
    assert why in told
    assert "bnspec check student.py:Adapter --only training_gradients_are_exact --dtype float32 --seed 0" in told


def test_a_failure_whose_answers_are_all_right_is_no_test(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = row_of(changed(shows=None), property="gradients_of_x_sum_to_zero", scope=["train"])
    assert "each answer of student.py:Adapter in it is right by itself" in refusal(desk(here, row), capsys)


def test_c_refuses_what_it_has_no_words_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = desk(here, row_of(dx_counterexample(layout="strided")), row_of(dx_counterexample("float16"), dtype="float16"))
    assert "how arrays lie in NumPy's memory; take --format pytest, or json" in refusal(path, capsys, "c")
    assert "its arrays are of float16, for which C99 has no one type" in refusal(path, capsys, "c", 2)


def test_words_from_a_record_stay_comments(here: Path) -> None:
    words = NASTY + " */ #error \\\n??/\nraise SystemExit(77)\r\x0craise SystemExit(78) /*"
    row = msgspec.structs.replace(row_of(changed(message=words)), title=words, reason=words)
    path = desk(here, row, source=RIGHT_ADAPTER, suite=words)
    assert run_pytest(_file(path, "pytest", here / "test_it.py"), here).returncode == 0
    if shutil.which("cc"):
        assert built(_file(path, "c", here / "odd.c").read_text(), C_LAYER.read_text(), here).returncode == 0


def _file(path: Path, form: str, file: Path) -> Path:
    written(path, form, file)
    return file


def test_a_moved_target_is_named_and_nothing_is_written_over_a_directory(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = desk(here, row_of(dx_counterexample()))
    (here / "student.py").rename(here / "moved.py")
    file = here / "test_it.py"
    assert export(path, 1, "pytest", file, target="moved.py:Adapter") == 0
    assert "dx_2[1, 0] is 0.49999" in run_pytest(file, here).stdout
    capsys.readouterr()
    assert export(path, 1, "pytest", here) == 2
    assert "--out names a file to write" in capsys.readouterr().err


def test_the_command_prints_the_test_where_no_file_is_named(here: Path) -> None:
    desk(here, row_of(dx_counterexample()))
    line = [*COMMAND, "export-test", "record.json", "--failure", "1", "--format", "c"]
    done = subprocess.run(line, cwd=here, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("/* A Batch Normalization failure as a test.\n")
    assert done.stdout.endswith("return wrong;\n}\n")
