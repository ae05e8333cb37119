"""Many cases of a law are asked in blocks, each with a seed of its own: so they can be asked anywhere, and in any order.

Which blocks there are follows from the law and the number of cases alone, never from who asks them. A law that few processes ask
and one that many ask is asked the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from bnspec.properties.budget import MIN_EXAMPLES
from bnspec.properties.laws import Law

BLOCK = 1000
"""Up to so many cases a law are one block. A law whose cases are long, and which says so by its share, has smaller blocks."""

GUIDED = 2
"""Blocks that are asked on top in the deep profile, in which the worst case so far says where to look on."""


@dataclass(frozen=True)
class Block:
    """Some of the cases of a law. `number` from 0; `guided`: these seek the worst ratio of error to bound."""

    number: int
    cases: int
    guided: bool = False

    def seed(self, seed: int, law: Law) -> str:
        """What its cases are drawn from: the first block of a law has the cases of a run that is no longer than it."""
        return f"{seed}/{law.name}" + (f"/{self.number}" if self.number else "")


def blocks_of(law: Law, examples: int, *, deep: bool = False) -> tuple[Block, ...]:
    """The blocks of a law in a profile of so many `examples` a law.

    Up to `BLOCK` there is one, and the law gets its share. Of more, every law gets them all. A law that goes through cases which
    are all listed has as many blocks as it says, whatever the profile.
    """
    if law.parts:
        return tuple(Block(number, share_of(law, examples)) for number in range(law.parts))
    if examples <= BLOCK:
        return (Block(0, share_of(law, examples)),)
    size = share_of(law, BLOCK)
    whole, rest = divmod(examples, size)
    counts = [size] * whole + [rest] * bool(rest)
    drawn = [Block(number, cases) for number, cases in enumerate(counts)]
    guided = [Block(len(counts) + more, size, guided=True) for more in range(GUIDED * deep)]
    return (*drawn, *guided)


def share_of(law: Law, examples: int) -> int:
    """How many of so many cases a law gets."""
    return max(MIN_EXAMPLES, round(examples * law.share))
