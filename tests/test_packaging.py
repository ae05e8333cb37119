"""What is packaged, and what a newcomer types: read from the files that say so, without building anything."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

SETUPTOOLS = PROJECT["tool"]["setuptools"]

PACKAGES: list[str] = SETUPTOOLS["packages"]


def directory_of(package: str) -> Path:
    """Where a package lies, by the longest entry of package-dir that it begins with."""
    places: dict[str, str] = SETUPTOOLS["package-dir"]
    home = max((name for name in places if f"{package}.".startswith(f"{name}.")), key=len)
    return ROOT / places[home] / package.removeprefix(home).strip(".").replace(".", "/")


def test_every_package_that_is_named_exists() -> None:
    for package in PACKAGES:
        assert (directory_of(package) / "__init__.py").is_file(), package


def test_every_package_that_exists_is_named() -> None:
    top = {directory_of(package) for package in SETUPTOOLS["package-dir"]}
    found = {path.parent for place in top for path in place.rglob("__init__.py")}
    assert found == {directory_of(package) for package in PACKAGES}


def test_every_file_that_the_code_reads_is_packaged() -> None:
    packaged = {
        path for package, globs in SETUPTOOLS["package-data"].items() for glob in globs for path in directory_of(package).glob(glob)
    }
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("this is no git repository, so there is no list of its files")
    in_packages = [ROOT / name for name in tracked.stdout.split("\0") if (ROOT / name).is_file() and name.split("/")[0] in _tops()]
    data = {path for path in in_packages if path.suffix != ".py" and "out" not in path.parts}
    assert data <= packaged, f"not packaged: {sorted(path.relative_to(ROOT).as_posix() for path in data - packaged)}"


def _tops() -> set[str]:
    return {directory_of(package).name for package in SETUPTOOLS["package-dir"]}


def test_the_templates_are_there_and_found_by_the_glob() -> None:
    pages = directory_of("bnspec.reports.pages")
    found = {path.name for glob in SETUPTOOLS["package-data"]["bnspec.reports.pages"] for path in pages.glob(glob)}
    assert {path.name for path in (pages / "templates").iterdir()} == found
    assert {"report.html", "report.md", "index.html", "index.md"} <= found


def test_the_version_is_said_once_and_twice_the_same() -> None:
    import bnspec

    assert PROJECT["project"]["version"] == bnspec.__version__


def test_the_entry_points_lead_to_something() -> None:
    import importlib

    scripts = PROJECT["project"]["scripts"]
    plugins = PROJECT["project"]["entry-points"]["pytest11"]
    for target in (*scripts.values(), *plugins.values()):
        module, _, name = target.partition(":")
        assert hasattr(importlib.import_module(module), name or "pytest_addoption")


def commands_under(heading: str) -> list[str]:
    """The lines of the first fenced block under a heading of the README."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(?:(?!^## ).)*?^```\w*\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert found is not None, f"README.md has no block under {heading!r}"
    return found[1].splitlines()


@pytest.mark.parametrize("heading", ["Run it", "Test it"])
def test_the_readme_has_one_command_to_run_it_and_one_to_test_it(heading: str) -> None:
    (command,) = commands_under(heading)
    assert command.startswith("python -m pip install tox && python -m tox")


def test_the_environments_of_the_readme_exist() -> None:
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    for heading in ("Run it", "Test it"):
        for named in re.findall(r" -e (\S+)", " ".join(commands_under(heading))):
            assert all(f"[testenv:{name}]" in tox for name in named.split(","))


def test_ci_runs_the_readmes_own_test_command(tmp_path: Path) -> None:
    """With a `python3` and a `python` that only write down what they were asked."""
    log = tmp_path / "log"
    for name in ("python", "python3"):
        said = tmp_path / name
        said.write_text(f'#!/bin/sh\necho "{name} $*" >> "{log}"\n', encoding="utf-8")
        said.chmod(0o755)
    ci = ROOT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    subprocess.run([ci], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, cwd=tmp_path, timeout=60, check=True)
    ran = [line for line in log.read_text().splitlines() if " -m venv " not in line]
    (command,) = commands_under("Test it")
    assert ran == [part.strip() for part in command.split("&&")]
