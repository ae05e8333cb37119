"""Golden cases as files: exported, answered by programs in other languages, judged; and whatever else may lie there."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from command_line import assert_contract, bnspec, records

from bnspec.cli.vector_files import BadResults
from bnspec.cli.vectors_run import judged
from bnspec.convention import Convention
from bnspec.fixed.catalogue import RECIPES, of_dtype
from bnspec.fixed.recipes import made
from bnspec.reference.vectors import exporting
from bnspec.reference.vectors.schema import schema
from bnspec.reports.inert import clean
from bnspec.reports.record import Record

DOCUMENT = (Path(__file__).parent.parent / "docs" / "vectors.md").read_text(encoding="utf-8")

FEW = ("eps-one-pair", "two-values", "gradients", "inference", "train-infer", "nan-in-one-channel", "one-value", "rank-4")


def code(language: str) -> str:
    """The program in the document."""
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return found[1]


def exported(place: Path, dtypes: tuple[str, ...] = ("float32",), only: tuple[str, ...] = FEW) -> Path:
    place.mkdir()
    exporting.export(place, exporting.selected(only, dtypes))
    return place


def answered(place: Path, kind: str = "unbiased") -> Path:
    """The directory with the expected values as answers, of one kind of running variance."""
    other = {"biased": "_unbiased_", "unbiased": "_biased_"}[kind]
    for file in place.rglob("expected/*.bin"):
        if other not in file.name:
            shutil.copy(file, file.parents[1] / "answers" / file.name)
    return place


@pytest.fixture
def right(tmp_path: Path) -> Path:
    return answered(exported(tmp_path / "cases"))


def statuses(record: Record) -> dict[str, str]:
    return {row.scope[-1]: row.status for row in record.results}


def sentence(place: Path, option: str | None = None) -> str:
    """Why a directory is not judged: one line, and nothing that steers a terminal."""
    with pytest.raises(BadResults) as caught:
        judged(place, option)
    said = str(caught.value)
    assert clean(said) == said
    assert "\n" not in said
    return said


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases of float32, exported as the command does it, and the programs of the document beside them."""
    desk = tmp_path_factory.mktemp("desk")
    done = bnspec(desk, "vectors", "export", "cases", "--dtype", "float32")
    assert done.code == 0, done.err
    (desk / "answer.c").write_text(code("c"), encoding="utf-8")
    (desk / "wrong.c").write_text(code("c").replace("1 / sqrtf(var + l->eps)", "1 / (sqrtf(var) + l->eps)"), encoding="utf-8")
    (desk / "answer.js").write_text(code("js"), encoding="utf-8")
    return desk


def run_by(desk: Path, *command: str) -> None:
    for old in (desk / "cases").rglob("answers/*"):
        old.unlink()
    subprocess.run(command, cwd=desk, check=True, timeout=120)


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
@pytest.mark.parametrize(("file", "exit_code"), [("answer", 0), ("wrong", 1)])
def test_the_program_in_c_is_built_run_and_judged(whole: Path, file: str, exit_code: int) -> None:
    warnings = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wno-unused-result")
    subprocess.run(["cc", *warnings, "-O2", "-o", file, f"{file}.c", "-lm"], cwd=whole, check=True, timeout=120)
    run_by(whole, f"./{file}", "cases")
    done = bnspec(whole, "vectors", "run", "cases", "--json", "record.json", "--report", "pages")
    assert done.code == exit_code, done.out
    (record,) = records(whole / "record.json")
    assert_contract(record)
    assert (whole / "pages" / "report.html").is_file()
    assert record["scope"] == ["train", "infer", "running", "grad_train", "grad_infer"]
    assert record["grades"]["float32"] in ("F" if exit_code else "AB")
    if exit_code:
        assert [one["bug"] for one in record["diagnoses"]] == ["fwd-eps-outside-sqrt"]
        assert "eps-outside-root" in done.out
        assert "golden case" in record["results"][0]["counterexample"]["message"]


@pytest.mark.skipif(not shutil.which("node"), reason="no node")
def test_the_program_in_javascript_is_run_and_judged_in_its_scope(whole: Path) -> None:
    run_by(whole, "node", "answer.js", "cases")
    done = bnspec(whole, "vectors", "run", "cases", "--json", "record.json")
    assert done.code == 0, done.out
    (record,) = records(whole / "record.json")
    assert record["scope"] == ["train", "infer", "running"]
    assert record["convention"] == {"running_var": "unbiased"}


def test_an_export_is_not_written_over_anything(whole: Path) -> None:
    done = bnspec(whole, "vectors", "export", "cases")
    assert done.code == 2
    assert "not empty" in done.err


@pytest.mark.parametrize("kind", ["biased", "unbiased"])
def test_the_expected_values_are_right_answers_of_either_kind(tmp_path: Path, kind: str) -> None:
    dtypes = ("float16", "bfloat16", "float32", "float64")
    record = judged(answered(exported(tmp_path / "cases", dtypes), kind))
    assert record.verdict == "conformant", [row.reason for row in record.results]
    assert record.grades == dict.fromkeys(dtypes, "A")
    assert record.dtypes == ["float32", "float64", "float16", "bfloat16"]


