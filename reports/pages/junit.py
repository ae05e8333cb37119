"""JUnit XML, for the services that read it. It is red exactly where the verdict is not conformant."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from bnspec.reports.inert import clip, one_line
from bnspec.reports.pages.folding import Cause, Folded, folded
from bnspec.reports.pages.summary import Chapter, chapters
from bnspec.reports.record import Record, Row
from bnspec.reports.verdict import title_of

ELEMENTS = {"fail": "failure", "error": "error", "crash": "error", "timeout": "error", "flaky": "error"}
"""Which element says that a required law does not hold; every other status but pass is skipped, never silent."""


def render(record: Record) -> str:
    """One test suite a chapter and one for the verdict, so that a run that proved nothing is not green either.

    A recommended law that does not hold, and a known deviation, are skipped with the failure as their message: they do not decide.
    """
    root = Element("testsuites", name=one_line(record.target), time=f"{record.seconds:.3f}")
    told = folded(record)
    for chapter in chapters(record):
        root.append(_suite(chapter, told))
    root.append(_verdict(record, told))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(chapter: Chapter, told: Folded) -> Element:
    suite = Element("testsuite", name=one_line(chapter.name), time=f"{sum(row.seconds for row in chapter.rows):.3f}")
    for row in chapter.rows:
        case = SubElement(suite, "testcase", name=f"{row.property}[{row.dtype}]", classname=f"bnspec.{one_line(chapter.name)}")
        case.set("time", f"{row.seconds:.3f}")
        if row.status != "pass":
            _explain(case, row, told.cause_of(row))
    return _counted(suite)


def _explain(case: Element, row: Row, cause: Cause | None) -> None:
    known = "known deviation: " if row.expected else ""
    advice = "recommended: " if row.level == "recommended" else ""
    element = "skipped" if known or advice else ELEMENTS.get(row.status, "skipped")
    words = row.counterexample.message if row.counterexample else row.reason
    why = f"{one_line(cause.named)}; " if cause else ""
    message = f"{known}{advice}{row.status}: {why}{one_line(words) or one_line(title_of(row))}"
    text = clip("\n\n".join([title_of(row), *([_in_full(cause)] if cause else []), words]))
    SubElement(case, element, message=message, type=row.status).text = text


def _in_full(cause: Cause) -> str:
    facts = [f"{word}: {text}" for word, text in cause.facts]
    return "\n".join(filter(None, [cause.heading, cause.text, *facts]))


def _verdict(record: Record, told: Folded) -> Element:
    suite = Element("testsuite", name="verdict", time="0.000")
    case = SubElement(suite, "testcase", name="conformant", classname="bnspec.verdict", time="0.000")
    if record.verdict != "conformant" and record.expectations != "met":
        element = "failure" if record.verdict == "nonconformant" else "error"
        causes = one_line("; ".join(cause.named for cause in told.causes))
        message = f"{record.verdict}: {one_line(record.reason)}{f'; {causes}' if causes else ''}"
        SubElement(case, element, message=message, type=record.verdict).text = clip("\n\n".join(map(_in_full, told.causes)))
    SubElement(case, "system-out").text = clip(f"scope: {', '.join(record.scope)}; {record.reason}")
    return _counted(suite)


def _counted(suite: Element) -> Element:
    for count, path in (("tests", "testcase"), ("failures", ".//failure"), ("errors", ".//error"), ("skipped", ".//skipped")):
        suite.set(count, str(len(suite.findall(path))))
    return suite
