"""The blocks of a law's cases, asked anywhere and in any order, joined into the row that stands for them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bnspec.properties.outcomes import MIN_INFORMATIVE_SHARE
from bnspec.reports.record import Row
from bnspec.reports.verdict import FAILING

STEPS = 10_000
"""Points of a climb that a record holds."""


def ends(row: Row, block: int) -> bool:
    """Whether no later block of a law is asked, or counts: it has failed, or is not offered at all."""
    return row.status in FAILING or (block == 0 and row.status == "unsupported")


def joined(planned: Row, blocks: Mapping[int, Row], of: int, lost: str = "") -> Row:
    """The row of a law whose cases are `of` blocks, from those that are known.

    Blocks count in their order, up to the first that fails: so who asked them, and what was asked besides, changes nothing.
    `lost`: why blocks are missing, where that is known.
    """
    counted = list[Row]()
    for number in sorted(blocks):
        counted.append(blocks[number])
        if ends(blocks[number], number):
            return _sum(counted, counted[-1])
    if not counted:
        return msgspec.structs.replace(planned, reason=lost or planned.reason)
    unfinished = [row for row in counted if row.status in ("cut", "not-run")]
    if len(counted) == 1 and (of == 1 or unfinished):
        return counted[0]
    if unfinished:
        return _sum(counted, unfinished[0])
    if len(counted) < of:
        why = f"{len(counted)} of {of} blocks of its cases were asked"
        return _sum(counted, planned, status="cut", reason=f"{why}: {lost}" if lost else why)
    return _sum(counted, counted[0], **_status(counted))


def _status(rows: Sequence[Row]) -> dict[str, str]:
    """Status and reason of blocks of which none fails: what one that has all their cases would have, as `outcomes` has it."""
    asked, informative, declined = (sum(getattr(row, name) for row in rows) for name in ("examples", "informative", "declined"))
    if declined > asked:
        return {"status": "unsupported", "reason": next((row.reason for row in rows if row.reason), "not offered")}
    if not asked:
        return {"status": "vacuous", "reason": "no case could be asked"}
    if informative < max(1, MIN_INFORMATIVE_SHARE * asked):
        return {"status": "vacuous", "reason": f"only {informative} of {asked} cases could have told right from wrong"}
    return {"status": "pass", "reason": ""}


def _sum(rows: Sequence[Row], like: Row, **changes: Any) -> Row:
    """The row of `like`, with the counts of all of them, and the worst that any of them has seen."""
    worst = max(rows, key=lambda row: float(row.worst_ratio))
    kept = max(rows, key=lambda row: -1.0 if row.worst is None else float(row.worst.ratio or 0.0))
    return msgspec.structs.replace(
        like,
        **changes,
        examples=sum(row.examples for row in rows),
        informative=sum(row.informative for row in rows),
        declined=sum(row.declined for row in rows),
        seconds=sum(row.seconds for row in rows),
        worst_ratio=worst.worst_ratio,
        grade=next((row.grade for row in rows if row.grade), like.grade),
        worst=kept.worst,
        climb=_climb(rows),
    )


def _climb(rows: Sequence[Row]) -> list[tuple[int, Any]]:
    """The worst ratio against the number of cases, through all blocks."""
    climb, before, highest = list[tuple[int, Any]](), 0, 0.0
    for row in rows:
        for cases, ratio in row.climb:
            if float(ratio) > highest:
                highest = float(ratio)
                climb.append((before + cases, ratio))
        before += row.examples
    return climb[-STEPS:]
