"""The golden cases, for programs of any language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from bnspec.cli.commands.app import Dtype, app

vectors = App(name="vectors", help="The golden cases: list them, write them out for programs of any language, judge their answers.")
app.command(vectors)


@vectors.default
@vectors.command(name="list")
def vectors_list(name: str | None = None, /) -> int:
    """List the golden cases and their flags, or explain one.

    Parameters
    ----------
    name
        A case or a flag.
    """
    from bnspec.cli import vectors as command

    return command.show(name)


@vectors.command(name="export")
def vectors_export(
    directory: Path,
    /,
    *,
    only: Annotated[Sequence[str], Parameter(negative=())] = (),
    dtype: Annotated[Sequence[Dtype], Parameter(negative=())] = ("float32", "float64"),
) -> int:
    """Write the golden cases into a directory, for a program to read and to answer: see its README.md.

    Parameters
    ----------
    directory
        Where to write; it must be new or empty.
    only
        Write only the cases with this flag, or this case; give it again for more.
    dtype
        A dtype to write; give it again for more.
    """
    from bnspec.cli import vectors as command

    return command.export(directory, only, dtype)


@vectors.command(name="run")
def vectors_run(results: Path, /, *, json: Path | None = None, report: Path | None = None, convention: str | None = None) -> int:
    """Judge what a program has answered to the golden cases, in the directory that they were exported to.

    Exit code: 0 conformant, 1 nonconformant, 2 inconclusive or could not be read.

    Parameters
    ----------
    results
        The exported directory, with answers in the directory `answers` of each case.
    json
        Write the record to this file.
    report
        Write report.json, report.md, report.html and junit.xml into this directory.
    convention
        The convention of the running statistics, where the names of the answers do not say it: a TOML file, or one of paper,
        torch, keras, onnx, tutorial.
    """
    from bnspec.cli import vectors_run as command

    return command.run(results, json=json, report=report, convention=convention)
