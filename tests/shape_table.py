"""The collection of shapes: files as different people write them, and what each should be understood as."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parent / "shapes"


@dataclass(frozen=True)
class Shape:
    """One file of the collection; the fields are explained at the head of the table."""

    file: str
    mistake: tuple[str, str]
    words: str = ""
    asks: str = ""
    momentum: str = "running"
    var: str = "biased"
    eps: float = 1e-5
    axis: int = 1
    scope: tuple[str, ...] = ("train", "infer", "running", "grad_train")
    absent: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return (DIRECTORY / f"{self.file}.py").read_text(encoding="utf-8")

    @property
    def target(self) -> str:
        """As it is named from the collection's directory, with the one line that it needs."""
        return f"{self.file}.py" + (f":{self.words}" if self.words else "")

    def corrupted(self) -> str:
        """Its text with the mistake in it, which must be one."""
        old, new = self.mistake
        assert self.source.count(old) >= 1, f"{self.file}: {old!r} is not there"
        return self.source.replace(old, new, 1)


def _shapes() -> dict[str, Shape]:
    rows = tomllib.loads((DIRECTORY / "table.toml").read_text(encoding="utf-8"))
    return {
        name: Shape(name, **{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for name, row in rows.items()
    }


SHAPES = _shapes()
