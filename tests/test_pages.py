"""The pages: all of a record is on them, none of an implementation's words can steer them, and they fit where they are read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from sample_records import NASTY, conformant, hostile, nonconformant

from bnspec.reports import directory
from bnspec.reports.pages import html, index, junit, markdown, summary, wording
from bnspec.reports.record import Record, load, save
from bnspec.reports.verdict import FAILING, judge_rows

RECORDS = [conformant(), nonconformant(), hostile()]
IDS = ["conformant", "nonconformant", "hostile"]


class Tags(HTMLParser):
    """Checks that elements nest, and keeps their names, addresses and text."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_html_nests_and_loads_nothing(record: Record) -> None:
    page = Tags(html.render(record))
    assert page.open == []
    assert not page.names & {"script", "link", "img", "iframe"}
    assert all(link.startswith(("#", "repro_")) for link in page.links)


@pytest.mark.parametrize("render", [html.render, markdown.render])
@pytest.mark.parametrize("record", RECORDS[:2], ids=IDS[:2])
def test_pages_tell_the_verdict_and_every_failure(record: Record, render: object) -> None:
    assert callable(render)
    page = render(record)
    text = Tags(page).text if page.startswith("<!") else page.replace("\\", "")
    for words in (record.target, record.reason, "channel axis 1", *record.bound, *record.warnings, record.environment["numpy"]):
        assert words in text
    for row in record.results:
        if row.status in FAILING:
            assert row.title in text
            assert not row.counterexample or row.counterexample.message in text
        if row.status not in FAILING and row.status != "pass":
            assert row.reason in text


def test_html_shows_every_law_with_its_counters() -> None:
    record = nonconformant()
    page = html.render(record)
    assert page.count('<th scope="row">float32</th>') == len(record.results) // 2
    assert {row.law.splitlines()[0] for row in record.results} <= {line for line in Tags(page).text.splitlines() if line}


def test_the_bars_are_logarithmic_with_the_bound_at_a_third() -> None:
    assert [wording.log_percent(ratio) for ratio in (0.0, 1e-3, 1.0, 1e6, float("inf"))] == [0, 0, 33.3, 100, 100]


def test_hostile_words_make_no_markdown_of_their_own() -> None:
    """Outside code fences no line of theirs begins a heading, a table or an HTML tag."""
    fence, outside = "", []
    for line in markdown.render(hostile()).splitlines():
        ticks = re.match("`{3,}", line)
        if ticks and (not fence or line == fence):
            fence = "" if fence else ticks[0]
        elif not fence:
            outside.append(re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"\\.", "", line)))
    assert fence == ""
    headings = [line for line in outside if line.startswith("#")]
    assert all(re.match(r"# : nonconformant|## (\d\. |The cause$|Cause \d$|The run$|Not decided)", line) for line in headings)
    assert not any("<" in line or "](" in line for line in outside)
    assert len({line.count("|") for line in outside if line.startswith("| ") and "·" not in line}) <= 3


def elements(record: Record) -> dict[str, list[str]]:
    """Test case name -> the elements in it that say it did not pass."""
    root = ElementTree.fromstring(junit.render(record))
    return {case.get("name", ""): [child.tag for child in case if child.tag != "system-out"] for case in root.iter("testcase")}


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_junit_counts_what_it_holds(record: Record) -> None:
    root = ElementTree.fromstring(junit.render(record))
    assert int(root.get("tests", "")) == len(record.results) + 1
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(root.get(name, "")) == sum(int(suite.get(name, "")) for suite in root) == len(list(root.iter(tag)))
    assert [suite.get("name") for suite in root][-1] == "verdict"
    assert len(root) == len(summary.chapters(record)) + 1


