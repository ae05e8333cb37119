"""Known deviations: what matches, what is met, and what is said of an entry that no longer tells the truth."""

import datetime
from pathlib import Path

import msgspec
import pytest

from bnspec.reports import expectations
from bnspec.reports.expectations import BadExpectations, Deviation, Expectations, Fingerprint, When
from bnspec.reports.record import Counterexample, Record, Row

DAY = datetime.date(2026, 11, 22)


def row(name: str, status: str = "pass", **more: object) -> Row:
    shown = Counterexample(message="", component="y") if status == "fail" else None
    plain = {"property": name, "chapter": "forward", "dtype": "float32", "level": "required", "status": status, "scope": ["train"]}
    return Row(**{**plain, "counterexample": shown, **more})


def record(*rows: Row) -> Record:
    said = {"suite": "0", "laws": "1", "target": "t", "verdict": "nonconformant", "scope": [], "reason": ""}
    return Record(**said, results=list(rows), environment={"torch": "2.13.0"})


def entry(name: str | list[str], **more: object) -> Deviation:
    return Deviation(property=name, reason="r", link="https://example.org", date=DAY, **more)


def apply(found: Record, *entries: Deviation) -> Record:
    return expectations.apply(found, Expectations(list(entries)))


def test_an_entry_that_fails_as_it_says_is_met() -> None:
    found = apply(record(row("a"), row("b", "fail")), entry("b", fingerprint=Fingerprint("fail", "y")))
    assert (found.expectations, found.verdict) == ("met", "nonconformant")
    assert [one.expected for one in found.results] == [False, True]
    assert expectations.outcome(found) == "conformant"


def test_a_failure_that_nobody_expects_leaves_them_unmet() -> None:
    found = apply(record(row("a", "fail"), row("b", "fail")), entry("b"))
    assert found.expectations == "unmet"
    assert expectations.outcome(found) == "nonconformant"


def test_an_entry_that_passes_is_to_be_removed() -> None:
    found = apply(msgspec.structs.replace(record(row("a")), verdict="conformant"), entry("a"))
    assert found.expectations == "unmet"
    assert found.warnings == ["expectation 'a' no longer fails (a, float32: pass); remove it"]
    assert expectations.outcome(found) == "nonconformant"


def test_an_entry_that_matches_nothing_is_to_be_corrected() -> None:
    found = apply(record(row("a")), entry("z*"))
    assert found.warnings == ["expectation 'z*' is about no row of this run; correct its property or when, or remove it"]


def test_an_entry_that_fails_otherwise_gets_the_edit_to_make() -> None:
    found = apply(record(row("a"), row("b", "fail")), entry("b", fingerprint=Fingerprint("crash")))
    assert found.expectations == "unmet"
    assert 'fingerprint = { status = "fail", component = "y" }' in found.warnings[0]


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        (When(dtype="float32"), True),
        (When(dtype=["float16", "float64"]), False),
        (When(mode="train"), True),
        (When(mode="infer"), False),
        (When(version={"torch": ">=2.13,<2.14"}), True),
        (When(version={"torch": "<2"}), False),
        (When(version={"jax": ">=0"}), False),
        (When(version={"torch": "no specifier"}), False),
        (When(rank=4), False),
    ],
)
def test_when_narrows_an_entry(when: When, matches: bool) -> None:
    found = record(row("b", "fail"))
    assert expectations.applies(entry("b", when=when), found.results[0], found.environment) is matches


def test_globs_cover_several_properties() -> None:
    found = apply(record(row("gradients_a", "fail"), row("gradients_b", "fail"), row("c")), entry("gradients_*"))
    assert found.expectations == "met"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[deviation]]\nproperty = 3", "Expected `str | array`, got `int`"),
        ("[[deviation]]\nproperty = 'a'", "missing required field"),
        ("[[deviation]]\nproperty = 'a'\nreason = 'r'\nlink = 'l'\ndate = 2026-01-01\ntypo = 1", "unknown field `typo`"),
        ("no toml", "no list of [[deviation]] entries"),
    ],
)
def test_a_broken_file_gets_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "expect.toml"
    path.write_text(text)
    with pytest.raises(BadExpectations, match=f"(?s){said.replace('[', chr(92) + '[').replace(']', chr(92) + ']')}"):
        expectations.load(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BadExpectations, match="cannot be read: No such file"):
        expectations.load(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["torch", "textbook"])
def test_our_own_files_can_be_read(name: str) -> None:
    import bnspec.reference.frameworks as frameworks

    path = Path(str(frameworks.__file__)).with_name(f"{name}.toml")
    assert all(one.reason.strip() and one.link.startswith("https://") for one in expectations.load(path).deviation)


def test_an_entry_for_another_target_says_nothing_here() -> None:
    passing = msgspec.structs.replace(record(row("a")), verdict="conformant")
    assert apply(passing, entry("a", when=When(target="other*"))).expectations == "met"
    assert apply(passing, entry("a", when=When(target=["other*", "t"]))).expectations == "unmet"


def test_of_several_properties_of_an_entry_one_that_fails_is_enough() -> None:
    failing = msgspec.structs.replace(record(row("a", "fail"), row("b")), verdict="nonconformant")
    applied = apply(failing, entry(["a", "b*"]))
    assert (applied.expectations, [one.expected for one in applied.results]) == ("met", [True, False])
    stale = apply(msgspec.structs.replace(record(row("a"), row("b")), verdict="conformant"), entry(["a", "b*"]))
    assert stale.expectations == "unmet"
    assert "'a' or 'b*' no longer fails" in stale.warnings[-1]


def test_a_row_is_foreseen_where_an_entry_is_about_it() -> None:
    listed = Expectations([entry("a", when=When(dtype="float32", mode="train", version={"torch": ">=2"}))])
    assert expectations.foreseen(listed, "a", "float32", ["train"], {"torch": "2.13.0"})
    assert not expectations.foreseen(listed, "a", "float64", ["train"], {"torch": "2.13.0"})
    assert not expectations.foreseen(listed, "b", "float32", ["train"], {"torch": "2.13.0"})
