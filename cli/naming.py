"""The causes of what fails, looked for when a check is over: its target is opened once more and asked a little further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from bnspec.cli.interruption import interruptions
from bnspec.convention import BadConvention
from bnspec.plugs.link import BudgetSpent, Fault, open_link
from bnspec.plugs.offers import pair_case, tried
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Subject
from bnspec.properties.outcomes import OUR_FAULT
from bnspec.properties.session import declared_choices
from bnspec.reports.record import Diagnosis, Record

if TYPE_CHECKING:
    from bnspec.cli.runner import Options, Outcome

LONGEST_ANSWER = 2.0
"""Seconds that one answer may take here, however long it may in a check."""

LONGEST_CALL = 0.08
"""Seconds that a call may take so that there is time for the hundred that naming needs at least."""

UNNAMED = "no cause was looked for: {}"
"""The warning where there are failures and no diagnosis."""


class TooSlow(Exception):
    """An implementation that there is no time to ask further."""


def diagnosed(outcome: Outcome, options: Options) -> Outcome:
    """The outcome with the causes of what fails in its record. Whatever happens while they are looked for, the record stays."""
    if outcome.interrupted or outcome.record.verdict != "nonconformant":
        return outcome
    try:
        with interruptions(raising=True):
            return _with(outcome, diagnoses=causes(outcome.record, options))
    except KeyboardInterrupt:
        return replace(_unnamed(outcome, "interrupted"), interrupted=True)
    except (Fault, BudgetSpent, BadConvention, TooSlow) as trouble:
        return _unnamed(outcome, str(trouble).partition("\n")[0])
    except Exception as ours:
        return _unnamed(outcome, OUR_FAULT.format(type(ours).__name__, ours))


def causes(record: Record, options: Options) -> Sequence[Diagnosis]:
    """The causes of what fails in a record, by asking its target. Raises `Fault`, `BudgetSpent` and `TooSlow`."""
    from bnspec.reports.diagnosis.diagnose import diagnose

    link = open_link(record.target, in_process=options.in_process, timeout=options.timeout)
    try:
        link.hasten(LONGEST_ANSWER)
        subject = Subject(link)
        subject.declared = declared_choices(options.convention, link.started.text("convention"))
        _hurried(subject, record)
        measure(subject, subject.declared, record.dtypes)
        link.renew()
        return diagnose(record, subject)
    finally:
        link.close()


def _hurried(subject: Subject, record: Record) -> None:
    """Raise `TooSlow` where two calls show that measuring alone would take too long."""
    for _ in range(2):
        tried(subject, pair_case(subject, record.dtypes[0]))
    if subject.times and (pace := min(subject.times)) > LONGEST_CALL:
        raise TooSlow(f"a call takes {pace:.2g} s, and it takes hundreds")


def _unnamed(outcome: Outcome, why: str) -> Outcome:
    return _with(outcome, warnings=[*outcome.record.warnings, UNNAMED.format(why)])


def _with(outcome: Outcome, **changes: Any) -> Outcome:
    return replace(outcome, record=msgspec.structs.replace(outcome.record, **changes))
