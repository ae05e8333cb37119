"""Fork servers that serve one link after another, where somebody says so: starting one and its imports take as long as hundreds
of answers, with torch as long as thousands."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from bnspec.plugs.births import Nursery, NurseryDied

IDLE: ContextVar[list[Nursery] | None] = ContextVar("IDLE", default=None)
"""The fork servers that wait for a next link; None where a fork server ends with its link."""


@contextmanager
def kept_nurseries() -> Iterator[None]:
    """Within, in this thread, the fork server of a link that is closed waits for the next link, and all end at the end.

    Nothing passes from one link to the next: a fork server runs no code of a user, the children of a link end with it, and
    only a fork server that has imported nothing but what a link asks for, in the environment of now, serves it.
    """
    idle: list[Nursery] = []
    before = IDLE.set(idle)
    try:
        yield
    finally:
        IDLE.reset(before)
        for nursery in idle:
            nursery.close()


def engaged(preload: Collection[str] = ()) -> Nursery:
    """A fork server for a link whose children find these modules imported, and nothing else: an idle one, or a new one."""
    idle = IDLE.get() or []
    fitting = [one for one in idle if one.imported <= set(preload) and one.environment == dict(os.environ)]
    if not fitting:
        return Nursery()
    best = max(fitting, key=lambda one: len(one.imported))
    idle.remove(best)
    return best


def dismissed(nursery: Nursery) -> None:
    """Let a fork server go whose link is closed: its children end, and it waits for the next link or ends too."""
    idle = IDLE.get()
    if idle is not None:
        with suppress(NurseryDied):
            nursery.clear()
            idle.append(nursery)
            return
    nursery.close()
