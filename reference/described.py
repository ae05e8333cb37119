"""What is known of frameworks by name: one TOML file each in `reference/frameworks`, read without importing the framework."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Framework:
    """A file of `reference/frameworks`.

    key           the name on the command line, the file's own
    requirement   the package and its versions, as pip reads them
    install       the arguments of pip that bring it, with all that it needs here
    modules       what is imported of it, by which it is seen whether it is at hand
    group         a name that stands for several, "" for none
    targets       what is asked where it is named
    convention    the choices that it documents
    capabilities  dtypes, and parts of a BatchNorm, that it says it has
    """

    key: str
    name: str
    requirement: str
    install: str
    modules: tuple[str, ...]
    group: str
    targets: tuple[str, ...]
    convention: Mapping[str, Any]
    capabilities: Mapping[str, Any]

    @property
    def package(self) -> str:
        """The package without its versions."""
        return re.split(r"[^\w.-]", self.requirement)[0]

    @property
    def is_at_hand(self) -> bool:
        """Whether it could be imported; nothing is."""
        return all(find_spec(module) is not None for module in self.modules)

    @property
    def missing(self) -> str:
        """The sentence for one that is not installed, "" for one that is."""
        return "" if self.is_at_hand else f"{self.name} is not installed here; python -m pip install {self.install}"


@cache
def frameworks() -> dict[str, Framework]:
    """All that are known, by key."""
    found = [file for file in files("bnspec.reference.frameworks").iterdir() if file.name.endswith(".toml")]
    return {file.name[:-5]: _read(file.name[:-5], file.read_text("utf-8")) for file in sorted(found, key=lambda file: file.name)}


def _read(key: str, text: str) -> Framework:
    said = tomllib.loads(text)
    requirement = said["requirement"]
    modules: str | list[str] = said.get("module") or re.split(r"\W", requirement)[0]
    return Framework(
        key,
        said["name"],
        requirement,
        said.get("install", f"'{requirement}'"),
        tuple(modules) if isinstance(modules, list) else (modules,),
        said.get("group", ""),
        tuple(said["targets"]),
        said["convention"],
        said.get("capabilities", {}),
    )


def named(name: str) -> list[Framework]:
    """The frameworks that a name on the command line stands for."""
    return [one for one in frameworks().values() if name in (one.key, one.group)]


def owner(target: str) -> Framework | None:
    """The framework that a target is asked of, with or without arguments; None where it is of none that is known."""
    bare = target.partition("(")[0].strip()
    return next((one for one in frameworks().values() if bare in {known.partition("(")[0] for known in one.targets}), None)


def declared(key: str, **otherwise: Any) -> dict[str, Any]:
    """The convention of a framework as its file declares it, but for what is said here of one of its layers."""
    return {**frameworks()[key].convention, **otherwise}
