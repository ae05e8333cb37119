"""The laws as tests of somebody's own suite: the example project, as it is and with something wrong in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import bnspec

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "mynorm"

TARGET = "src/mynorm/layers.py:BatchNorm(returns='dx, dbeta, dgamma')"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, to be changed."""
    place = tmp_path / "mynorm"
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def run(place: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and the output of a Python module in the project's directory."""
    ran = subprocess.run([sys.executable, "-m", *arguments], cwd=place, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def its_tests(place: Path, *arguments: str) -> tuple[int, str]:
    return run(place, "pytest", "-q", "-rxf", "-p", "no:cacheprovider", *arguments)


def change(file: Path, old: str, new: str) -> None:
    assert old in file.read_text(encoding="utf-8")
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_the_example_passes_its_own_tests_with_what_is_known_of_it(project: Path) -> None:
    code, said = its_tests(project)
    assert code == 0, said
    assert "edge_cases-an_empty_batch_is_as_it_was-float32] - The mean of no values is NaN" in said
    assert "vectors-" not in said


def test_the_example_is_checked_without_an_argument(project: Path) -> None:
    code, said = run(project, "bnspec.cli.main", "check", "--profile", "smoke", "--only", "edge_cases", "--dtype", "float32")
    assert code == 0, said
    change(project / "known-deviations.toml", 'component = "running_mean"', 'component = "dx"')
    code, said = run(project, "bnspec.cli.main", "check", "--profile", "smoke", "--only", "edge_cases", "--dtype", "float32")
    assert code == 1, said


def test_a_mistake_fails_the_tests_that_are_about_it_and_says_its_name(project: Path) -> None:
    change(project / "src/mynorm/layers.py", "np.sqrt(var + self.eps)", "(np.sqrt(var) + self.eps)")
    code, said = its_tests(project, "-k", "test_batchnorm and forward and exact")
    assert code == 1
    assert "training output is exact (forward, float32, required): fail" in said
    assert "bnspec bugs fwd-eps-outside-sqrt explains it" in said
    assert "Traceback" not in said


def test_an_entry_that_no_longer_fails_is_named(project: Path) -> None:
    change(project / "known-deviations.toml", "an_empty_batch_is_as_it_was", "training_output_is_exact")
    change(project / "tests/test_layers.py", "expect=KNOWN)", 'expect=KNOWN, only=["training_output_is_exact"], dtypes="float64")')
    code, said = its_tests(project, "-k", "test_batchnorm")
    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "expectation 'training_output_is_exact' no longer fails" in said


def properties(place: Path, *arguments: str) -> tuple[int, str]:
    """The laws run by pytest themselves; an installation that is older than the plug-in has to name it."""
    known = any(point.name == "bnspec-expect" for point in entry_points(group="pytest11"))
    plugin = [] if known else ["-p", "bnspec.cli.expecting"]
    return its_tests(place, *plugin, "--pyargs", "bnspec.properties", "--bn", TARGET, "--bn-dtypes", "float64", *arguments)


def test_pytest_alone_expects_what_the_list_says(project: Path) -> None:
    code, said = properties(project, "--bn-expect", "known-deviations.toml", "-k", "edge_cases")
    assert code == 0, said
    assert "an_empty_batch_is_as_it_was[float64] - The mean of no values is NaN" in said
    change(project / "known-deviations.toml", 'component = "running_mean"', 'component = "dx"')
    code, said = properties(project, "--bn-expect", "known-deviations.toml", "-k", "edge_cases")
    assert code == 1
    assert 'is now fingerprint = { status = "fail", component = "running_mean" }' in said


def test_pytest_alone_names_an_entry_that_is_stale(project: Path) -> None:
    change(project / "known-deviations.toml", "an_empty_batch_is_as_it_was", "zero_mean*")
    code, said = properties(project, "--bn-expect", "known-deviations.toml", "-k", "zero_mean")
    assert code == 1
    assert "expectation 'zero_mean*' no longer fails" in said


def test_a_list_without_an_implementation_is_a_sentence(project: Path) -> None:
    plugin = ["-p", "bnspec.cli.expecting"] * (not any(one.name == "bnspec-expect" for one in entry_points(group="pytest11")))
    code, said = run(project, "pytest", *plugin, "--bn-expect", "known-deviations.toml")
    assert code == 4
    assert "--bn-expect is about an implementation: name it with --bn TARGET" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"dtypes": "float63"}, "a dtype is one of"), ({"expect": "no-such-file.toml"}, "no-such-file.toml")],
)
def test_an_option_that_is_none_is_refused_where_it_stands(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        bnspec.conformance("mynorm:BatchNorm", **options)


def test_advice_fails_where_that_is_wanted(project: Path) -> None:
    change(project / "tests/test_layers.py", "expect=KNOWN)", "only='an_empty_batch_in_passing_does_no_harm', recommended=True)")
    code, said = its_tests(project, "-k", "test_batchnorm")
    assert (code, "2 failed" in said) == (1, True), said
