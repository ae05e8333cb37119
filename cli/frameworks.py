"""Frameworks by name: `bnspec frameworks` lists them, and `bnspec check NAME` asks what the name stands for."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.table import Table

from bnspec.cli.screen import Screen
from bnspec.reference import described
from bnspec.reference.described import Framework

SHIPPED = Path(described.__file__).parent / "frameworks"
"""Where the descriptions are, known deviations included."""


def show() -> int:
    """List the frameworks: what is here in which version, how the others are installed, what is asked of each."""
    screen = Screen()
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("name", "here", "pip install", "what is asked"):
        table.add_column(title, overflow="fold")
    for one in described.frameworks().values():
        table.add_row(one.key, _here(one), one.install, "\n".join(_short(target) for target in one.targets))
    screen.print(table)
    screen.print("\nbnspec check NAME asks all that a name stands for; --expect NAME marks its known deviations, and allows them.")
    return 0


def _here(one: Framework) -> str:
    if not one.is_at_hand:
        return "no"
    try:
        return version(one.package)
    except PackageNotFoundError:
        return "yes"


def _short(target: str) -> str:
    """A target without where our own adapters are."""
    return target.removeprefix("bnspec.reference.frameworks.")


def named(targets: Iterable[str]) -> list[str]:
    """The targets, with those of a framework in the place of its name."""
    found = []
    for target in targets:
        known = [one for framework in described.named(target) for one in framework.targets]
        found += known or [target]
    return found


def missing(target: str) -> str:
    """The sentence for a target of a framework that is not installed; "" for all others."""
    owner = described.owner(target)
    return owner.missing if owner else ""


def expected(path: Path | None) -> Path | None:
    """The file of known deviations: a framework's own where a name is given and there is no such file."""
    if path is None or path.exists() or str(path) not in described.frameworks():
        return path
    return SHIPPED / f"{path}.toml"


def versions() -> dict[str, str]:
    """Package -> version, of the frameworks that are here."""
    found = {}
    for one in described.frameworks().values():
        with suppress(PackageNotFoundError):
            found[one.package] = version(one.package)
    return found
