"""Mistakes of one line each, made in correct implementations of several shapes of code: what the suite has to catch.

They lie in wrong/SHAPE.diff, for the file correct/SHAPE.py: a heading `name | chapter | why it happens or hides`, then the right
line and the wrong one, without their indentation. None was chosen, and none left out, for what the properties make of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CORRECT = Path(__file__).parent / "correct"
"""Implementations that must never be accused; a file each, with exactly one thing in it that can be asked."""

COMPILED = Path(__file__).parent / "compiled"
"""More of them, which take long to start and need a compiler."""

WRONG = Path(__file__).parent / "wrong"


@dataclass(frozen=True)
class Corruption:
    """One line of one correct file, changed.

    shape      the name of the file in correct/, without .py
    chapter    of the properties, where a law about it belongs; others may catch it too
    """

    name: str
    shape: str
    chapter: str
    right: str
    wrong: str
    why: str

    def source(self) -> str:
        """The file with the mistake in it; raises ValueError where the right line is not there exactly once."""
        lines = (CORRECT / f"{self.shape}.py").read_text().splitlines()
        found = [number for number, line in enumerate(lines) if line.strip() == self.right]
        if len(found) != 1:
            raise ValueError(f"{self.name!r}: its right line must be in {self.shape}.py once, it is there {len(found)} times")
        line = lines[found[0]]
        lines[found[0]] = line[: len(line) - len(line.lstrip())] + self.wrong
        return "\n".join(lines) + "\n"


def read(path: Path) -> list[Corruption]:
    """The corruptions of one shape; raises ValueError for an entry that is not a heading and two lines."""
    found = []
    for entry in path.read_text().strip().split("\n\n"):
        heading, right, wrong = entry.splitlines()
        name, chapter, why = (part.strip() for part in heading.split("|"))
        if right[:2] != "- " or wrong[:2] != "+ ":
            raise ValueError(f"{path.name}: {name!r} needs a right line after '- ' and a wrong one after '+ '")
        found.append(Corruption(name, path.stem, chapter, right[2:], wrong[2:], why))
    return found


CORRUPTIONS = [corruption for path in sorted(WRONG.glob("*.diff")) for corruption in read(path)]
