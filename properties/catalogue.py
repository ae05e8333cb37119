"""All the laws, in the order they are asked."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from bnspec.properties.laws import CHAPTERS, DEEP_CHAPTERS, Law

VERSION = "2"
"""The version of the set of laws. It moves when a law is added, taken away or asks something else: then a verdict may differ."""


def all_laws() -> list[Law]:
    """Every law of every chapter, as written; those that the deep profile adds are apart."""
    return _laws([import_module(f"bnspec.properties.test_{chapter}") for chapter in CHAPTERS])


def deep_laws() -> list[Law]:
    """The laws that the deep profile adds."""
    return _laws([import_module(f"bnspec.properties.deep.test_{chapter}") for chapter in DEEP_CHAPTERS])


def file_of(chapter: str) -> Path:
    """Where the laws of a chapter are written."""
    below = ("deep",) if chapter in DEEP_CHAPTERS else ()
    return Path(__file__).parent.joinpath(*below, f"test_{chapter}.py")


def _laws(chapters: list[ModuleType]) -> list[Law]:
    return [
        member.law for chapter in chapters for member in vars(chapter).values() if isinstance(getattr(member, "law", None), Law)
    ]