def test_a_directory_has_what_the_format_says(tmp_path: Path) -> None:
    place = exported(tmp_path / "cases")
    case = place / "float32" / "train-infer"
    document = json.loads((case / "case.json").read_text())
    jsonschema.validate(document, schema())
    jsonschema.validate(json.loads((place / "index.json").read_text()), schema())
    start = made(RECIPES["train-infer"], "float32")
    assert np.fromfile(case / "x_1.bin", "<f4").tolist() == start.calls[0].x.ravel().tolist()
    with np.load(case / "arrays.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["x_2"], start.calls[1].x)
        assert arrays["within_B_y_1"].shape == arrays["expected_y_1"].shape
    assert (place / "README.md").read_text() == Path(exporting.__file__).with_name("README.md").read_text()
    assert (place / "cases.txt").read_text().split() == [f"float32/{name}" for name in RECIPES if name in FEW]
    assert "call 2 infer forward\n" in (case / "case.txt").read_text()


def test_what_no_case_answers_is_not_offered(right: Path) -> None:
    for file in right.rglob("answers/d*"):
        file.unlink()
    record = judged(right)
    assert record.verdict == "conformant"
    assert statuses(record)["grad_train"] == "unsupported"
    assert record.scope == ["train", "infer", "running"]


def test_what_only_some_cases_answer_is_missing_in_the_others(right: Path) -> None:
    (right / "float32" / "gradients" / "answers" / "dx_1.bin").unlink()
    record = judged(right)
    assert record.verdict == "inconclusive"
    assert statuses(record)["grad_train"] == "not-run"
    assert record.grades == {}
    assert "dx_1 of gradients" in next(row.reason for row in record.results if row.status == "not-run")


def test_nothing_answered_is_nothing_known(tmp_path: Path) -> None:
    record = judged(exported(tmp_path / "cases"))
    assert record.verdict == "inconclusive"
    assert set(statuses(record).values()) == {"not-run"}
    assert all("no answer yet" in row.reason for row in record.results)


def test_hard_cases_may_be_declined_and_others_only_by_rank(right: Path) -> None:
    def decline(name: str) -> None:
        answers = right / "float32" / name / "answers"
        for file in answers.iterdir():
            file.unlink()
        (answers / "not-offered").touch()

    decline("one-value")
    decline("rank-4")
    assert judged(right).verdict == "conformant"
    decline("two-values")
    assert statuses(judged(right))["train"] == "fail"


def write(name: str, content: bytes | str) -> Callable[[Path], object]:
    def damage(answers: Path) -> object:
        (answers / "y_1.bin").unlink()
        return (answers / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return damage


def npy(shape: tuple[int, ...]) -> bytes:
    """The header of an array in NumPy's own form, with nothing behind it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


UNFIT = {
    "too short": (write("y_1.bin", b"\0" * 12), "has 12 bytes; 16 bytes, 4 values of float32"),
    "too long": (write("y_1.bin", b"\0" * 17), "has 17 bytes"),
    "far too long": (write("y_1.bin", b"\0" * (1 << 17)), "more than 64 KiB"),
    "no array": (write("y_1.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '|O'"), "no array of NumPy's"),
    "pickle": (write("y_1.npy", b"\x80\x04K\x01."), "no array of NumPy's"),
    "larger than it is": (write("y_1.npy", npy((1 << 40,))), "has shape (1099511627776,)"),
    "shorter than it says": (write("y_1.npy", npy((2, 2))), "has 0 bytes of numbers; its header says 16"),
    "words": (write("y_1.txt", "1 2 x 4"), "no number: could not convert string to float: 'x'"),
    "too few words": (write("y_1.txt", "1 2 3"), "has 3 numbers; 4 were expected"),
    "steering words": (write("y_1.txt", "1 2 \x1b[31mred 4"), "no number"),
}


@pytest.mark.parametrize(("damage", "words"), UNFIT.values(), ids=UNFIT)
def test_an_answer_that_cannot_be_read_is_an_error_with_one_sentence(right: Path, damage: Any, words: str) -> None:
    damage(right / "float32" / "two-values" / "answers")
    row = next(row for row in judged(right).results if row.scope == ["train"])
    assert row.status == "error"
    assert words in row.reason
    assert "float32/two-values/answers/y_1." in row.reason
    assert clean(row.reason) == row.reason


def test_nan_for_a_number_fails_and_a_nan_that_is_due_passes(right: Path) -> None:
    (right / "float32" / "two-values" / "answers" / "y_1.bin").unlink()
    (right / "float32" / "two-values" / "answers" / "y_1.txt").write_text("1, nan, 2\n3")
    row = next(row for row in judged(right).results if row.scope == ["train"])
    assert row.status == "fail"
    assert "is nan" in row.reason


def test_decimals_and_numpy_files_are_answers_too(right: Path) -> None:
    answers = right / "float32" / "two-values" / "answers"
    values = np.fromfile(answers / "y_1.bin", "<f4")
    (answers / "y_1.bin").unlink()
    np.save(answers / "y_1.npy", values.reshape(2, 2))
    assert judged(right).verdict == "conformant"
    (answers / "y_1.npy").unlink()
    (answers / "y_1.txt").write_text(",\n".join(map(str, values.tolist())))
    assert judged(right).verdict == "conformant"
    (answers / "y_1.bin").write_bytes(values.tobytes())
    assert "a second answer for y of call 1" in judged(right).results[0].reason


def test_two_kinds_of_running_variance_are_no_layer(right: Path) -> None:
    answers = right / "float32" / "two-values" / "answers"
    (answers / "running_var_unbiased_1.bin").rename(answers / "running_var_biased_1.bin")
    assert "name two kinds of running variance" in sentence(right)


def test_a_running_variance_of_no_kind_needs_a_declaration(right: Path) -> None:
    for file in right.rglob("answers/running_var_*"):
        file.rename(file.with_name(file.name.replace("_unbiased", "")))
    for file in right.rglob("answers/y_unbiased_2.bin"):
        file.rename(file.with_name("y_2.bin"))
    assert "do not say of which kind" in sentence(right)
    assert judged(right, "torch").verdict == "conformant"
    assert judged(right, "keras").verdict == "nonconformant"
    assert "one of paper, torch" in sentence(right, "nobody")


def test_a_declaration_must_agree_with_the_names(right: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(Convention(running_var="biased").to_toml())
    assert "declares another running variance" in sentence(right, str(tmp_path / "mine.toml"))


def test_foreign_files_are_named_and_not_read(right: Path) -> None:
    (right / "float32" / "two-values" / "answers" / "z_1.bin").write_bytes(b"?")
    (right / "float32" / "two-values" / "answers" / "y_9.bin").mkdir()
    record = judged(right)
    assert record.verdict == "conformant"
    assert "z_1.bin" in record.warnings[0]
    assert "y_9.bin" in record.warnings[0]


def test_links_are_not_followed(right: Path, tmp_path: Path) -> None:
    answers = right / "float32" / "two-values" / "answers"
    secret = tmp_path / "secret.bin"
    (answers / "y_1.bin").rename(secret)
    (answers / "y_1.bin").symlink_to(secret)
    assert "no regular file" in judged(right).results[0].reason
    answers.rename(tmp_path / "elsewhere")
    answers.symlink_to(tmp_path / "elsewhere")
    assert "links are not followed" in sentence(right)


INDICES = {
    "missing": None,
    "noise": bytes(range(256)),
    "of another form": b'{"format": "bnspec-vectors/0", "cases": []}',
    "without cases": b'{"format": "bnspec-vectors/1"}',
    "a list": b'["bnspec-vectors/1"]',
    "deep": b'"bnspec-vectors/1"' + b"[" * 100_000,
    "unknown case": b'{"format": "bnspec-vectors/1", "cases": [{"name": "../../etc", "dtype": "float32"}]}',
    "steering": b'{"format": "bnspec-vectors/1", "cases": [{"name": "\\u001b[31m", "dtype": "float32"}]}',
    "unknown dtype": b'{"format": "bnspec-vectors/1", "cases": [{"name": "two-values", "dtype": ".."}]}',
}


@pytest.mark.parametrize("content", INDICES.values(), ids=INDICES)
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "index.json").write_bytes(content)
    assert "index.json" in sentence(tmp_path)


def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "there is no directory" in sentence(tmp_path / "nowhere")
    done = bnspec(tmp_path, "vectors", "run", "nowhere")
    assert done.code == 2


def test_cases_and_flags_are_listed_and_explained(tmp_path: Path) -> None:
    done = bnspec(tmp_path, "vectors")
    assert f"{len(RECIPES)} golden cases" in done.out
    assert "eps-one-pair" in bnspec(tmp_path, "vectors", "list", "eps-outside-root").out
    assert "eps-outside-root" in bnspec(tmp_path, "vectors", "list", "eps-one-pair").out
    wrong = bnspec(tmp_path, "vectors", "list", "eps-outside-rot")
    assert wrong.code == 2
    assert "did you mean eps-outside-root" in wrong.err


def test_only_some_can_be_exported(tmp_path: Path) -> None:
    done = bnspec(tmp_path, "vectors", "export", "some", "--only", "gradients-accumulate", "--dtype", "float64")
    assert done.code == 0
    wanted = [recipe.name for recipe in of_dtype("float64") if "gradients-accumulate" in recipe.flags]
    assert sorted(path.name for path in (tmp_path / "some" / "float64").iterdir()) == sorted(wanted)
    assert bnspec(tmp_path, "vectors", "export", "none", "--only", "nothing").code == 2
