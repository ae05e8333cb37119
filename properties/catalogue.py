"""All the laws, in the order they are asked."""

from __future__ import annotations

from importlib import import_module

from bnspec.properties.laws import CHAPTERS, Law

VERSION = "2"
"""The version of the set of laws. It moves when a law is added, taken away or asks something else: then a verdict may differ."""


def all_laws() -> list[Law]:
    """Every law of every chapter, as written."""
    chapters = [import_module(f"bnspec.properties.test_{chapter}") for chapter in CHAPTERS]
    return [
        member.law for chapter in chapters for member in vars(chapter).values() if isinstance(getattr(member, "law", None), Law)
    ]
