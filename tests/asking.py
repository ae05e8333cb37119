"""Small runs of all properties: of a target as the command line makes them, or of an implementation that is at hand."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from odd_layers import subject_of
from rich.console import Console

from bnspec import properties
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, run
from bnspec.plugs.probe import measure
from bnspec.properties import plugin
from bnspec.properties.rows import Row
from bnspec.properties.session import Session
from bnspec.reports.record import Record


def ask(target: str, *, examples: int = 8, **options: Any) -> Record:
    """The record of a run with few cases a property."""
    with patch.dict(plugin.PROFILES, {"few": examples}):
        return run(target, Options(profile="few", **options), Progress(Console(file=io.StringIO()), target)).record


class Registering:
    """Gives a session to the plug-in, as the runner does."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self.session, "bnspec-session")


def ask_in_process(
    implementation: Any,
    *,
    declared: dict[str, Any] | None = None,
    dtypes: tuple[str, ...] = ("float32",),
    examples: int = 6,
    chapter: str | None = None,
) -> list[Row]:
    """The rows of a run in this process; what is not declared is measured, whatever the implementation says of itself."""
    subject = subject_of(implementation)
    session = Session(subject, measure(subject, declared or {}, dtypes), examples=examples)
    files = Path(properties.__file__).parent
    asked = files if chapter is None else files / f"test_{chapter}.py"
    arguments = [str(asked), f"--rootdir={files}", f"--config-file={os.devnull}", "--import-mode=importlib", "--assert=plain"]
    quiet = [part for name in ("terminal", "cacheprovider", "warnings", "faulthandler") for part in ("-p", f"no:{name}")]
    with patch.dict(os.environ, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}):
        pytest.main([*arguments, "--bn", "in process", *quiet], plugins=[plugin, Registering(session)])
    return list(session.rows.values())


def rows_by_status(rows: Any) -> dict[str, list[str]]:
    """Property and dtype of each row, by status."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.status, []).append(f"{row.property} ({row.dtype}): {row.reason}")
    return found
