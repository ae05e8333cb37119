"""What a check is told about code beyond its name: on the command line, and in [tool.bnspec] of the project's pyproject.toml."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bnspec.cli.told import Told
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.library import with_settings
from bnspec.plugs.library_signature import is_library
from bnspec.plugs.program import command_of
from bnspec.plugs.target import parse, written
from bnspec.reading import Unreadable, read_toml
from bnspec.reports.inert import one_line

PROJECT = Path("pyproject.toml")
"""Where a project says what it wants checked."""


class BadProject(Exception):
    """Nothing to check is said, or not so that it can be read; the message is one sentence."""


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table [tool.bnspec]: one target or several, what is to be known of them, and a file of known deviations."""

    target: str | None = None
    targets: list[str] = []
    make: str | None = None
    returns: str | list[str] | None = None
    layout: str | None = None
    eps: float | None = None
    variant: str | None = None
    fixed_shape: str | list[int] | None = None
    runtime: str | None = None
    expect: str | None = None

    def told(self) -> Told:
        """What it says of its targets, as the command line would."""
        returns = ", ".join(self.returns) if isinstance(self.returns, list) else self.returns
        shape = "x".join(map(str, self.fixed_shape)) if isinstance(self.fixed_shape, list) else self.fixed_shape
        return Told(self.make, returns, self.layout, self.eps, self.variant, shape, self.runtime)


class Tool(msgspec.Struct, frozen=True):
    """The tables of tools, of which one is ours."""

    bnspec: Project | None = None


class File(msgspec.Struct, frozen=True):
    """A pyproject.toml."""

    tool: Tool = Tool()


def wanted(targets: Sequence[str], told: Told) -> list[str]:
    """The targets with all that is said of them: those of the command line, else the project's.

    Raises `BadProject` where there is none, or where something cannot be said of one.
    """
    if targets:
        return [with_words(target, told.words) for target in targets]
    project = read_project(PROJECT)
    named = [*([project.target] if project.target else []), *project.targets]
    if not named:
        raise BadProject(f'[tool.bnspec] in {PROJECT} names no target; give it one, such as target = "mybn.py:BatchNorm"')
    return [with_words(target, {**project.told().words, **told.words}) for target in named]


def known_deviations(targets: Sequence[str]) -> Path | None:
    """The file of known deviations that goes with the project's own targets."""
    named = None if targets else read_project(PROJECT).expect
    return None if named is None else Path(named)


def read_project(path: Path) -> Project:
    """The table of the file; raises `BadProject` where there is none, or where it is not to be read."""
    add = 'name what to check, as in bnspec check mybn.py:BatchNorm, or add [tool.bnspec] with target = "mybn.py:BatchNorm"'
    if not path.is_file():
        raise BadProject(f"there is no target, and no {path} here; {add} to one")
    try:
        found = msgspec.toml.decode(read_toml(path), type=File)
    except (Unreadable, ValueError, RecursionError) as trouble:  # not TOML, or not as the table is
        raise BadProject(f"[tool.bnspec] in {path} cannot be read: {one_line(str(trouble))}") from None
    if found.tool.bnspec is None:
        raise BadProject(f"there is no target, and no [tool.bnspec] in {path}; {add} to it")
    return found.tool.bnspec


def with_words(target: str, words: dict[str, str | float]) -> str:
    """The target with these keyword arguments; what is said in the target itself stays. Raises `BadProject` for a program."""
    if not words:
        return target
    if command_of(target) is not None:
        raise BadProject(f"{target} is a program, about which nothing else can be said: --{next(iter(words)).replace('_', '-')}")
    try:
        if is_library(target):
            return with_settings(target, words)
        parts = parse(target)
    except TargetError as trouble:
        raise BadProject(one_line(str(trouble))) from None
    name = f":{parts.name}" if parts.name else ""
    return f"{parts.place}{name}({', '.join(written({**words, **parts.keywords}))})"