@pytest.mark.parametrize("level", ["required", "recommended"])
@pytest.mark.parametrize("expected", [False, True])
def test_no_status_but_pass_looks_like_one(level: str, expected: bool) -> None:
    decides = level == "required" and not expected
    wanted = dict.fromkeys(("error", "crash", "timeout", "flaky"), "error" if decides else "skipped")
    wanted |= {"fail": "failure" if decides else "skipped"}
    wanted |= dict.fromkeys(("unsupported", "vacuous", "cut", "not-run"), "skipped")
    row = conformant().results[0]
    for status, element in wanted.items():
        changed = msgspec.structs.replace(row, status=status, level=level, expected=expected)
        found = elements(msgspec.structs.replace(conformant(), results=[changed]))
        assert found[f"{row.property}[float32]"] == [element]
    assert elements(conformant())[f"{row.property}[float32]"] == []


@pytest.mark.parametrize(
    ("status", "element"), [("pass", []), ("fail", ["failure"]), ("cut", ["error"]), ("unsupported", ["error"])]
)
def test_junit_is_red_exactly_where_the_verdict_is_not_conformant(status: str, element: list[str]) -> None:
    rows = [msgspec.structs.replace(row, status=status, level="required") for row in conformant().results]
    verdict, scope, reason = judge_rows(rows)
    record = msgspec.structs.replace(conformant(), results=rows, verdict=verdict, scope=scope, reason=reason)
    assert elements(record)["conformant"] == element


def test_junit_of_a_conformant_record_with_missed_advice_is_green() -> None:
    found = elements(conformant())
    assert found["power_of_two_scaling_changes_no_bit[float32]"] == ["skipped"]
    assert not any({"failure", "error"} & set(tags) for tags in found.values())


def test_a_directory_holds_everything_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    written = directory.write(nonconformant(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    assert [path.name for path in written[:4]] == ["report.json", "junit.xml", "report.md", "report.html"]
    (record,) = load(tmp_path / "report.json")
    for link in Tags((tmp_path / "report.html").read_text()).links:
        assert link.startswith("#") or (tmp_path / link).exists()
    assert (tmp_path / "report.html").read_text() == html.render(record)
    assert (tmp_path / "report.md").read_text() == markdown.render(record)


@pytest.mark.parametrize("render", [html.render, markdown.render, junit.render])
@pytest.mark.parametrize("record", RECORDS[:2], ids=IDS[:2])
def test_a_page_from_the_file_is_the_page_from_the_run(record: Record, render: object, tmp_path: Path) -> None:
    assert callable(render)
    save(record, tmp_path / "r.json")
    assert render(load(tmp_path / "r.json")[0]) == render(record)


def test_the_index_links_every_report(tmp_path: Path) -> None:
    records = [conformant(), nonconformant(), conformant(), hostile()]
    directory.write_all(records, tmp_path)
    page = Tags((tmp_path / "index.html").read_text())
    assert page.open == []
    assert "script" not in page.names
    assert {link.split("/")[0] for link in page.links} == set(index.places(records))
    assert all((tmp_path / link).exists() for link in page.links)
    assert index.places(records)[:3] == ["torch-nn-batchnorm2d", "student-py-batchnorm", "torch-nn-batchnorm2d-2"]


def test_the_index_in_markdown_is_one_table_with_a_column_a_chapter(tmp_path: Path) -> None:
    index.write([conformant(), nonconformant()], tmp_path)
    table = [line for line in (tmp_path / "index.md").read_text().splitlines() if line.startswith("|")]
    chapters = {row.chapter for row in conformant().results}
    assert {line.count("|") for line in table} == {len(chapters) + 8}
    assert (
        "[student.py:BatchNorm](student-py-batchnorm/report.md) | nonconformant | most likely dx-missing-mean-term | train, infer"
        in table[3]
    )


def test_a_chapter_that_was_not_asked_is_an_empty_cell(tmp_path: Path) -> None:
    short = msgspec.structs.replace(conformant(), results=conformant().results[:1])
    index.write([conformant(), short], tmp_path)
    assert 'title="not asked"' in (tmp_path / "index.html").read_text()
    assert NASTY not in (tmp_path / "index.html").read_text()
