"""Failures under their causes: the cause is said first, what it explains is folded under it, and nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from sample_records import nonconformant
from test_pages import Tags
from test_terminal import on_terminal

from bnspec.reference.bugs.catalogue import BUGS
from bnspec.reports.inert import clean
from bnspec.reports.pages import html, index, junit, markdown
from bnspec.reports.pages.folding import folded
from bnspec.reports.record import Candidate, Diagnosis, Record
from bnspec.reports.verdict import FAILING

(NAMED,) = nonconformant().diagnoses
"""What the sample has: one bug, named, which explains one of five failing laws."""

VARIANCE = "running_variance_follows_its_convention"

UNKNOWN = Diagnosis(
    bug=None,
    components=["running_var"],
    confident=False,
    explains=[VARIANCE],
    text="running_var is 0.91 of what it should be, whatever gamma is",
    where="only with 3 values a channel",
)


def changed(diagnosis: Diagnosis = NAMED, **changes: Any) -> Diagnosis:
    return msgspec.structs.replace(diagnosis, **changes)


def with_causes(*diagnoses: Diagnosis) -> Record:
    return nonconformant(diagnoses=list(diagnoses))


def tied() -> Diagnosis:
    alike = [Candidate(bug=slug, agrees=40, of=40) for slug in ("dx-no-stat-terms", "dx-missing-mean-term")]
    return changed(confident=False, agrees=40, of=40, candidates=alike)


def everything() -> Diagnosis:
    return changed(explains=sorted({row.property for row in nonconformant().results if row.status in FAILING}))


CAUSES = {"named": NAMED, "tied": tied(), "unknown": UNKNOWN, "everything": everything()}

EACH = pytest.mark.parametrize("diagnosis", CAUSES.values(), ids=list(CAUSES))


@EACH
def test_every_failure_is_shown_once_under_its_cause_or_beside(diagnosis: Diagnosis) -> None:
    told = folded(with_causes(diagnosis))
    under = [finding for cause in told.causes for finding in cause.found if cause.kind != "unknown"]
    every = {row.property for row in nonconformant().results if row.status in FAILING}
    assert sorted(finding.row.property for finding in under + told.rest) == sorted(every)


def test_what_two_causes_explain_is_under_the_first() -> None:
    second = changed(bug="rv-biased", explains=[*NAMED.explains, VARIANCE], candidates=[])
    first, other = folded(with_causes(NAMED, second)).causes
    assert [finding.row.property for finding in first.found] == NAMED.explains
    assert [finding.row.property for finding in other.found] == [VARIANCE]
    assert other.counted == "2 of 5 required laws that fail"


def test_named_causes_come_before_the_unknown() -> None:
    assert [cause.kind for cause in folded(with_causes(UNKNOWN, tied(), NAMED)).causes] == ["named", "candidates", "unknown"]


def test_the_runner_up_is_the_best_of_the_other_bugs() -> None:
    forms = [Candidate(bug=name, agrees=n, of=214) for name, n in (("dx-missing-mean-term:form", 200), ("a", 12), ("b", 90))]
    (cause,) = folded(with_causes(changed(candidates=forms))).causes
    assert cause.standing == "agrees on 214 of 214 observations; next best 90"
    assert folded(with_causes(changed(candidates=[]))).causes[0].standing == "agrees on 214 of 214 observations"


def test_a_name_that_the_catalogue_does_not_have_is_shown_as_it_is() -> None:
    (cause,) = folded(with_causes(changed(bug="dx-of-tomorrow"))).causes
    assert cause.bug is None
    assert cause.heading == f"Most likely: {NAMED.text} (dx-of-tomorrow)"


def test_one_mistake_is_one_screen_and_comes_first() -> None:
    shown = on_terminal(with_causes(everything()))
    lines = shown.splitlines()
    assert len(lines) <= 28
    assert lines[3] == "Most likely: dx lacks what goes through the mean (dx-missing-mean-term)"
    assert lines[4] == "   agrees on 214 of 214 observations; next best 31"
    for label in ("effect", "where", "wrong", "right", "repair", "explains", "smallest", "more"):
        assert re.search(rf"^   {label} +\S", shown, re.MULTILINE), label
    assert "5 of 5 required laws that fail" in shown
    assert "failure 2: dx[0, 0]: got 0.5, wanted 5e-6" in shown
    assert "not explain" not in shown
    assert "failed checks: statistics 1 of 4" in shown


def test_what_a_cause_does_not_explain_follows_in_full() -> None:
    shown = on_terminal(nonconformant())
    cause, rest = shown.split("What this does not explain:")
    assert "dx[0, 0]: got 0.5, wanted 5e-6" in cause
    assert "dx[0, 0]" not in rest
    assert re.findall(r"^(\d)\. (\w+)", rest, re.MULTILINE) == [("1", "fail"), ("4", "crash"), ("5", "error")]


def test_an_unknown_mistake_is_described_and_its_failures_are_shown_in_full() -> None:
    shown = on_terminal(with_causes(UNKNOWN))
    assert "A cause that bnspec cannot name:\n   running_var is 0.91 of what it should be" in shown
    assert "where     only with 3 values a channel" in shown
    assert "\nWhat does not hold:\n" in shown
    assert "1. fail, float32: The running variance" in shown


def test_a_change_that_is_no_pair_of_formulas_is_shown_as_it_is() -> None:
    (cause,) = folded(with_causes(changed(change="take gamma out", where=""))).causes
    assert [word for word, _ in cause.facts] == ["effect", "change", "repair"]


def test_candidates_are_called_candidates() -> None:
    shown = on_terminal(with_causes(tied()))
    assert "One of these, which answer alike in all that was asked:" in shown
    assert "dx-no-stat-terms: the batch's mean and variance are treated as constants" in shown
    assert "Most likely" not in shown
    doubtful = changed(tied(), candidates=[Candidate(bug="dx-no-stat-terms", agrees=30, of=40)])
    assert "Not certain. The nearest known bugs:" in on_terminal(with_causes(doubtful))


def test_two_mistakes_are_numbered() -> None:
    shown = on_terminal(with_causes(NAMED, UNKNOWN))
    assert "Mistake 1. Most likely: dx lacks" in shown
    assert "Mistake 2. A cause that bnspec cannot name:" in shown


def test_of_many_causes_three_are_shown_and_the_others_named() -> None:
    more = [
        changed(bug=slug, explains=[], candidates=[]) for slug in ("rv-biased", "dbeta-with-gamma", "fwd-eps-fixed", "rs-of-output")
    ]
    shown = on_terminal(with_causes(NAMED, *more))
    assert "Mistake 3. Most likely: dbeta multiplies by gamma" in shown
    assert "2 more mistakes: a constant 1e-5 stands where the argument should; the averages" in shown


@EACH
def test_the_terminal_stays_inert_and_within_its_width(diagnosis: Diagnosis) -> None:
    shown = on_terminal(with_causes(diagnosis))
    assert clean(shown) == shown
    assert max(map(len, shown.splitlines())) <= 80


@EACH
@pytest.mark.parametrize("render", [html.render, markdown.render], ids=["html", "markdown"])
def test_pages_say_cause_before_failures_and_lose_none(diagnosis: Diagnosis, render: Any) -> None:
    record = with_causes(diagnosis)
    page = Tags(render(record)).text if render is html.render else render(record).replace("\\", "")
    assert page.index("The cause") < page.index("Convention")
    for words in (diagnosis.consequence, diagnosis.repair, diagnosis.where):
        assert words in page
    assert {row.title for row in record.results if row.status in FAILING} <= {
        row.title for row in record.results if row.title in page
    }


def test_html_folds_what_a_cause_explains_and_tells_its_story() -> None:
    page = html.render(with_causes(everything()))
    tags = Tags(page)
    assert tags.open == []
    assert page.count('<details id="failure-') == 6
    assert "6 failing laws under this cause" in tags.text
    cause = folded(with_causes(everything())).causes[0]
    assert cause.bug is not None
    for words in (*cause.bug.story.sentences, cause.bug.story.code):
        assert words in tags.text


def test_html_tells_the_story_of_each_candidate() -> None:
    text = Tags(html.render(with_causes(tied()))).text
    for slug in ("dx-no-stat-terms", "dx-missing-mean-term"):
        assert f"{slug}: how one comes to write this" in text
        assert BUGS[slug].story.tempting in text


def test_markdown_tells_the_story_and_lists_what_is_folded() -> None:
    page = markdown.render(with_causes(everything())).replace("\\", "")
    assert "drawn as a graph the third one is a thin arrow" in page
    assert "- The running variance moves by its convention: fail 1, float32: `running_var[0]: got 1, wanted 1.1" in page


def test_junit_says_the_cause_in_the_message_of_each_failure_and_of_the_verdict() -> None:
    root = ElementTree.fromstring(junit.render(nonconformant()))
    said = {case.get("name"): [child.get("message", "") for child in case] for case in root.iter("testcase")}
    assert said["dx_is_the_derivative_of_the_training_loss[float32]"][0].startswith(
        "fail: most likely dx-missing-mean-term; dx[0, 0] is"
    )
    assert "most likely" not in said[f"{VARIANCE}[float32]"][0]
    assert said["conformant"][0].endswith("; most likely dx-missing-mean-term")
    (told,) = [
        child.text for case in root.iter("testcase") if case.get("name") == "conformant" for child in case if child.get("type")
    ]
    assert told is not None
    assert "Most likely: dx lacks what goes through the mean" in told


def test_the_index_names_causes(tmp_path: Path) -> None:
    index.write([nonconformant(), with_causes(UNKNOWN), with_causes(tied()), with_causes()], tmp_path)
    page = Tags((tmp_path / "index.html").read_text()).text
    for words in ("most likely dx-missing-mean-term", "a cause without a name", "maybe dx-no-stat-terms or dx-missing-mean-term"):
        assert words in page


def test_a_wrong_number_is_shown_before_a_smaller_case_of_nan() -> None:
    number = next(row for row in nonconformant().results if row.counterexample and isinstance(row.counterexample.got, float))
    assert number.counterexample is not None
    smaller = msgspec.structs.replace(number.counterexample, got="nan", trace=number.counterexample.trace[:2])
    nan = msgspec.structs.replace(number, property="a_smaller_case", counterexample=smaller)
    explained = changed(explains=[nan.property, number.property])
    record = msgspec.structs.replace(with_causes(explained), results=[nan, number])
    smallest = folded(record).causes[0].smallest
    assert smallest is not None
    assert smallest.row.property == number.property
