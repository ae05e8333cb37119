"""The record survives being written and read, refuses what it is not, and matches its own JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
from sample_records import conformant, nonconformant, stored

from bnspec.reports.record import SCHEMA, BadRecord, Record, Row, json_schema, load, save
from bnspec.reports.trace import Values, largest, numpy_dtype


@pytest.mark.parametrize("record", [conformant(), nonconformant()], ids=lambda record: record.verdict)
def test_a_record_comes_back_as_it_was_saved(record: Record, tmp_path: Path) -> None:
    save(record, tmp_path / "r.json")
    assert load(tmp_path / "r.json") == [record]


def test_several_records_share_a_file_in_order(tmp_path: Path) -> None:
    records = [nonconformant(), conformant()]
    save(records, tmp_path / "r.json")
    assert load(tmp_path / "r.json") == records
    assert json.loads((tmp_path / "r.json").read_text())["schema"] == "bnspec-reports/1"


def test_numbers_that_json_lacks_are_written_as_words(tmp_path: Path) -> None:
    row = msgspec.structs.replace(conformant().results[0], worst_ratio=float("inf"), seconds=0.5)
    save(msgspec.structs.replace(conformant(), results=[row]), tmp_path / "r.json")
    plain = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    assert plain["results"][0]["worst_ratio"] == "inf"
    assert float(load(tmp_path / "r.json")[0].results[0].worst_ratio) == float("inf")


def test_the_keys_are_those_of_the_contract() -> None:
    plain = msgspec.to_builtins(nonconformant())
    promised = "schema suite laws target verdict scope reason grades expectations convention environment seed seconds"
    assert {*promised.split(), "results", "diagnoses", "warnings"} <= set(plain)
    row = "property chapter dtype level status expected examples worst_ratio seconds reason counterexample repro"
    assert set(row.split()) <= set(plain["results"][0])
    assert plain["schema"] == SCHEMA
    assert {"bug", "components", "confident", "agrees", "of", "candidates", "explains", "text"} <= set(plain["diagnoses"][0])


@pytest.mark.parametrize("records", [conformant(), nonconformant(), [conformant(), nonconformant()]], ids=["one", "failing", "two"])
def test_what_is_saved_fits_the_json_schema(records: Record | list[Record], tmp_path: Path) -> None:
    save(records, tmp_path / "r.json")
    jsonschema.validate(json.loads((tmp_path / "r.json").read_text()), json_schema())


def test_the_json_schema_refuses_a_status_that_there_is_not(tmp_path: Path) -> None:
    save(conformant(), tmp_path / "r.json")
    plain = json.loads((tmp_path / "r.json").read_text())
    plain["results"][0]["status"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, json_schema())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "has no schema"),
        ('{"schema": "bnspec-report/9"}', "has schema 'bnspec-report/9'"),
        ('{"schema": "bnspec-report/1", "suite": 3}', "says it is 'bnspec-report/1' but is not"),
        ('{"schema": ["x"]}', "has schema"),
    ],
)
def test_a_broken_or_foreign_file_is_refused_in_one_sentence(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(BadRecord, match=r"r\.json") as caught:
        load(tmp_path / "r.json")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="cannot be read: No such file"):
        load(tmp_path / "none.json")


def test_unknown_keys_are_skipped(tmp_path: Path) -> None:
    save(conformant(), tmp_path / "r.json")
    plain = json.loads((tmp_path / "r.json").read_text()) | {"added_later": 1}
    (tmp_path / "r.json").write_text(json.dumps(plain))
    assert load(tmp_path / "r.json") == [conformant()]


def test_a_save_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(conformant(), tmp_path / "r.json")

    def full(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        save(nonconformant(), tmp_path / "r.json")
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert load(tmp_path / "r.json") == [conformant()]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64", "bool"])
def test_arrays_come_back_to_the_bit(dtype: str) -> None:
    numbers = np.array([[0.1, -0.0, 3.0], [np.pi * 1e3, 1e-3, -2.5]])
    if dtype not in ("int64", "bool"):
        numbers = np.where(numbers == 3.0, np.nan, numbers)
    array = numbers.astype(numpy_dtype(dtype))
    encoded = msgspec.json.encode(stored(array))
    back = msgspec.json.decode(encoded, type=Values).numpy()
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_an_array_has_as_many_values_as_its_shape_says() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"shape \[2, 2\] cannot have 3 values"):
        msgspec.convert({"dtype": "float32", "shape": [2, 2], "data": [1.0, 2.0, 3.0]}, Values)


def test_dtypes_that_numpy_lacks_are_known_and_invented_ones_are_not() -> None:
    assert largest("bfloat16") == pytest.approx(3.39e38, rel=1e-3)
    assert largest("float16") == 65504
    with pytest.raises(ValueError, match="'float77' is the name of no dtype"):
        numpy_dtype("float77")


@pytest.mark.parametrize("name", ["../up", "a b", "x;import os", ""])
def test_names_that_go_into_code_and_file_names_are_words(name: str) -> None:
    plain = msgspec.to_builtins(conformant().results[0]) | {"property": name}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(plain, Row)
