"""The physical limit of a benchmark: how long memory takes to move the bytes that must be moved, measured by moving them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from time import perf_counter_ns

import numpy as np

TOGETHER = 1 << 20
"""Bytes from which threads share a copy; below, handing the work over takes longer than doing it."""


class Copying:
    """A copy that moves `nbytes`, half of them read and half written, over as much memory, with as many threads as may help."""

    def __init__(self, nbytes: int, threads: int) -> None:
        half = max(1, nbytes // 2)
        self._source, self._target = np.ones(half, np.uint8), np.zeros(half, np.uint8)
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 and half >= TOGETHER else None
        edges = np.linspace(0, half, threads + 1).astype(int) if self._pool else [0, half]
        self._parts = [slice(first, last) for first, last in pairwise(edges)]

    def nanoseconds(self) -> int:
        """The time of one copy."""
        started = perf_counter_ns()
        others = [self._pool.submit(self._copy, part) for part in self._parts[1:]] if self._pool else []
        self._copy(self._parts[0])
        for other in others:
            other.result()
        return perf_counter_ns() - started

    def _copy(self, part: slice) -> None:
        np.copyto(self._target[part], self._source[part])
