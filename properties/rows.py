"""One row of a run: a property in a dtype, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """What is known of one property in one dtype; the keys of a record's results."""

    property: str
    chapter: str
    dtype: str
    level: str
    title: str
    law: str
    scope: list[str]
    against: list[str] = field(default_factory=list)
    status: str = "not-run"
    expected: bool = False
    examples: int = 0
    informative: int = 0
    declined: int = 0
    worst_ratio: float = 0.0
    seconds: float = 0.0
    reason: str = ""
    counterexample: dict[str, Any] | None = None
    repro: str | None = None
    grade: str = ""
    worst: dict[str, Any] | None = None
    climb: list[tuple[int, float]] = field(default_factory=list)

    def is_wrong(self) -> bool:
        """Whether the row alone makes the implementation nonconformant."""
        return self.level == "required" and self.status in ("fail", "error", "crash", "timeout", "flaky")
