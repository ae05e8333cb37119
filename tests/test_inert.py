"""Text from others is text: on pages, in XML, in Markdown, on a terminal and in scripts, and nothing more."""

from __future__ import annotations

import ast
import re
import tempfile
import tokenize
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_records import dx_counterexample, nonconformant
from test_pages import Tags
from test_terminal import on_terminal

from bnspec.reports.inert import LOOKED_AT, clean, clip, markdown_text, one_line
from bnspec.reports.pages import html, index, junit, markdown
from bnspec.reports.record import Candidate, Diagnosis, Record
from bnspec.reports.repro import script

TRICKS = (
    "</script><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onfocus='x",
    "</style><style>*{}",
    "{{ 7 * 191 }}{% include 'style.css' %}",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "<![CDATA[",
    "&amp;&#60;",
    "| a | b |\n|---|---|",
    "[l](javascript:x) ![i](http://e/x.png)",
    "```\n# h\n```",
    "`" * 40,
    "@everyone #1 https://e.example www.e.example <a@b.example>",
    "\x1b[2J\x1b]0;t\x07\x1b]52;c;aGk=\x07\x1b]8;;http://e\x1b\\l\x1b]8;;\x1b\\",
    "\x9b31m\x90q\x9c",
    "ok\rPASS",
    "\u202egnp\u202c\u2066\u200b\u200d\ufeff\U000e0041",
    "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg",
    "\x00\ufffe\uffff\U0001fffe",
    '"""\nimport os\n"""',
    "'''\\",
    "coding: unicode_escape \\nraise SystemExit(77)",
    "-*- coding: utf-7 -*- +AAo-raise SystemExit(77)",
    "\\",
    "%s{0}{x!r}$(id)`id`",
    "x" * 100_000,
)
"""What is more than text somewhere: on a page, in a report for machines, in a ticket, on a terminal, or in a script."""


def texts() -> st.SearchStrategy[str]:
    """Tricks, characters of any kind, and mixtures of them."""
    anything = st.text(st.characters(codec="utf-8"), max_size=20)
    return st.lists(st.sampled_from(TRICKS[:-1]) | anything, min_size=1, max_size=4).map("".join) | st.just(TRICKS[-1])


def blaming(text: str, explains: list[str], **changes: Any) -> Diagnosis:
    """A diagnosis with this text wherever one may stand."""
    words: dict[str, Any] = dict.fromkeys(("text", "bug", "form", "consequence", "change", "repair", "where"), text)
    alike = [Candidate(bug=f"{text}{place}", agrees=place, of=9) for place in range(9)] if "bug" not in changes else []
    return Diagnosis(**{"components": [text], "confident": True, "explains": explains, "candidates": alike, **words, **changes})


def saying(text: str) -> Record:
    """A failing record with this text wherever one may stand."""
    row = next(row for row in nonconformant().results if row.counterexample and row.counterexample.trace)
    example = msgspec.structs.replace(dx_counterexample(), message=text, component=text)
    said = {"reason": text, "chapter": text, "title": text, "law": text, "scope": [text], "against": [text]}
    failed = msgspec.structs.replace(row, counterexample=example, **said)
    crashed = msgspec.structs.replace(failed, property="other", status="crash", counterexample=None)
    undecided = msgspec.structs.replace(crashed, property="third", status="not-run")
    causes = [blaming(text, [failed.property]), blaming(text, ["other"], confident=False), blaming(text, [text], bug=None)]
    everywhere: dict[str, Any] = dict.fromkeys(("suite", "laws", "target", "profile", "adapter", "assurance"), text)
    lists = {name: [text] for name in ("scope", "bound", "dtypes", "warnings")}
    named: dict[str, Any] = {"grades": {text: text}, "environment": {text: text, "date": text}, "diagnoses": causes}
    choices = dict.fromkeys(("momentum_weighs", "momentum_default", "eps_default", "channel_axis"), text)
    convention = choices | {"running_var": {text: text}}
    whole = {**everywhere, **lists, **named, "convention": convention, "reason": f"interrupted{text}"}
    return msgspec.structs.replace(nonconformant(), results=[failed, crashed, undecided], **whole)


def fuzzed(test: Callable[[str], None]) -> Callable[[], None]:
    """The test with every trick, and with mixtures."""
    drawn = given(texts())(settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))(test))

    def run() -> None:
        for trick in TRICKS:
            test(trick)
        drawn()

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


