"""Where an object keeps its numbers: in an attribute, in a parameter object there, in a dict, a list, or an object of its own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec.plugs import names

PAIRED = {"gamma": 0, "beta": 1, "running_mean": 0, "running_var": 1}
"""The documented order of two parameters, of their gradients and of two statistics, where they stand together without names."""

STATISTICS = ("running_mean", "running_var")

TOGETHER = ("params", "parameters", "weights", "theta", "grads", "gradients", "dparams", "gradparams", "dweights", "dtheta")
"""Lists of gamma and beta, or of their gradients."""

OF_GRADIENTS = ("dw", "dparams", "dweights", "dtheta", "dp", "d")
"""What holds gradients besides what says so."""


@dataclass(frozen=True)
class Place:
    """Where an object keeps a value: `text` follows the object's name (`.gamma`, `.gamma.data`, `.params["gamma"]`).

    written   the statement that puts a value there, with the object as `{0}` and the value as `{1}`
    """

    text: str
    value: Any
    written: str = ""

    def assign(self, subject: str, value: str) -> str:
        """The statement that gives `subject` the value there."""
        return self.written.format(subject, value) if self.written else f"{subject}{self.text} = {value}"

    def read(self, subject: Any) -> Any:
        """What is there now."""
        return eval(f"subject{self.text}", {"subject": subject})


def find_values(subject: Any, roles: Mapping[str, tuple[str, ...]]) -> dict[str, Place]:
    """The places of all roles that have one. Running statistics count only where both are found, both under short names or neither:
    beside a mean of a usual name there may be a deviation of another."""
    found = {role: place for role, aliases in roles.items() if (place := find_value(subject, aliases, role)) is not None}
    short = [names.plain(found[role].text[1:]) in names.SHORT for role in STATISTICS if role in found]
    return found if short in ([True] * 2, [False] * 2) else {role: place for role, place in found.items() if role not in STATISTICS}


def find_value(subject: Any, aliases: tuple[str, ...], role: str = "") -> Place | None:
    """The attribute that holds numbers (or None, still to be filled) under one of the aliases, else such an entry of a dict,
    else what stands together in one attribute."""
    long = tuple(alias for alias in aliases if alias not in names.SHORT)
    for taken in (long, aliases):
        known = [name for name in dir(subject) if names.plain(name) in taken and not _is_view(subject, name)]
        if name := names.match((name for name in known if _is_value(name, getattr(subject, name, print))), taken):
            return _opened(f".{name}", getattr(subject, name))
        if place := find_entry(subject, taken, gradients=False):
            return place
        if place := _kept_together(subject, aliases, role) if taken is long else None:
            return place
    return None


def find_entry(subject: Any, aliases: tuple[str, ...], *, gradients: bool) -> Place | None:
    """The entry of an attribute's dict under one of the aliases; only in dicts named for gradients, or only in others."""
    for holder, entries in getattr(subject, "__dict__", {}).items():
        if isinstance(entries, dict) and _is_for_gradients(holder) == gradients:
            key = names.match((key for key in entries if isinstance(key, str) and _is_value(key, entries[key])), aliases)
            if key is not None and (gradients or names.plain(key) not in names.SHORT):
                return _opened(f'.{holder}["{key}"]', entries[key])
    return None


def find_listed(subject: Any, role: str, *, gradients: bool) -> Place | None:
    """gamma's or beta's place in a list of exactly these two, as `params` and `grads` are."""
    for holder, entries in getattr(subject, "__dict__", {}).items():
        if names.plain(holder) in TOGETHER and _is_for_gradients(holder) == gradients and _is_pair(entries):
            return _opened(f".{holder}[{PAIRED[role]}]", entries[PAIRED[role]])
    return None


def _is_for_gradients(holder: str) -> bool:
    return "grad" in holder.lower() or names.plain(holder) in OF_GRADIENTS


def _kept_together(subject: Any, aliases: tuple[str, ...], role: str) -> Place | None:
    """The place in what keeps several: a list of parameters; statistics in a pair, a dict or an object that is named for them."""
    if role in ("gamma", "beta"):
        return find_listed(subject, role, gradients=False)
    return next(_in_keepers(subject, aliases, role), None) if role in PAIRED else None


def _in_keepers(subject: Any, aliases: tuple[str, ...], role: str) -> Iterator[Place]:
    for holder, kept in getattr(subject, "__dict__", {}).items():
        if names.plain(holder) not in names.KEEPERS:
            continue
        if _is_pair(kept):
            yield _of_pair(holder, kept, PAIRED[role])
        elif isinstance(kept, dict):
            if key := names.match((key for key in kept if isinstance(key, str) and _is_value(key, kept[key])), aliases):
                yield _opened(f'.{holder}["{key}"]', kept[key])
        else:
            if name := names.match(
                (name for name, value in getattr(kept, "__dict__", {}).items() if _is_value(name, value)), aliases
            ):
                yield _opened(f".{holder}.{name}", getattr(kept, name))


def _of_pair(holder: str, kept: Any, at: int) -> Place:
    text = f".{holder}[{at}]"
    if not isinstance(kept, tuple):
        return Place(text, kept[at])
    other = f"{{0}}.{holder}[{1 - at}]"
    return Place(text, kept[at], f"{{0}}.{holder} = ({', '.join(['{1}', other][:: 1 - 2 * at])})")


def _is_pair(value: Any) -> bool:
    """Whether these are two arrays, or objects with one, of one size."""
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        return False
    sizes = {np.size(_opened("", one).value) for one in value if _is_value("together", one)}
    return len(sizes) == 1 and all(isinstance(_opened("", one).value, (np.ndarray, list)) for one in value)


def _is_view(subject: Any, name: str) -> bool:
    """Whether it is a property that only shows something: what is written must be kept."""
    shown = inspect.getattr_static(type(subject), name, None)
    return isinstance(shown, property) and shown.fset is None


def _is_value(name: str, value: Any) -> bool:
    """Numbers or what holds them. None counts as yet to be filled, but not under a short name: mu or var is as often a cache."""
    if value is None:
        return len(names.plain(name)) > len("var") and names.plain(name) not in names.SHORT
    numbers = isinstance(value, (np.ndarray, np.generic, list, int, float)) and not isinstance(value, bool)
    return numbers or is_tensor(value) or _inner(value) is not None


def _inner(value: Any) -> str | None:
    """The attribute in which a parameter object holds its array."""
    return next((name for name in ("data", "array", "value") if isinstance(getattr(value, name, None), np.ndarray)), None)


def _opened(text: str, value: Any) -> Place:
    """The place itself, or the array inside of the parameter object there."""
    inner = None if isinstance(value, np.ndarray) else _inner(value)
    return Place(text, value) if inner is None else Place(f"{text}.{inner}", getattr(value, inner))


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor, found out without importing torch."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "requires_grad")
