"""Dialects: how implementations keep a BatchNorm, beyond the convention that they follow. dialects.toml has those with a name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

from bnspec.convention import BadConvention, Convention

CHOICES: dict[str, tuple[str, ...]] = {
    "scale": ("value", "one_plus", "log", "absent"),
    "shift": ("value", "absent"),
    "spread": ("variance", "deviation", "variance_with_eps", "inverse_deviation", "absent"),
    "eps_place": ("inside", "outside"),
}
"""What each form may be; the head of dialects.toml says what they mean."""

NAMES = ("gamma", "beta", "running_mean", "running_var", "eps", "momentum", "steps", "x", "hidden_mean", "hidden_var")
"""What has a name of its own in a dialect."""


@dataclass(frozen=True)
class Dialect:
    """An implementation's way to keep a layer: the fields are explained at the head of dialects.toml.

    fixed   numbers that it does not let itself be given, by name: eps, momentum
    """

    name: str
    convention: Convention
    names: Mapping[str, str] = field(default_factory=dict)
    scale: str = "value"
    shift: str = "value"
    spread: str = "variance"
    eps_place: str = "inside"
    eps_least: float = 0.0
    sums: str = ""
    cumulative: str = ""
    shape: str = "(C,)"
    notes: tuple[str, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadConvention(f"{name} must be one of {', '.join(choices)}; got {getattr(self, name)!r}")
        for name, called in self.names.items():
            if name not in NAMES or not isinstance(called, str) or not called.isidentifier():
                raise BadConvention(f"names gives a name to one of {', '.join(NAMES)}; got {name} = {called!r}")

    def called(self, part: str) -> str:
        """Its own name for a part."""
        return self.names.get(part, part)


@cache
def named() -> Mapping[str, Dialect]:
    """The dialects that have a name."""
    text = files(__package__).joinpath("dialects.toml").read_text(encoding="utf-8")
    return {name: from_mapping(table) for name, table in tomllib.loads(text).items()}


def from_mapping(table: Mapping[str, Any], name: str = "") -> Dialect:
    """The dialect of a table: of the keys above, or those of a convention alone. Raises `BadConvention`."""
    known = {one.name for one in fields(Dialect)} - {"convention", "name", "fixed"}
    forms: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key in known
    }
    plain = {key: value for key, value in table.items() if key not in {*known, "convention", "name"}}
    convention = Convention.from_mapping({**table.get("convention", {}), **plain})
    return Dialect(str(table.get("name", name)), convention, **forms)
