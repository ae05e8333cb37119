"""Attempts to gain a better verdict than the mathematics deserves: each is code on top of a wrong BatchNorm, or an impure one.

The code is appended to a file with a class `BatchNorm`; most derive another class of that name from it. Here are those that stay
inside of their process; `attacks_beyond` has those that reach out of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import mistakes

WRONG = mistakes.source("eps outside the root")
"""Wrong in every number it returns, in training and in inference."""

RIGHT = mistakes.RIGHT
"""Right in every number: for code that does something else that a caller would mind."""

SIDE_BY_SIDE = mistakes.RIGHT.replace("class BatchNorm:", "class Right:") + WRONG
"""The right class beside the wrong one, for code that is right at times."""


@dataclass(frozen=True)
class Attack:
    """One attempt.

    does     what it does, for people
    code     the text of it
    on       the file that it is appended to
    words    what the reason of the record, or of a failing row, must say; "" where any will do
    verdict  what it comes to: nothing can be judged where it meddles before the first answer
    """

    does: str
    code: str
    on: str = WRONG
    words: str = ""
    verdict: str = "nonconformant"


LOOKING: dict[str, Attack] = {
    "frames of its callers": Attack(
        "returns an array of x's shape from the frames of whoever called it",
        """
import sys

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y, frame = super().forward(x, training), sys._getframe(1)
        while frame:
            for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
                if isinstance(value, np.ndarray) and value is not x and value.shape == x.shape:
                    y = value
            frame = frame.f_back
        return y
""",
    ),
    "everything the collector knows": Attack(
        "returns an array of the exact values, if any is alive in its process",
        """
import gc

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y = super().forward(x, training)
        for found in gc.get_objects():
            if type(found).__module__.startswith("bnspec") and isinstance(getattr(found, "y", None), np.ndarray):
                y = found.y.reshape(x.shape)
        return y
""",
    ),
    "the judged end's own requests": Attack(
        "returns what an open request of the protocol carries",
        """
import inspect

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y = super().forward(x, training)
        for frame in inspect.stack():
            request = frame.frame.f_locals.get("request")
            for name in ("y", "expected", "tolerance"):
                y = getattr(request, "arrays", {}).get(name, y)
        return y
""",
    ),
}
"""Looking for the expected answer: it is in another process."""

SWAPPING: dict[str, Attack] = {
    "NumPy": Attack(
        "replaces NumPy functions with ones that find everything equal",
        """
class Agreeing(np.ndarray):
    def __abs__(self): return np.zeros(self.shape)
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __array_ufunc__(self, *args, **kwargs): return np.zeros(())

for name in ("abs", "absolute", "max", "argmax", "any"):
    setattr(np, name, lambda *args, **kwargs: 0)
for name in ("allclose", "array_equal", "all", "isclose"):
    setattr(np, name, lambda *args, **kwargs: True)
for name in ("array", "asarray", "ascontiguousarray"):
    setattr(np, name, lambda value, *args, _real=getattr(np, name), **kwargs: _real(value, *args, **kwargs).view(Agreeing))
""",
    ),
    "the judge and the oracle": Attack(
        "imports bnspec's judge and oracle and replaces what they do",
        """
import bnspec.exact, bnspec.bounds, bnspec.properties.judge, bnspec.properties.outcomes, bnspec.reports.verdict

bnspec.properties.judge.judge = bnspec.properties.judge.assert_near = lambda *args, **kwargs: None
bnspec.properties.outcomes.settle = lambda row, tally, error: setattr(row, "status", "pass")
bnspec.reports.verdict.judge_rows = lambda rows: ("conformant", ["train"], "all is well")
bnspec.exact.train = bnspec.exact.infer = lambda *args, **kwargs: None
bnspec.properties.judge.INFORMATIVE = 0
""",
    ),
    "the watch": Attack(
        "changes x, and replaces the function that would notice",
        """
import bnspec.servant, bnspec.watching

bnspec.watching.Watch.notice = lambda self, returned: None
bnspec.watching.Keepsake.changed = lambda self: False

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y = super().forward(x, training)
        x += 1
        return y
""",
        on=RIGHT,
        words="replaced",
        verdict="inconclusive",
    ),
    "NumPy under the watch": Attack(
        "changes x, and has NumPy say that no memory is shared and nothing changes",
        """
