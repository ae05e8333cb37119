"""Frameworks by name: what their files say, what a name stands for, and what is said of one that is not installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bnspec.cli import frameworks as names
from bnspec.cli.commands import app
from bnspec.convention import Convention
from bnspec.plugs.subject import SCOPES
from bnspec.plugs.target import parse
from bnspec.reference import described
from bnspec.reference.described import Framework
from bnspec.reports import expectations

KNOWN = described.frameworks()

ABSENT = Framework("none", "None Such", "none-such>=1", "none-such", ("none_such",), "", ("none_such:BN",), {}, {})


@pytest.mark.parametrize("key", KNOWN)
def test_a_file_says_what_is_asked_and_in_which_convention(key: str) -> None:
    one = KNOWN[key]
    assert one.targets
    assert all(parse(target).name for target in one.targets)
    assert Convention.from_mapping(one.convention)
    assert set(one.capabilities) <= {"dtypes", "parts"}
    assert set(one.capabilities.get("parts", ())) <= set(SCOPES)


@pytest.mark.parametrize("key", KNOWN)
def test_its_deviations_have_reasons_and_links(key: str) -> None:
    listed = expectations.load(names.SHIPPED / f"{key}.toml").deviation
    assert all(one.reason.strip() and one.link.startswith("https://") for one in listed)


@pytest.mark.parametrize("key", [key for key in KNOWN if key != "textbook"])
def test_it_has_a_row_in_the_documentation_and_an_environment(key: str) -> None:
    root = Path(__file__).parent.parent
    assert f"| `{key}` |" in (root / "docs/frameworks.md").read_text("utf-8")
    assert re.search(rf"^\[testenv:.*\b{key}\b", (root / "tox.ini").read_text("utf-8"), re.MULTILINE)


def test_a_name_stands_for_its_targets_and_other_targets_for_themselves() -> None:
    assert names.named(["mybn.py:BN", "torch"]) == ["mybn.py:BN", *KNOWN["torch"].targets]


def test_a_group_stands_for_all_its_members() -> None:
    members = [one for one in KNOWN.values() if one.group == "keras"]
    assert len(members) == 4
    assert names.named(["keras"]) == [target for one in members for target in one.targets]


def test_a_target_belongs_to_its_framework_with_arguments_too() -> None:
    assert described.owner("torch.nn:BatchNorm2d(affine=False)") is KNOWN["torch"]
    assert described.owner("mybn.py:BatchNorm2d") is None


def test_known_deviations_are_found_by_name_unless_there_is_such_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert names.expected(Path("torch")) == names.SHIPPED / "torch.toml"
    Path("torch").touch()
    assert names.expected(Path("torch")) == Path("torch")
    assert names.expected(None) is None


def test_what_is_not_installed_is_one_sentence_with_the_line_of_pip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(described, "frameworks", lambda: {"none": ABSENT})
    assert app(["check", "none"]) == 2
    assert "None Such is not installed here; python -m pip install none-such" in capsys.readouterr().out


def test_the_list_shows_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["frameworks"]) == 0
    shown = capsys.readouterr().out
    assert all(key in shown for key in KNOWN)
