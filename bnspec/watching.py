"""Whether a layer leaves alone what it was given and what it has returned: what a caller would notice, and the judge cannot see."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from numpy import may_share_memory

from bnspec.case import Array

KEPT = 8
"""Returned arrays that are remembered, the latest of a layer: two rounds of forward, running and backward."""


class Keepsake:
    """An array in somebody else's hands, and a private copy of what it held, in which shape."""

    def __init__(self, name: str, array: Array) -> None:
        self.name = name
        self.array = array
        self.content = self._content()

    def changed(self) -> bool:
        """Whether it is another array than when last looked at, in its bytes, its shape or its dtype."""
        before, self.content = self.content, self._content()
        return before != self.content

    def _content(self) -> tuple[bytes, tuple[int, ...], object]:
        """Bytes, so that NaN equals itself and -0.0 is not 0.0."""
        return self.array.tobytes(), self.array.shape, self.array.dtype


class Watch:
    """The arrays that went into one layer and came out of it."""

    def __init__(self) -> None:
        self._given: dict[str, Keepsake] = {}
        self._returned: deque[Keepsake] = deque(maxlen=KEPT)

    def give(self, name: str, array: Array | None) -> None:
        """Remember an argument until another one of that name is given."""
        if array is not None:
            self._given[name] = Keepsake(name, array)

    def notice(self, returned: Mapping[str, Array]) -> str | None:
        """What has happened since the last look, as the words of docs/protocol.md joined by commas; None: nothing.

        Each change is told once. Sharing memory is told of the arrays in `returned`, which are remembered from now on.
        """
        words = [f"{kept.name}-changed" for kept in self._given.values() if kept.changed()]
        words += [f"{kept.name}-changed-later" for kept in self._returned if kept.changed()]
        for name, array in returned.items():
            words += [f"{name}-shares-{kept.name}" for kept in self._given.values() if may_share_memory(array, kept.array)]
        self._returned.extend(Keepsake(name, array) for name, array in returned.items())
        return ",".join(dict.fromkeys(words)) or None