np.may_share_memory = lambda *args: False
np.shares_memory = lambda *args: False
np.array_equal = lambda *args: True

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y = super().forward(x, training)
        x[...] = y
        return x
""",
        on=RIGHT,
        words="x was changed",
    ),
    "what an array says of itself": Attack(
        "returns arrays whose methods lie",
        """
class Liar(np.ndarray):
    shape = property(lambda self: (1,))
    def __array__(self, *args, **kwargs): return np.zeros((4, 3))
    def __eq__(self, other): return np.True_
    def tobytes(self, *args): return b""
    def astype(self, *args, **kwargs): return self
    def reshape(self, *args): return self

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        return super().forward(x, training).view(Liar)
""",
    ),
    "the shape of x": Attack(
        "gives x another shape in place: its bytes stay as they are",
        """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y = super().forward(x, training).copy()
        if x.flags.c_contiguous:
            x.shape = (-1,)
        return y
""",
        on=RIGHT,
        words="x was changed",
    ),
}
"""Swapping what judges: it judges in another process; what watches in this one must notice that it was replaced."""

TIMING: dict[str, Attack] = {
    "right at first": Attack(
        "is right for the first 100 calls, while its convention is measured, and wrong afterwards",
        """
class BatchNorm(Right):
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        y = super().forward(x, training)
        return y if BatchNorm.calls <= 100 else y * 1.01
""",
        on=SIDE_BY_SIDE,
    ),
    "wrong at first": Attack(
        "has another momentum while its convention is measured, and the right one afterwards",
        """
class BatchNorm(Right):
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls <= 40:
            self.momentum = 0.5
        return super().forward(x, training)
""",
        on=SIDE_BY_SIDE,
    ),
    "a cache by shape": Attack(
        "answers from a cache keyed by shape after a warm-up of 100 calls",
        """
class BatchNorm(Right):
    calls, cache = 0, {}

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls > 100 and x.shape in self.cache:
            return self.cache[x.shape].copy()
        y = self.cache[x.shape] = super().forward(x, training)
        return y
""",
        on=SIDE_BY_SIDE,
    ),
    "a replay": Attack(
        "returns the answer before the latest, whenever it has the right shape",
        """
class BatchNorm(BatchNorm):
    latest = np.zeros(0)

    def forward(self, x, training=True):
        earlier, BatchNorm.latest = BatchNorm.latest, super().forward(x, training)
        return (earlier if earlier.shape == x.shape else BatchNorm.latest).copy()
""",
    ),
    "a change of mind": Attack(
        "is right when it returns, and writes the next answer into the same memory",
        """
class BatchNorm(BatchNorm):
    buffers = {}

    def forward(self, x, training=True):
        y = super().forward(x, training)
        buffer = self.buffers.setdefault((x.shape, str(x.dtype)), np.empty(x.shape, y.dtype))
        buffer[...] = y
        return buffer
""",
        on=RIGHT,
        words="belongs to the caller",
    ),
    "a thread": Attack(
        "has a thread that keeps writing to the latest x and y while they are read",
        """
import threading, time

class BatchNorm(BatchNorm):
    hands = []

    def forward(self, x, training=True):
        y = super().forward(x, training)
        self.hands[:] = [x, y]
        return y

def fiddle():
    while True:
        for array in list(BatchNorm.hands):
            array += 1
        time.sleep(1e-5)

threading.Thread(target=fiddle, daemon=True).start()
""",
        on=RIGHT,
    ),
    "refusals": Attack(
        "refuses everything once its convention is measured",
        """
class BatchNorm(BatchNorm):
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls > 60:
            raise NotImplementedError("not offered")
        return super().forward(x, training)
""",
    ),
    "refusals of what would show it": Attack(
        "compares its answer with the right one and refuses where they differ",
        """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y, right = super().forward(x, training), Right.forward(self, x, training)
        if not np.allclose(y, right, rtol=1e-6, atol=1e-6):
            raise NotImplementedError("not offered")
        return y
""",
        on=SIDE_BY_SIDE,
        verdict="inconclusive",
    ),
}
"""Being right at times: the laws ask the whole run through, and compare with the convention that was measured."""
