"""What a property is being asked about right now: the subject, the dtype, and the count of what its cases could show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from bnspec.convention import TORCH, Convention
from bnspec.plugs.subject import Subject
from bnspec.properties.budget import Clock, Patience


class Declined(Exception):
    """The subject offers no case at all that this property could ask: a missing capability, never a failure."""


class Refused(Exception):
    """The subject does not offer this one case, and said so loudly; other cases of the property it may."""


@dataclass
class Tally:
    """Counts over the examples of one property and dtype.

    examples      cases asked
    informative   cases that could have told right from wrong
    declined      cases that the implementation does not offer
    unasked       cases dropped because the budget of restarts was spent
    worst_ratio   largest error seen, in units of its bound;  ratio: the same of the current example
    worst         what was seen there, in the deep profile;  climb: after how many cases it became how large
    why           what the implementation said when it declined
    told          the current example could have told right from wrong
    cut           the run was out of time before all cases were asked
    grade         what the answers to the fixed cases are worth, by accuracy; "" where these were not asked
    about         which mistakes the failure is about, where that is told more narrowly than by its law
    failure       the latest failure;  latest: what the latest case came to, the failure itself or words
    """

    examples: int = 0
    informative: int = 0
    declined: int = 0
    unasked: int = 0
    worst_ratio: float = 0.0
    ratio: float = 0.0
    worst: object = None
    climb: list[tuple[int, float]] = field(default_factory=list)
    why: str = ""
    told: bool = False
    cut: bool = False
    grade: str = ""
    about: tuple[str, ...] = ()
    failure: BaseException | None = None
    latest: BaseException | str = ""


@dataclass
class Stage:
    """The subject and dtype of the running property; without a subject (strategies tried by hand) the defaults.

    patience   how long its failure may be made smaller;  clock: when the run must end
    golden     how many of the fixed cases are asked; None: all
    campaign   that a law fails is enough to know
    deep       the worst case is kept
    part       (k, n): of cases that are all listed, every n-th is asked, beginning with the k-th; None: all
    """

    subject: Subject | None = None
    dtype: str = "float32"
    tally: Tally = field(default_factory=Tally)
    patience: Patience = field(default_factory=Patience)
    clock: Clock = field(default_factory=Clock)
    golden: int | None = None
    campaign: bool = False
    deep: bool = False
    part: tuple[int, int] | None = None

    @property
    def convention(self) -> Convention:
        """The subject's convention."""
        return TORCH if self.subject is None else self.subject.convention


_STAGE: ContextVar[Stage | None] = ContextVar("stage", default=None)


def current() -> Stage:
    """The stage of the running property; outside of one, a fresh stage without a subject."""
    return _STAGE.get() or Stage()


@contextmanager
def on_stage(stage: Stage) -> Iterator[Stage]:
    """Make `stage` the current one for a while."""
    token = _STAGE.set(stage)
    try:
        yield stage
    finally:
        _STAGE.reset(token)
