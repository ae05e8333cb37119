"""What cannot be meant is refused in one sentence with exit code 2, before any time is spent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import assert_contract, laid_out, records

from bnspec.cli.main import main


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(tmp_path_factory.mktemp("desk"))


def refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says to arguments that it refuses, in this process."""
    monkeypatch.setattr(sys, "argv", ["bnspec", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    captured = capsys.readouterr()
    assert (end.value.code, captured.out) == (2, "")
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chekc", "right.py"], 'Unknown command "chekc". Did you mean "check"?'),
        (
            ["check"],
            "there is no target, and no pyproject.toml here; name what to check, as in bnspec check mybn.py:BatchNorm, or ",
        ),
        (["check", "right.py", "--save-adapter", "right.txt"], "--save-adapter names a Python file to write, for one target; got "),
        (["check", "right.py", "--profil", "smoke"], "Unknown option: --profil. Did you mean --profile?"),
        (
            ["check", "right.py", "--profile", "smok"],
            'Invalid value "smok" for --profile. Choose from: "smoke", "standard", "deep".',
        ),
        (["check", "right.py", "--dtype", "float8"], 'Invalid value "float8" for --dtype.'),
        (["check", "right.py", "--seed", "x"], 'Invalid value for --seed: unable to convert "x" into int.'),
        (["check", "right.py", "--timeout", "0"], 'Invalid value "0.0" for --timeout. Must be > 0.'),
        (["check", "right.py", "--timeout", "nan"], 'Invalid value "nan" for --timeout.'),
        (["check", "right.py", "--only", "forwrd"], "there is no property or chapter 'forwrd'; did you mean forward?\n"),
        (["check", "right.py", "--skip", "zzz"], "there is no property or chapter 'zzz'; the chapters are forward, affine, "),
        (
            ["check", "right.py", "--convention", "torhc"],
            "--convention takes a TOML file or one of paper, torch, keras, onnx, tutorial; ",
        ),
        (["check", "right.py", "--convention", "right.py"], "this is not a convention in TOML: "),
        (["check", "right.py", "--json", "."], "--json names a file to write; . is a directory\n"),
        (["check", "right.py", "--json", "right.py/x.json"], "--json cannot write into right.py: it is a file\n"),
        (["check", "right.py", "--report", "right.py"], "--report names a directory to write into; right.py is a file\n"),
        (["check", "right.py", "--report", "right.py/x"], "--report cannot write into right.py/x: not a directory\n"),
        (["report", "missing.json"], "missing.json cannot be read: No such file or directory; give the file that --json wrote\n"),
        (["report", "right.py"], "right.py is not JSON ("),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    said = refused(arguments, monkeypatch, capsys)
    assert said.startswith(f"bnspec: {sentence}")
    assert said.count("\n") == 1


def test_a_record_is_written_even_where_nothing_could_be_asked(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    said = refused(["check", "right.py", "wrong.py", "--only", "forwrd", "--json", "refused.json"], monkeypatch, capsys)
    found = records(desk / "refused.json")
    for record in found:
        assert_contract(record)
    assert [(record["target"], record["verdict"]) for record in found] == [
        (f"{name}.py", "inconclusive") for name in ("right", "wrong")
    ]
    assert {f"bnspec: {record['reason']}\n" for record in found} == {said}


def test_our_own_failure_is_not_mistaken_for_a_verdict(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise RuntimeError("a pipe burst")

    monkeypatch.setattr("bnspec.cli.check.check", broken)
    said = refused(["check", "right.py"], monkeypatch, capsys)
    assert "RuntimeError: a pipe burst" in said
    assert said.endswith("bnspec itself failed here, which is its bug and not yours\n")
