"""One run of the properties against one implementation: opens it, measures its convention, asks, and turns results into rows."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Generator, Sequence
from functools import wraps
from pathlib import Path
from reprlib import repr as shortened
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import reject, seed, settings, target

from bnspec.convention import NAMED, BadConvention, Convention
from bnspec.plugs.link import BudgetSpent, Fault, open_link
from bnspec.plugs.probe import Measured, measure
from bnspec.plugs.subject import Subject
from bnspec.properties import judge
from bnspec.properties.blocks import Block, blocks_of, share_of
from bnspec.properties.budget import GOLDEN, Clock, Patience, affordable, pace_of, reduced
from bnspec.properties.drawing import Remembered, only_from_the_seed, settings_of
from bnspec.properties.laws import CHAPTERS, DEEP_CHAPTERS, Law
from bnspec.properties.order import UNFIXED, golden_first, in_rounds, kindred_first
from bnspec.properties.outcomes import settle
from bnspec.properties.rows import Row
from bnspec.properties.stage import Declined, Refused, Stage, current, on_stage
from bnspec.reading import Unreadable, read_toml, short_lines

PATIENCE = 20
"""Cases that are declined before a property is given up as not offered; Hypothesis would go on to ten times its examples."""

NAMED_CHOICES = ("momentum_weighs", "running_var", "debias", "channel_axis")
"""What the name of a convention declares. Defaults, edge cases and what is offered are measured all the same."""

MOST_AXES = 8
"""Axes of an input that can be declared; more only cost time, and at some number NumPy ends."""

ENOUGH = 2
"""Properties that must fail for a campaign to call an implementation wrong and go on to the next."""


def declared_choices(option: str | None, adapter_toml: str) -> dict[str, Any]:
    """What is declared: by --bn-convention (a name, or a TOML file), else by the adapter itself; the rest is measured.

    A name stands for how statistics are averaged and where the channels are; the rest is seen by asking.
    """
    if option in NAMED:
        return {name: choice for name, choice in NAMED[option].to_mapping().items() if name in NAMED_CHOICES}
    path = Path(option or "")
    if option is not None and not path.is_file():
        raise BadConvention(f"--convention takes a TOML file or one of {', '.join(NAMED)}; there is no file {option}")
    try:
        text = short_lines(adapter_toml) if option is None else read_toml(path)
    except Unreadable as trouble:
        raise BadConvention(f"--convention takes a TOML file; {option or 'what the adapter declares'} {trouble}") from None
    _possible(Convention.from_toml(text))  # raises BadConvention
    return tomllib.loads(text)


def _possible(convention: Convention) -> None:
    """Raise `BadConvention` where no case could be made for the ranks and the channel axis that are declared."""
    lowest, highest = min(convention.ranks), max(convention.ranks)
    if highest > MOST_AXES:
        raise BadConvention(f"ranks must be {MOST_AXES} or less; got {shortened(highest)}")
    if not -lowest <= convention.channel_axis < lowest:
        axis = shortened(convention.channel_axis)
        raise BadConvention(
            f"channel_axis {axis} is no axis of an input of rank {shortened(lowest)}; declare the ranks that have it"
        )


def open_session(
    target: str,
    *,
    dtypes: Sequence[str],
    examples: int,
    seed: int = 0,
    convention: str | None = None,
    timeout: float = 10.0,
    in_process: bool = False,
    campaign: bool = False,
    max_seconds: float | None = None,
    database: str | None = None,
    deep: bool = False,
) -> Session:
    """Open `target`, measure what it does not declare, and be ready to ask it.

    Raises `Fault` where the target cannot be loaded or started, and `BadConvention` for a declaration that is none.
    """
    clock = Clock(max_seconds)
    remembered = None if database is None else Remembered(target, database)
    subject, measured = open_subject(target, dtypes, convention=convention, timeout=timeout, in_process=in_process)
    return Session(subject, measured, examples=examples, seed=seed, campaign=campaign, clock=clock, database=remembered, deep=deep)


def open_subject(
    target: str, dtypes: Sequence[str], *, convention: str | None = None, timeout: float = 10.0, in_process: bool = False
) -> tuple[Subject, Measured]:
    """Open `target` and measure what it does not declare. Raises as `open_session` does."""
    link = open_link(target, in_process=in_process, timeout=timeout)
    try:
        subject = Subject(link)
        declared = declared_choices(convention, link.started.text("convention"))
        subject.declared = declared
        return subject, measure(subject, declared, dtypes)
    except BaseException:
        link.close()
        raise


class Session:
    """One run: a pytest plug-in, registered under the name `bnspec-session`, that holds the subject and the rows.

    examples   cases a property, before its own share and before what a slow implementation affords
    campaign   for measuring the suite: nothing is shrunk, and the second property that fails ends the run
    database   what failed in earlier runs, to be asked first
    enough     properties that must fail to end a campaign; 0: all are asked
    known      whether a row is known to fail: then its failure is not made smaller
    golden     how many of the fixed cases are asked; None: all
    deep       also the laws of the deep profile are asked, and of every law the worst case is kept
    afforded   cases a property, where that has been settled elsewhere
    block      which block of each law's cases is asked; None: all cases, from one seed
    stays_open whether the subject is left open at the end
    """

    def __init__(
        self,
        subject: Subject,
        measured: Measured,
        *,
        examples: int,
        seed: int = 0,
        campaign: bool = False,
        clock: Clock | None = None,
        database: Remembered | None = None,
        deep: bool = False,
        stays_open: bool = False,
    ) -> None:
        self.subject = subject
        self.measured = measured
        self.examples = examples
        self.seed = seed
        self.campaign = campaign
        self.clock = clock or Clock()
        self.pace = pace_of(subject.times)
        self.golden: int | None = None
        self.deep = deep
        self.afforded: int | None = None
        self.block: int | None = None
        self.database = database
        self.stays_open = stays_open
        self.enough = ENOUGH
        self.known: Callable[[Row], bool] = lambda row: False
        self.rows: dict[str, Row] = {}
        self._stages: dict[str, Stage] = {}
        self._began: dict[str, float] = {}

    @property
    def dtypes(self) -> list[str]:
        """The dtypes asked for, offered or not."""
        return list(self.measured.dtypes)

    def stage(self, item: pytest.Item) -> Stage:
        """The stage of a row, made when first asked for."""
        if item.nodeid not in self._stages:
            patience = Patience(0.0) if self.known(self.rows[item.nodeid]) else Patience()
            stage = Stage(self.subject, _dtype(item), patience=patience, clock=self.clock, golden=self.golden, deep=self.deep)
            stage.campaign = self.campaign
            stage.part = None if self.block is None or (law := _law(item)) is None else (self.block, law.parts)
            self._stages[item.nodeid] = stage
        return self._stages[item.nodeid]

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Give each property its number of cases and its counting, once, and announce the plan."""
        items[:] = [item for item in items if (law := _law(item)) is None or self._asks(law, _dtype(item))]
        items.sort(key=self._place)
        if self.campaign:
            early = [CHAPTERS.index(chapter) for chapter in UNFIXED]
            items[:] = golden_first(sorted(in_rounds(items, self._place, early), key=_is_advice), _law)
        if self.afforded is None:
            self.afforded = affordable(self.examples, len({_law(item) for item in items}), self.pace)
        if slow := reduced(self.examples, self.afforded, self.pace):
            self.measured.warnings[:] = [*(said for said in self.measured.warnings if said != slow), slow]
            self.golden = GOLDEN * self.afforded
        for item in items:
            law = _law(item)
            if law is not None:
                self._prepare(item.function, law, self.afforded)  # type: ignore[attr-defined]
                self.rows[item.nodeid] = _row(law, _dtype(item))
        config.hook.pytest_bnspec_plan(subject=self.subject, rows=list(self.rows.values()))

    def _asks(self, law: Law, dtype: str) -> bool:
        return dtype in self.dtypes and (self.deep or law.chapter not in DEEP_CHAPTERS)

    def _prepare(self, function: Callable[..., Any], law: Law, examples: int) -> None:
        """Settings, seed and counting for a property, once: all its dtypes share the function."""
        inner = function.hypothesis.inner_test  # type: ignore[attr-defined]
        if hasattr(inner, "counted"):
            return
        block = self._block(law, examples)
        function.hypothesis.inner_test = _counted(inner, guided=block.guided)  # type: ignore[attr-defined]
        seed(block.seed(self.seed, law))(function)
        common = settings_of(campaign=self.campaign, database=self.database, guided=block.guided, reuse=block.number == 0)
        settings(common, max_examples=block.cases)(function)

    def _block(self, law: Law, examples: int) -> Block:
        """The cases of a law that are asked here."""
        if self.block is None:
            return Block(0, share_of(law, examples))
        return blocks_of(law, examples, deep=self.deep)[self.block]

    def _place(self, item: pytest.Item) -> tuple[int, int]:
        """Dtype by dtype, chapter by chapter; within a chapter as written."""
        law = _law(item)
        return (0, 0) if law is None else (self.dtypes.index(_dtype(item)), (*CHAPTERS, *DEEP_CHAPTERS).index(law.chapter))

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Set the stage for a property, or skip it where it asks for what is not offered."""
        law = _law(pyfuncitem)
        if law is None:
            return (yield)
        stage = self.stage(pyfuncitem)
        missing = [part for part in law.scope if part not in self.subject.scope]
        why = self.measured.dtypes.get(stage.dtype) or (f"{', '.join(missing)} not offered" if missing else "")
        if why:
            pytest.skip(why)
        self.subject.link.renew()
        self.subject.groups = law.groups
        self._began[pyfuncitem.nodeid] = perf_counter()
        with on_stage(stage), only_from_the_seed():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turn what happened into the row."""
        report = yield
        row = self.rows.get(item.nodeid)
        if row is None or call.when != "call":
            return report
        now = perf_counter()
        row.seconds = now - self._began.get(item.nodeid, now)
        error = None if call.excinfo is None else call.excinfo.value
        if isinstance(error, KeyboardInterrupt):
            return report
        settle(row, self.stage(item).tally, error)
        if row.status in ("vacuous", "not-run") and report.passed:
            report.outcome, report.longrepr = "failed", row.reason
        item.config.hook.pytest_bnspec_row(row=row)
        if self.campaign and self.enough and row.is_wrong():
            self._wrong(item, row)
        return report

    def _wrong(self, item: pytest.Item, row: Row) -> None:
        """In a campaign, end the run or seek the next witness; the item after this one is settled, pytest prepares for it."""
        if len({one.property for one in self.rows.values() if one.is_wrong()}) >= self.enough:
            item.session.shouldfail = f"{self.enough} properties failed"
            return
        items = item.session.items
        settled = items.index(item) + 2
        about = self.stage(item).tally.about or row.against
        items[settled:] = golden_first(kindred_first(items[settled:], about, _against), _law)

    def pytest_unconfigure(self) -> None:
        """Let the implementation go, unless another session is to ask it next."""
        if not self.stays_open:
            self.subject.link.close()