class Attributes(HTMLParser):
    """The elements of a page with their attributes' names, and the addresses that it leads to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[tuple[str, str]] = set()
        self.comments: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {(tag, ""), *((tag, name) for name, _ in attrs)}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def indexes(record: Record, place: Path) -> Iterator[str]:
    for path in index.write([record, record], place):
        yield path.read_text(encoding="utf-8")


@fuzzed
def test_html_has_the_elements_and_attributes_of_a_calm_record_and_no_others(text: str) -> None:
    page, calm = html.render(saying(text)), Attributes(html.render(saying("calm")))
    found = Attributes(page)
    assert found.seen <= calm.seen
    assert not found.comments
    assert all(re.fullmatch(r"#chapter-\d+|repro_\w+\.py", link) for link in found.links)
    assert Tags(page).open == []
    assert clean(page) == page
    assert "1337" not in page
    assert len(page) < 200_000


@fuzzed
def test_junit_is_xml_with_the_same_elements_whatever_is_said(text: str) -> None:
    page = junit.render(saying(text))
    calm = [element.tag for element in ElementTree.fromstring(junit.render(saying("calm"))).iter()]
    assert [element.tag for element in ElementTree.fromstring(page.encode()).iter()] == calm
    assert clean(page) == page


def outside_code(page: str) -> list[str]:
    """The lines of Markdown that are neither in a fence nor in a code span, their escapes taken out."""
    fence, outside = "", []
    for line in page.split("\n"):
        ticks = re.fullmatch("(`{3,})[^`]*", line)
        if ticks and (not fence or (line.strip("`") == "" and len(line) >= len(fence))):
            fence = "" if fence else ticks[1]
        elif not fence:
            outside.append(re.sub(r"\\.|(`+)(?!`).*?(?<!`)\1(?!`)|`+", "", line))
    assert not fence
    return outside


@fuzzed
def test_markdown_outside_of_code_has_no_html_links_or_headings_but_ours(text: str) -> None:
    page = markdown.render(saying(text))
    for line in outside_code(page):
        assert not re.search(r"[<\[\]]|!\[|://|www\.|@\w", line)
        assert not line.startswith("#") or re.match(r"# |## (\d\. |The cause$|Cause \d$|The run$|Not decided)", line)
    assert clean(page) == page
    assert len(page) < 100_000


@fuzzed
def test_the_index_is_inert_in_both_formats(text: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        page, table = indexes(saying(text), Path(place))
    found = Attributes(page)
    assert found.seen <= Attributes(html.environment().get_template("index.html").render(lines=[], names=[])).seen | {
        *(
            (tag, name)
            for tag in ("a", "article", "h3", "p", "span", "td", "th", "tr", "ul", "li", "div")
            for name in ("", "class", "href", "title")
        ),
        ("th", "scope"),
        ("ul", "aria-label"),
    }
    assert all(re.fullmatch(r"[a-z0-9-]+/report\.html", link) for link in found.links)
    assert clean(page) == page
    assert "<" not in "".join(outside_code(table))
    assert len({line.count("|") for line in outside_code(table) if line.startswith("|")}) == 1


@fuzzed
def test_a_terminal_is_not_steered(text: str) -> None:
    shown = on_terminal(saying(text))
    assert clean(shown) == shown
    assert len(shown.splitlines()) < 80


@fuzzed
def test_a_script_says_it_in_comments_alone(text: str) -> None:
    """The code is the same, whatever is said around it; and Python reads the file as UTF-8."""
    row = saying(text).results[0]
    told, calm = (
        script(msgspec.structs.replace(saying(words), adapter="a = 1"), saying(words).results[0]) for words in (text, "calm")
    )
    assert row.counterexample is not None
    assert ast.dump(ast.parse(told.encode())) == ast.dump(ast.parse(calm.encode()))
    assert tokenize.detect_encoding(iter(told.encode().splitlines(keepends=True)).__next__)[0] == "utf-8"


def test_long_texts_are_looked_at_in_part_and_what_is_left_out_is_counted() -> None:
    long = " " * LOOKED_AT + "\n# heading"
    assert one_line(long) == "… (10 more characters)"
    assert clip("x" * (LOOKED_AT + 5), 10) == f"{'x' * 10}… ({LOOKED_AT - 5} more characters)"


def test_nobody_is_told_and_no_ticket_is_linked() -> None:
    assert markdown_text("@you #12 a # b @ c") == r"\@&ZeroWidthSpace;you \#&ZeroWidthSpace;12 a \# b \@ c"


@pytest.mark.parametrize("render", [html.render, markdown.render])
def test_an_interrupted_record_shows_how_to_go_on(render: Callable[[Record], str]) -> None:
    going_on = "bnspec check 'a b.py:BatchNorm' --profile deep --seed 3 --dtype float32 --resume DIR"
    stopped = nonconformant(target="a b.py:BatchNorm", profile="deep", seed=3, dtypes=["float32"])
    stopped = msgspec.structs.replace(stopped, reason="interrupted; x")
    assert going_on in render(stopped).replace("&#39;", "'")
    assert "--resume" not in render(nonconformant())
