"""How much a slow implementation is asked, how long a failure is made smaller, and when a run is out of time.

Profiles are counts of cases. Fast code gets them all; of slow code fewer are asked, as follows from the pace that probing saw;
a clock only ever cuts. Whatever is left out is said.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log2
from statistics import quantiles
from time import perf_counter
from typing import Any

MIN_EXAMPLES = 5
"""No property gets fewer, of slow code either: of two cases it may be that none could have told right from wrong."""

CALLS = 2.5
"""Calls of forward or backward in a case, the mean over all laws."""

SECONDS_PER_EXAMPLE = 0.3
"""What the calls in one dtype may take for each example that its profile gives to a property: 90 s in the standard profile."""

GOLDEN = 5
"""How many of the fixed cases slow code is asked for each example of a property: as many laws share them."""

FAST = 2e-3
"""Seconds a call up to which code is asked everything: a busy machine makes no difference to NumPy's tenths of a millisecond."""

SHRINKING = 10.0
"""Seconds that one failure is made smaller for; Hypothesis alone would go on for five minutes."""

MAX_SECONDS = {"smoke": 180.0, "standard": 900.0, "deep": None}
"""When a run is cut, by profile: far above what any code at a bearable pace takes. The deep profile takes its time."""


def pace_of(times: Sequence[float]) -> float:
    """Seconds a call of the implementation takes: the lower quartile of `times`, to the nearest power of the root of two.

    Rounded, so that two runs of the same slow code nearly always get the same number of cases; 0.0 where nothing was timed.
    """
    if not times:
        return 0.0
    seconds = quantiles(times, n=4)[0] if len(times) > 1 else times[0]
    return float(2.0 ** (round(2 * log2(max(seconds, 1e-9))) / 2))


def affordable(examples: int, properties: int, pace: float) -> int:
    """How many of a profile's `examples` each of so many properties gets, at `pace` seconds a call: all of them for fast code.

    However many dtypes are asked, and by however many processes: these decide no case.
    """
    if pace <= FAST:
        return examples
    afforded = examples * SECONDS_PER_EXAMPLE / (properties * CALLS * pace)
    return max(MIN_EXAMPLES, min(examples, int(afforded)))


def reduced(examples: int, asked: int, pace: float) -> str:
    """The warning that a slow implementation gets; "" where nothing was left out."""
    if asked >= examples:
        return ""
    took = f"{pace * 1e3:.2g} ms" if pace < 1 else f"{pace:.2g} s"
    return f"slow: a call takes about {took}, so a property was asked {asked} cases and not the profile's {examples}"


@dataclass
class Clock:
    """When a run must end. `seconds`: how long it may take in all; None: as long as it needs."""

    seconds: float | None = None
    started: float = field(default_factory=perf_counter)

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be asked."""
        return self.seconds is not None and perf_counter() - self.started > self.seconds


@dataclass
class Patience:
    """How long the failure of one property may be made smaller; a known one is taken as it is found.

    After that time an example is only asked again if it has been asked before, whatever came of it: then Hypothesis can end with
    the smallest, and meets no example that held a moment ago and is refused now, which it would call flaky.
    """

    seconds: float = SHRINKING
    began: float | None = None
    _asked: set[int] = field(default_factory=set)

    @property
    def is_tried(self) -> bool:
        """Whether there is a failure."""
        return self.began is not None

    def allows(self, drawn: dict[str, Any], *, hurry: bool = False) -> bool:
        """Whether the example of these arguments may be asked. `hurry`: the time for smaller ones is over anyway."""
        key = _key(drawn)
        if self.began is not None and (hurry or perf_counter() - self.began > self.seconds):
            return key is None or key in self._asked
        if key is not None:
            self._asked.add(key)
        return True

    def failed(self) -> None:
        """An example failed."""
        self.began = perf_counter() if self.began is None else self.began


def _key(drawn: dict[str, Any]) -> int | None:
    """The same for the same arguments; None for arguments that have no bytes, such as interactive data."""
    try:
        return hash(pickle.dumps(drawn))
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
