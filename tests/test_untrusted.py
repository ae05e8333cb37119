"""What others wrote is data: a hostile record or TOML file gets one sentence, and none of its text is ever more than text."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import bnspec, laid_out
from sample_records import nonconformant
from test_terminal import on_terminal

from bnspec.cli import keeping
from bnspec.cli.report import report
from bnspec.convention import BadConvention
from bnspec.properties.catalogue import VERSION
from bnspec.properties.session import declared_choices
from bnspec.reading import LARGEST_TOML, LONGEST_LINE
from bnspec.reports import expectations, record
from bnspec.reports.expectations import BadExpectations
from bnspec.reports.inert import clean
from bnspec.reports.record import BadRecord

Keys = tuple[str | int, ...]


def plain() -> dict[str, Any]:
    """A good record as JSON has it; its first failing row has calls."""
    read: dict[str, Any] = json.loads(record.as_json(nonconformant()))
    return read


def failing(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in document["results"] if row["counterexample"] and row["counterexample"]["trace"])
    return found


def refusal(reader: Callable[[Path], object], path: Path) -> str:
    """The sentence with which a file is refused: one line, of a length that people read, and nothing that steers a terminal."""
    with pytest.raises((BadRecord, BadExpectations, BadConvention)) as caught:
        reader(path)
    said = str(caught.value)
    assert clean(said) == said
    assert "\n" not in said
    assert len(said) < 700
    return said


def convention(path: Path) -> object:
    return declared_choices(str(path), "")


NOISE = bytes(range(256)) * 8

ANYWHERE: dict[str, bytes] = {
    "empty but for a mark": b"\xef\xbb\xbf[",
    "noise": NOISE,
    "utf-16": '{"schema": "bnspec-report/1"}'.encode("utf-16"),
    "nul": b"\0" * 1000,
    "deep": b"a = " + b"[\n" * 100_000,
    "half a character": '{"schema": "é'.encode()[:-1],
}


@pytest.mark.parametrize("content", ANYWHERE.values(), ids=ANYWHERE)
@pytest.mark.parametrize("reader", [record.load, expectations.load, convention])
def test_what_is_no_such_file_is_refused_in_one_sentence(reader: Callable[[Path], object], content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert "file" in refusal(reader, tmp_path / "file") or reader is convention


@pytest.mark.parametrize("reader", [record.load, expectations.load, convention])
def test_pipes_devices_directories_and_lost_links_are_not_waited_for(reader: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lost").symlink_to(tmp_path / "none")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "pipe", tmp_path / "lost", tmp_path / "loop", tmp_path, Path("/dev/zero")):
        assert str(path) in refusal(reader, path)


def test_a_link_to_a_record_is_read(tmp_path: Path) -> None:
    record.save(nonconformant(), tmp_path / "r.json")
    (tmp_path / "link").symlink_to(tmp_path / "r.json")
    assert record.load(tmp_path / "link") == [nonconformant()]


def test_a_byte_order_mark_before_good_text_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(plain()), encoding="utf-8-sig")
    assert record.load(tmp_path / "r.json") == [nonconformant()]
    (tmp_path / "c.toml").write_text("channel_axis = 1\n", encoding="utf-8-sig")
    assert convention(tmp_path / "c.toml") == {"channel_axis": 1}


def test_a_file_larger_than_any_of_ours_is_not_taken_in(tmp_path: Path) -> None:
    with (tmp_path / "r.json").open("wb") as file:
        file.truncate(record.LARGEST_FILE + 1)
    assert "more than 64 MiB" in refusal(record.load, tmp_path / "r.json")
    (tmp_path / "t.toml").write_text("#\n" * (LARGEST_TOML // 2 + 1))
    for reader in (expectations.load, convention):
        assert "more than 256 KiB" in refusal(reader, tmp_path / "t.toml")


TOML = {
    "a key of a million parts": ("a" + ".a" * (LONGEST_LINE * 2) + " = 1", "line 1 has"),
    "a number of many lines": (f"a = {'1' * 1900}\nb = [[{'[' * 1800}", ""),
    "keys that nest": ("\n".join(f"[{'.'.join(['a'] * 900)}.b{number}]" for number in range(9)), ""),
    "a key twice": ("channel_axis = 1\nchannel_axis = 2", "Cannot overwrite a value"),
    "an unknown key that steers": ('"\\u001b[31m\\u202e\\n" = 1', ""),
}


@pytest.mark.parametrize(("text", "words"), TOML.values(), ids=TOML)
def test_toml_that_is_a_trap_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(text)
    assert words in refusal(convention, tmp_path / "t.toml")
    if "steers" not in text and "a.a.a" not in text:
        (tmp_path / "t.toml").write_text(f"deviation = 1\n{text}")
        refusal(expectations.load, tmp_path / "t.toml")


@pytest.mark.parametrize(
    "value",
    ["nan", "[1, 2]", "'x'", "{ a = 1 }", "1979-05-27", "9" * 1500, "[[[[[1]]]]]", "true", "''"],
    ids=lambda value: value[:9],
)
@pytest.mark.parametrize(
    "key", ["momentum_weighs", "running_var", "running_start", "ranks", "single_value", "channel_axis", "affine"]
)
def test_a_choice_is_a_choice_or_refused(key: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(f"{key} = {value}\n")
    if (key, value) not in {("affine", "true"), ("running_start", "[1, 2]")}:
        assert key in refusal(convention, tmp_path / "c.toml")


@pytest.mark.parametrize("text", ["ranks = [2, 1000000]", "channel_axis = 3", "channel_axis = -5", "ranks = [3]\nchannel_axis = 3"])
def test_a_geometry_that_no_case_can_have_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    assert text.split()[0] in refusal(convention, tmp_path / "c.toml") or "channel_axis" in text


def put(document: dict[str, Any], path: Keys, value: object) -> None:
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value


ARRAY = {"dtype": "float32", "shape": [1], "data": [1.0]}

WRONG: dict[str, tuple[Keys, object]] = {
    "no list": (("results",), {}),
    "too many rows": (("results",), [0] * 10_001),
    "a status that is none": (("results", 0, "status"), "fine"),
    "a verdict that is none": (("verdict",), "perfect"),
    "a path for a property": (("results", 0, "property"), "../../x"),
    "a line break behind a property": (("results", 0, "property"), "x\n"),
    "a very long property": (("results", 0, "property"), "x" * 101),
    "a dtype that is none": (("results", 0, "dtype"), "float77"),
    "a negative count": (("results", 0, "examples"), -1),
    "a count without end": (("results", 0, "examples"), 10**400),
    "seconds without end": (("seconds",), 1e300),
    "a number for text": (("target",), 7),
    "a script elsewhere": (("results", 0, "repro"), "/etc/passwd"),
    "a script on a page": (("results", 0, "repro"), "javascript:alert(1)"),
    "a nest in the convention": (("convention", "running_var"), [[[["x"]]]]),
    "a nest in the environment": (("environment", "numpy"), {"a": []}),
    "a deep nest": (("environment", "numpy"), "DEEP"),
    "ten thousand warnings": (("warnings",), ["w"] * 10_000),
}

BAD_ARRAYS: dict[str, dict[str, object]] = {
    "a billion numbers": ARRAY | {"shape": [10**9]},
    "a billion rows of nothing": ARRAY | {"shape": [10**9, 0], "data": []},
    "too many axes": ARRAY | {"shape": [1] * 65},
    "a negative axis": ARRAY | {"shape": [-1, -1]},
    "objects": ARRAY | {"dtype": "object"},
    "no numbers": ARRAY | {"dtype": "datetime64"},
    "a function": ARRAY | {"dtype": "load"},
    "text": ARRAY | {"data": ["__import__('os')"]},
    "a huge number": ARRAY | {"data": [10**400]},
    "a line break": ARRAY | {"dtype": "float32\n"},
}


def text_of(document: dict[str, Any]) -> str:
    return json.dumps(document).replace('"DEEP"', "[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize(("path", "value"), WRONG.values(), ids=WRONG)
def test_a_record_with_something_else_in_it_is_refused(path: Keys, value: object, tmp_path: Path) -> None:
    document = plain()
    put(document, path, value)
    (tmp_path / "r.json").write_text(text_of(document))
    assert "r.json" in refusal(record.load, tmp_path / "r.json")


@pytest.mark.parametrize("array", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_an_array_that_is_none_is_refused(array: dict[str, object], tmp_path: Path) -> None:
    document = plain()
    failing(document)["counterexample"]["trace"][1]["x"] = array
    (tmp_path / "r.json").write_text(text_of(document))
    assert "trace" in refusal(record.load, tmp_path / "r.json")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"seed":0', '"seed":0,"seed":0', "says 'seed' twice"),
        ('"seed":0', '"seed":NaN', "is not JSON"),
        ('"seed":0', '"seed":Infinity', "is not JSON"),
        ('"seed":0', f'"seed":{"9" * 5000}', "out of range"),
        ('"seed":0', '"seed":1e999', "out of range"),
        ('"suite":"0.1.0"', '"suite":"9.9","seed":""', "made by bnspec 9.9"),
        ('"bnspec-report/1"', '"' + "\\u001b]0;x\\u0007" * 999 + '"', "has schema"),
    ],
)
def test_what_json_readers_disagree_on_is_refused(old: str, new: str, words: str, tmp_path: Path) -> None:
    text = record.as_json(nonconformant()).decode()
    assert old in text
    (tmp_path / "r.json").write_text(text.replace(old, new))
    assert words in refusal(record.load, tmp_path / "r.json")


def test_the_commands_refuse_with_one_line_and_2(tmp_path: Path) -> None:
    laid_out(tmp_path)
    (tmp_path / "\x1b[31mred\n.json").write_bytes(NOISE)
    (tmp_path / "deep.toml").write_bytes(ANYWHERE["deep"])
    for arguments in (
        ("report", "."),
        ("check", "right.py", "--expect", "deep.toml"),
        ("check", "right.py", "--convention", "deep.toml"),
    ):
        done = bnspec(tmp_path, *arguments)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert "\x1b" not in done.err


def test_a_record_of_other_laws_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record.save([nonconformant(), nonconformant(laws="99", suite="9.9")], tmp_path / "r.json")
    assert report([tmp_path / "r.json"], tmp_path / "out") == 0
    (said,) = capsys.readouterr().err.splitlines()
    assert f"student.py:BatchNorm was asked with laws 99 of bnspec 9.9, and these are laws {VERSION}" in said


def test_kept_rows_that_others_spoilt_count_as_never_asked(tmp_path: Path) -> None:
    decided = {"target": "t"}
    file, _ = keeping.opened(tmp_path, decided)
    good = record.as_json(nonconformant().results[0])
    with file.open("ab") as lines:
        lines.write(b"\n".join([NOISE, b"[" * 100_000, b'{"a":' + b"[" * 100_000, good, b"\xff\xfe", good[:50]]))
    assert [row.property for row in keeping.kept_rows(file).values()] == [nonconformant().results[0].property]
    assert keeping.opened(tmp_path, decided) == (file, "")


def test_a_link_or_a_pipe_among_kept_rows_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    file, _ = keeping.opened(tmp_path / "kept", {"target": "t"})
    moved = file.replace(tmp_path / "elsewhere")
    before = moved.read_bytes()
    file.symlink_to(moved)
    os.mkfifo(tmp_path / "kept" / "pipe.jsonl")
    again, _ = keeping.opened(tmp_path / "kept", {"target": "t"})
    assert (again, again.is_symlink(), moved.read_bytes()) == (file, False, before)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("an index beyond the array", {"index": [5, 5]}),
        ("an index far below it", {"index": [-9, 0]}),
        ("numbers that are none", {"got": "nan", "want": "-inf", "error": "nan", "bound": "nan", "ratio": "nan"}),
        ("a step that is not there", {"shows": {"step": 99, "name": "y"}}),
        ("an empty array", {"expected": {"dtype": "float32", "shape": [3, 0], "data": []}}),
        ("fractions as whole numbers", {"expected": {"dtype": "int8", "shape": [2], "data": ["nan", 1e300]}}),
        ("another layout", {"trace": [{"do": "backward", "layer": 7, "dy": ARRAY, "layout": "spiral"}]}),
    ],
)
@pytest.mark.filterwarnings("error")
def test_odd_but_readable_counterexamples_still_make_all_pages(name: str, changes: dict[str, object], tmp_path: Path) -> None:
    document = plain()
    failing(document)["counterexample"] |= changes
    document["convention"] = {"eps_default": "nan", "momentum_default": ["x"], "momentum_weighs": 3, "running_var": ["biased"]}
    (tmp_path / "r.json").write_text(json.dumps(document))
    assert report([tmp_path / "r.json"], tmp_path / "out") == 0
    on_terminal(*record.load(tmp_path / "r.json"))