def _law(item: pytest.Item) -> Law | None:
    return getattr(getattr(item, "function", None), "law", None)


def _is_advice(item: pytest.Item) -> bool:
    """Whether a law decides nothing: a campaign asks it after all that do."""
    law = _law(item)
    return law is not None and law.level == "recommended"


def _against(item: pytest.Item) -> tuple[str, ...]:
    law = _law(item)
    return () if law is None else law.against


def _dtype(item: pytest.Item) -> str:
    return str(item.callspec.params["bn"])  # type: ignore[attr-defined]


def _row(law: Law, dtype: str) -> Row:
    return Row(law.name, law.chapter, dtype, law.level, law.title, law.text, list(law.scope), list(law.against))


def _decline(stage: Stage, why: str) -> None:
    """This case is not offered. Where of `PATIENCE` cases hardly any is, the property counts as not offered."""
    tally = stage.tally
    tally.declined += 1
    tally.why = why
    if tally.declined >= PATIENCE and tally.declined > 9 * (tally.examples + 1 - tally.declined):
        pytest.skip(why)
    reject()


def _counted(inner: Callable[..., None], *, guided: bool) -> Callable[..., None]:
    """An example: one more in the tally, if there is time for it and its failure may still be made smaller.

    `guided`: its ratio of error to bound tells Hypothesis where to look on.
    """

    @wraps(inner)
    def example(*args: Any, bn: Subject, **drawn: Any) -> None:
        stage = current()
        if stage.clock.is_over and not stage.patience.is_tried:
            stage.tally.cut = True
            pytest.skip("out of time")
        if not stage.patience.allows(drawn, hurry=stage.clock.is_over):
            reject()
        bn.begin()
        stage.tally.told, stage.tally.ratio = False, 0.0
        try:
            stage.tally.latest = "it was declined"
            _answered(stage, inner, *args, bn=bn, **drawn)
            stage.tally.latest = "the law held"
            if guided and stage.tally.ratio:
                target(stage.tally.ratio)
        except (Fault, AssertionError) as failure:
            stage.tally.failure = stage.tally.latest = failure
            stage.patience.failed()
            raise
        finally:
            stage.tally.examples += 1
            stage.tally.informative += stage.tally.told

    example.counted = True  # type: ignore[attr-defined]
    return example


def _answered(stage: Stage, inner: Callable[..., None], *args: Any, bn: Subject, **drawn: Any) -> None:
    """Ask the law; what is not offered is no example."""
    try:
        with np.errstate(all="ignore"):  # numbers that are none come from the judged, and are judged
            inner(*args, bn=bn, **drawn)
    except Declined as why:
        stage.tally.declined += 1
        pytest.skip(str(why))
    except Refused as why:
        _decline(stage, str(why))
    except BudgetSpent:
        stage.tally.unasked += 1
        reject()
    except Fault as fault:
        if fault.status != "unsupported":
            raise
        if fault.op in ("forward", "backward") and bn.refuses_values():
            judge.reject(fault.op, None, f"these values are refused, and others of the same shape are not: {fault.text}")
        _decline(stage, fault.text)
