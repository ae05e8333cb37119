"""`test_bn = bnspec.conformance(MyBatchNorm)`: the laws as tests of somebody's own suite, one for each law and dtype.

All that pytest has selected is asked together, when the first of it is run, in processes of our own; each test then says what
came of its law. So their pytest, with its plugins and its settings, and our Hypothesis stay apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

from bnspec.cli.answer import Answer
from bnspec.cli.inline import ask, expected, known_dtypes, said, several
from bnspec.cli.runner import Options
from bnspec.properties.catalogue import all_laws
from bnspec.properties.laws import Law
from bnspec.reports import expectations
from bnspec.reports.pages.examples import difference, in_words
from bnspec.reports.record import Record, Row
from bnspec.reports.verdict import FAILING, title_of

LIST = "the_list_of_known_deviations_is_right"
"""The test beside the laws: that no entry of `expect` is wrong or stale."""

Test = Callable[..., None]


def conformance(
    subject: Any = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    make: str | None = None,
    returns: str | Sequence[str] | None = None,
    layout: str | None = None,
    eps: float | None = None,
    variant: str | None = None,
    fixed_shape: str | Sequence[int] | None = None,
    profile: Literal["smoke", "standard", "deep"] = "smoke",
    seed: int = 0,
    dtypes: str | Sequence[str] = ("float32", "float64"),
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    convention: str | os.PathLike[str] | None = None,
    expect: str | os.PathLike[str] | Mapping[str, str] | None = None,
    recommended: bool = False,
    timeout: float = 10.0,
    max_seconds: float | None = None,
) -> Any:
    """A parametrized test function, one case for each law and dtype: test_bn = bnspec.conformance(MyBatchNorm).

    subject      what is asked, as for `bnspec.check`; left out, this is a decorator of a function that returns it
    expect       known deviations, a TOML file or {property: reason}: these laws are expected to fail; an entry that is wrong
                 or stale fails a test of its own
    recommended  whether recommended laws that do not hold fail too; otherwise they are expected failures with their reason
    the others   as for `bnspec.check`

    What is not offered is skipped, with the reason. Raises `ValueError` for an option that is none.
    """
    options = Options(
        profile=profile,
        seed=seed,
        dtypes=known_dtypes(dtypes),
        only=several(only),
        skip=several(skip),
        convention=None if convention is None else os.fspath(convention),
        timeout=timeout,
        max_seconds=max_seconds,
        expectations=None if expect is None else expected(expect),
    )
    words = said(arguments or {}, make=make, returns=returns, layout=layout, eps=eps, variant=variant, fixed_shape=fixed_shape)
    if subject is not None:
        return _test(Suite(lambda: subject, words, options, recommended))
    return lambda named: _test(Suite(named, words, options, recommended), named)


@dataclass(eq=False)
class Suite:
    """The laws of one implementation in somebody's tests, asked once.

    subject   gives what is asked, when it is wanted
    """

    subject: Callable[[], Any]
    words: Mapping[str, Any]
    options: Options
    recommended: bool
    answer: Answer | None = None
    rows: Mapping[tuple[str, str], Row] = field(default_factory=dict)

    def laws(self) -> list[Law]:
        """Those that are asked."""
        only, skip = {*self.options.only}, {*self.options.skip}
        named = [(law, {law.name, law.chapter}) for law in all_laws()]
        return [law for law, names in named if (not only or names & only) and not names & skip]

    def ask(self, wanted: Sequence[tuple[str, str]]) -> Record:
        """The record of these laws and dtypes, which are asked at the first call."""
        if self.answer is None:
            laws = tuple(dict.fromkeys(law for law, _ in wanted))
            dtypes = tuple(dtype for dtype in self.options.dtypes if any(dtype == one for _, one in wanted))
            try:
                self.answer = ask(self.subject(), self.words, replace(self.options, only=laws, dtypes=dtypes))
            except ValueError as trouble:
                pytest.fail(str(trouble), pytrace=False)
            self.rows = {(row.property, row.dtype): row for row in self.answer.record.results}
        return self.answer.record


def _test(suite: Suite, named: Callable[..., Any] | None = None) -> Test:
    """The test function of a suite."""
    laws = suite.laws()
    pairs = [(law, dtype) for dtype in suite.options.dtypes for law in laws if not law.dtypes or dtype in law.dtypes]
    cases = [pytest.param(law.name, dtype, id=f"{law.chapter}-{law.name}-{dtype}") for law, dtype in pairs]
    if suite.options.expectations is not None:
        cases.append(pytest.param(LIST, "", id=LIST))

    @pytest.mark.parametrize(("law", "dtype"), cases)
    def test(law: str, dtype: str, request: pytest.FixtureRequest) -> None:
        selected = [item.callspec.params for item in request.session.items if getattr(item, "function", None) is test]  # type: ignore[attr-defined]
        wanted = [(one["law"], one["dtype"]) for one in selected if one["law"] != LIST]
        if law == LIST:
            _compare(suite, wanted, len(pairs))
            return
        record = suite.ask(wanted)
        if (law, dtype) not in suite.rows:
            pytest.fail(record.reason, pytrace=False)
        _settle(suite, record, suite.rows[law, dtype])

    test.__doc__ = named.__doc__ if named is not None else "A law of Batch Normalization."
    return test


def _compare(suite: Suite, wanted: Sequence[tuple[str, str]], number: int) -> None:
    """Fail where the list of known deviations is to be edited; that is known only where all laws are asked."""
    known = suite.options.expectations
    if known is None or len(wanted) < number:
        pytest.skip("not all laws were asked")
    record = suite.ask(wanted)
    if edits := expectations.compared(record.results, expectations.about(known, record.target), record.environment)[1]:
        pytest.fail("\n".join(edits), pytrace=False)


def _settle(suite: Suite, record: Record, row: Row) -> None:
    """The outcome of a test from that of its row."""
    known = suite.options.expectations
    if row.expected and known is not None:
        pytest.xfail(expectations.reason_for(known, row, record.environment))
    advice = row.level == "recommended" and not suite.recommended
    if row.status in FAILING:
        if advice:
            pytest.xfail(f"recommended, not required: {row.reason}")
        pytest.fail(told(row, record), pytrace=False)
    if row.status == "unsupported" or (advice and row.status != "pass"):
        pytest.skip(row.reason)
    if row.status != "pass":
        pytest.fail(f"{title_of(row)} could not be decided ({row.status}): {row.reason}", pytrace=False)


def told(row: Row, record: Record) -> str:
    """What a failing test says: the law, the smallest counterexample, the cause where it has a name."""
    example = row.counterexample
    lines = [f"{title_of(row)} ({row.chapter}, {row.dtype}, {row.level}): {row.status}"]
    lines += [difference(example) or row.reason] if example else [row.reason]
    lines += [in_words(example)] if example else []
    for cause in record.diagnoses:
        if cause.bug and row.property in cause.explains:
            lines += [f"most likely: {cause.text}", cause.change, f"bnspec bugs {cause.bug} explains it"]
    return "\n".join(line for line in lines if line)
