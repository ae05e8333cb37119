"""Work units: the questions about a target in pieces that are plain values. Any process that has the target can ask one.

A unit is some properties in one dtype, and one block of their cases. Which blocks there are follows from the laws and the number
of cases alone (`bnspec.properties.blocks`); how many properties go into a unit follows from what they take, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bnspec.cli.runner import Options
from bnspec.properties.blocks import BLOCK, Block, blocks_of
from bnspec.properties.budget import CALLS
from bnspec.properties.catalogue import all_laws, deep_laws
from bnspec.properties.laws import Law
from bnspec.reports.record import Record, Row

SECONDS = 5.0
"""What a unit is to last: long beside what sending it costs, and short beside a run, so that all workers end at about one time."""

BLOCK_SECONDS = 1.2
"""What a block of `BLOCK` cases, or of the share of them that a law gets, takes besides the calls of slow code."""

LISTED_SECONDS = 0.3
"""What a law about the fixed cases takes."""


class Opening(msgspec.Struct, frozen=True, tag=True):
    """Open a target, measure its convention, and say what is to be asked."""

    target: str
    options: Options


class Unit(msgspec.Struct, frozen=True, tag=True):
    """Ask these properties in this dtype.

    block        the number of the block of their cases; None: all, from one seed
    examples     cases a property, before its share, that this target affords
    environment  what the worker that opened the target has: one that has something else would not make the same record
    """

    target: str
    options: Options
    dtype: str
    properties: tuple[str, ...]
    block: int | None
    examples: int
    environment: dict[str, str]


Task = Opening | Unit


class Opened(msgspec.Struct, tag=True):
    """The target is open, or cannot be.

    record    the record of a run that has asked nothing yet
    rows      all that is to be asked, as not-run; none where the target cannot be opened
    examples  cases a property that it affords;  pace: seconds a call
    """

    record: Record
    rows: list[Row]
    examples: int = 0
    pace: float = 0.0


class Known(msgspec.Struct, tag=True):
    """A row of a unit is finished."""

    row: Row
    block: int | None


class Done(msgspec.Struct, tag=True):
    """A task is over. `trouble`: why rows of it were not asked."""

    interrupted: bool = False
    trouble: str = ""


Message = Opened | Known | Done


def units_of(target: str, options: Options, opened: Opened) -> list[Unit]:
    """All that is to be asked of a target: the first block of every law, then the second, and so on.

    A campaign wants one process to see all failures in a dtype, and stop: there a dtype is a unit.
    """
    asked = [(row.property, row.dtype) for row in opened.rows]
    dtypes = [dtype for dtype in options.dtypes if any(dtype == other for _, other in asked)]
    laws = {law.name: law for law in (*all_laws(), *deep_laws())}

    def unit(dtype: str, names: Sequence[str], block: int | None) -> Unit:
        return Unit(target, options, dtype, tuple(names), block, opened.examples, dict(opened.record.environment))  # type: ignore[arg-type]

    of = {dtype: [laws[name] for name, other in asked if other == dtype] for dtype in dtypes}
    if options.campaign:
        return [unit(dtype, [law.name for law in of[dtype]], None) for dtype in dtypes]
    deep = options.deep
    most = max((len(blocks_of(law, opened.examples, deep=deep)) for dtype in dtypes for law in of[dtype]), default=0)
    return [
        unit(dtype, names, number)
        for number in range(most)
        for dtype in dtypes
        for names in _packed(of[dtype], number, opened, deep=deep)
    ]


def _packed(laws: Sequence[Law], number: int, opened: Opened, *, deep: bool) -> Iterator[list[str]]:
    """The laws that have a block of this number, neighbours together while they last no longer than a unit is to."""
    pack, seconds = list[str](), 0.0
    for law in laws:
        blocks = blocks_of(law, opened.examples, deep=deep)
        if number >= len(blocks):
            continue
        more = seconds_of(law, blocks[number], opened.pace)
        if pack and seconds + more > SECONDS:
            yield pack
            pack, seconds = [], 0.0
        pack.append(law.name)
        seconds += more
    if pack:
        yield pack


def seconds_of(law: Law, block: Block, pace: float) -> float:
    """About what a block of a law takes, at `pace` seconds a call; a law gets a smaller share because its cases are longer."""
    if law.parts:
        return BLOCK_SECONDS if law.parts > 1 else LISTED_SECONDS
    return BLOCK_SECONDS * min(1.0, block.cases / (BLOCK * law.share)) + block.cases * CALLS * pace
