"""Asks units in this process, one after the other. A target stays open from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bnspec.cli.interruption import interruptions
from bnspec.cli.rows import recorded
from bnspec.cli.runner import BEFORE_THE_FIRST, Options, ask, environment, prepare, record_of, unasked
from bnspec.cli.selection import Selection
from bnspec.cli.units import Done, Known, Message, Opened, Opening, Task, Unit
from bnspec.convention import BadConvention
from bnspec.plugs.link import Fault
from bnspec.plugs.probe import Measured
from bnspec.plugs.subject import Subject
from bnspec.properties.budget import Clock
from bnspec.properties.catalogue import all_laws, deep_laws
from bnspec.properties.drawing import Remembered
from bnspec.properties.session import Session, open_subject

if TYPE_CHECKING:
    from bnspec.properties import rows

Tell = Callable[[Message], None]


class Asker:
    """What answers tasks: it tells messages, the last of them `Opened` or `Done`."""

    def __init__(self) -> None:
        self.interrupted = False
        self._open: tuple[Subject, Measured] | None = None
        self._key: Any = None

    def answer(self, task: Task, tell: Tell) -> None:
        """Do what the task says."""
        if isinstance(task, Opening):
            tell(self._opening(task))
        else:
            tell(self._unit(task, tell))

    def close(self) -> None:
        """Let the target go."""
        if self._open is not None:
            self._open[0].link.close()
        self._open = self._key = None

    def _opening(self, task: Opening) -> Opened:
        plan = _PlanOnly()
        try:
            with interruptions(raising=True):
                session = self._session(task.target, task.options)
                ask(task.target, session, [Selection(task.options.only, task.options.skip), plan])
        except (Fault, BadConvention) as trouble:
            why, status = (trouble.text, trouble.status) if isinstance(trouble, Fault) else (str(trouble), "error")
            return Opened(msgspec.structs.replace(unasked(task.target, task.options, why), opening=status), [])
        except KeyboardInterrupt:
            return Opened(unasked(task.target, task.options, BEFORE_THE_FIRST), [])
        found = record_of(task.target, task.options, session)
        return Opened(msgspec.structs.replace(found, results=[]), found.results, session.afforded or 0, session.pace)

    def _unit(self, unit: Unit, tell: Tell) -> Done:
        if other := _difference(unit.environment, environment()):
            return Done(trouble=f"what this worker has installed is not what the target was opened with: {other}")
        chapters = {law.chapter for law in (*all_laws(), *deep_laws()) if law.name in unit.properties}
        try:
            with interruptions(raising=True) as interruption:
                session = self._session(unit.target, unit.options)
                session.afforded, session.block = unit.examples, unit.block
                plugins: Sequence[object] = [Selection(unit.properties, dtype=unit.dtype), interruption, _Teller(tell, unit.block)]
                ask(unit.target, session, plugins, chapters)
        except (Fault, BadConvention) as trouble:
            return Done(trouble=f"the target, which another process has opened, cannot be opened here: {trouble}")
        except KeyboardInterrupt:
            self.interrupted = True
            return Done(interrupted=True)
        lost = next((row.reason for row in session.rows.values() if row.status == "not-run"), "")
        return Done(interruption.came, lost)

    def _session(self, target: str, options: Options) -> Session:
        """A session with the target, which is opened unless it is open from the last time."""
        key = target, options.dtypes, options.convention, options.timeout, options.in_process
        if self._open is None or key != self._key:
            self.close()
            self._open = open_subject(
                target, options.dtypes, convention=options.convention, timeout=options.timeout, in_process=options.in_process
            )
            self._key = key
        subject, measured = self._open
        session = Session(
            subject,
            measured,
            examples=options.examples,
            seed=options.seed,
            campaign=options.campaign,
            clock=Clock(options.seconds),
            database=None if options.database is None else Remembered(target, options.database),
            deep=options.deep,
            stays_open=True,
        )
        prepare(session, target, options)
        return session


class _PlanOnly:
    """A pytest plug-in that leaves the plan and asks nothing."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.clear()


class _Teller:
    """A pytest plug-in that tells each row when it is known."""

    def __init__(self, tell: Tell, block: int | None) -> None:
        self._tell = tell
        self._block = block

    def pytest_bnspec_row(self, row: rows.Row) -> None:
        self._tell(Known(recorded(row), self._block))


def _difference(wanted: dict[str, str], found: dict[str, str]) -> str:
    """What is not the same, in words."""
    names = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    return ", ".join(f"{name} is {found.get(name, 'missing')} and was {wanted.get(name, 'missing')}" for name in names)
