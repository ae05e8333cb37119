"""Where an object keeps its numbers: in an attribute, in a parameter object there, or in a dict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec.plugs import names


@dataclass(frozen=True)
class Place:
    """Where an object keeps a value: `text` follows the object's name (`.gamma`, `.gamma.data`, `.params["gamma"]`)."""

    text: str
    value: Any


def find_value(subject: Any, aliases: tuple[str, ...]) -> Place | None:
    """The attribute that holds numbers (or None, still to be filled) under one of the aliases, else such an entry of a dict."""
    known = [name for name in dir(subject) if names.plain(name) in aliases]
    if name := names.match((name for name in known if _is_value(name, getattr(subject, name, print))), aliases):
        return _opened(f".{name}", getattr(subject, name))
    return find_entry(subject, aliases, gradients=False)


def find_entry(subject: Any, aliases: tuple[str, ...], *, gradients: bool) -> Place | None:
    """The entry of an attribute's dict under one of the aliases; only in dicts named for gradients, or only in others."""
    for holder, entries in getattr(subject, "__dict__", {}).items():
        if isinstance(entries, dict) and ("grad" in holder.lower()) == gradients:
            key = names.match((key for key in entries if isinstance(key, str) and _is_value(key, entries[key])), aliases)
            if key is not None:
                return _opened(f'.{holder}["{key}"]', entries[key])
    return None


def _is_value(name: str, value: Any) -> bool:
    """Numbers or what holds them. None counts as yet to be filled, but not under a short name: mu or var is as often a cache."""
    if value is None:
        return len(names.plain(name)) > len("var")
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
