"""The planted mistakes by name, whichever collection they are in."""

from __future__ import annotations

from pathlib import Path

from corpus.corruptions import CORRUPTIONS
from mistakes import MISTAKES, source

CORRUPTED = {corruption.name: corruption for corruption in CORRUPTIONS}


def planted(mistake: str, directory: Path) -> str:
    """The path of a file with the mistake in it, written into `directory`."""
    file = directory / "layer.py"
    file.write_text(source(mistake) if mistake in MISTAKES else CORRUPTED[mistake].source(), encoding="utf-8")
    return str(file)
