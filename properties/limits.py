"""Cases for what takes not every x: only one shape, or so many samples as are normalized at a time.

Laws are asked within these limits. What needs other shapes than there are is refused by the subject, and unsupported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bnspec.bounds import Bounds
from bnspec.case import Array, Case
from bnspec.exact import Exact
from bnspec.plugs.subject import Subject

Shape = tuple[int, ...]


def within(shape: Shape, subject: Subject | None, channel_axis: int) -> Shape:
    """(N, C, *S) as the subject takes it: its only shape, or no more samples than it normalizes at a time, or some such groups."""
    if subject is None:
        return shape
    if subject.fixed_shape:
        n, *others = subject.fixed_shape
        channels = others.pop(channel_axis % len(subject.fixed_shape) - 1)
        return (n, channels, *others)
    n, *rest = shape
    if not subject.ghost or n <= subject.ghost:
        return shape
    return (subject.ghost * (1 + n % 3 if subject.groups else 1), *rest)


def groups_of(case: Case, subject: Subject | None) -> list[Case]:
    """The parts of a case that are normalized apart; the case alone where that is all of it."""
    size = 0 if subject is None else subject.ghost
    if not size or len(case.x) <= size:
        return [case]
    starts = range(0, len(case.x), size)
    return [case.replace(x=case.x[at : at + size], dy=None if case.dy is None else case.dy[at : at + size]) for at in starts]


def joined(truths: Sequence[tuple[Exact, Bounds]], unit: float) -> tuple[Exact, Bounds]:
    """What groups come to together: y and dx one after another, dgamma and dbeta as sums, whose additions round by `unit` each.

    Running statistics are not among it: whether groups move them in turn or by their average is not agreed upon.
    """
    exacts, limits = [true for true, _ in truths], [limit for _, limit in truths]
    values, bounds, low = dict[str, Any](), dict[str, Any](), dict[str, Array]()
    for name in ("y", "dx", "dgamma", "dbeta"):
        parts = [getattr(true, name) for true in exacts]
        if any(part is None for part in parts):
            continue
        join = np.concatenate if name in ("y", "dx") else _sum
        values[name], bounds[name] = join(parts), join([getattr(limit, name) for limit in limits])
        low[name] = join([true.low.get(name, np.zeros_like(part)) for true, part in zip(exacts, parts, strict=True)])
        if join is _sum:
            bounds[name] = bounds[name] + 2 * len(parts) * unit * _sum([np.abs(part) for part in parts])
    return replace(exacts[0], **values, low=low), replace(limits[0], **bounds)


def _sum(parts: Sequence[Array]) -> Array:
    return np.asarray(np.sum(parts, axis=0))
