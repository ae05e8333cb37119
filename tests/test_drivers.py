"""The example drivers in other languages: built as their first lines say, short, and right."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from asking import ask

from bnspec.cli.protocol_test import run

DRIVERS = Path(__file__).parents[1] / "docs" / "examples" / "drivers"

COMPILERS = {"batchnorm.cpp": "c++", "batchnorm.rs": "rustc", "batchnorm.js": "node"}
"""The examples, and what each needs to be on the path."""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="programs are started by forking")


@pytest.fixture(scope="module", params=COMPILERS)
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A driver made by the command in its own head."""
    compiler, directory = COMPILERS[request.param], tmp_path_factory.mktemp("driver")
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed here")
    source = shutil.copy(DRIVERS / request.param, directory)
    command = next(line[2:].split() for line in Path(source).read_text().splitlines() if line.startswith("//     "))
    subprocess.run(command, cwd=directory, check=True)
    made = directory / "batchnorm"
    return made if made.exists() else Path(source)


@pytest.mark.parametrize("example", COMPILERS)
def test_forty_lines_are_enough_for_the_protocol(example: str) -> None:
    protocol = (DRIVERS / example).read_text().partition("// The protocol.\n")[2]
    assert 20 < len([line for line in protocol.splitlines() if line.strip()]) <= 40


def test_nothing_is_wrong_with_its_messages(driver: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(driver), timeout=10) == 0
    assert "not offered  x of" not in capsys.readouterr().out


def test_a_driver_is_right_in_both_dtypes(driver: Path) -> None:
    record = ask(str(driver), examples=3, only=("forward", "inference", "gradients"), diagnose=False)
    assert record.verdict == "conformant"
    assert set(record.scope) == {"train", "infer", "running", "grad_train", "grad_infer"}
    assert {row.dtype for row in record.results} == {"float32", "float64"}
    assert not [row for row in record.results if row.status not in ("pass", "unsupported", "vacuous")]
