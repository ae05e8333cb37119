"""What is there to be read: frameworks, laws, known bugs, and the records of runs joined into pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from bnspec.cli.commands.app import USAGE, app


@app.command
def frameworks() -> int:
    """List the frameworks that can be checked by name: which are here, how the others are installed, what is asked of each."""
    from bnspec.cli import frameworks as command

    return command.show()


@app.command
def properties(name: str | None = None, /) -> int:
    """List the laws, those of a chapter, or explain one.

    Parameters
    ----------
    name
        A property or a chapter.
    """
    from bnspec.cli import laws as command

    return command.show(name)


@app.command
def bugs(
    slug: str | None = None,
    /,
    *,
    write: Path | None = None,
    shape: Literal["class", "pair", "module"] | None = None,
    page: Path | None = None,
) -> int:
    """List the known bugs, or explain one: how one comes to write it, what it does, an example for paper, its own lines of code.

    Parameters
    ----------
    slug
        A bug, or one of its forms.
    write
        Write a BatchNorm that has the bug into this file, to be checked.
    shape
        What to write: a NumPy class, a pair of functions, or a torch.nn.Module.
    page
        Write the whole catalogue into this file, to be read: HTML where its name ends so, else Markdown.
    """
    from bnspec.cli import bugs as command

    if page is not None:
        return command.page(page)
    if write is None:
        return command.show(slug)
    if slug is None:
        print("bnspec: --write needs to be told which bug; bnspec bugs lists them", file=sys.stderr)
        return USAGE
    return command.write(slug, write, shape)


@app.command
def report(records: list[Path], /, *, out: Path = Path("reports/out")) -> int:
    """Join records into one page: index.html and index.md, with a report for each target beside them.

    Parameters
    ----------
    records
        Files that `bnspec check --json` wrote, or directories of them.
    out
        The directory to write into.
    """
    from bnspec.cli import report as command

    return command.report(records, out)
