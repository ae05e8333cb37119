"""A desk with a student's file and a record of what failed in it, to be replayed and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sample_records import RIGHT_ADAPTER, WRONG_ADAPTER, dx_counterexample, record_of, stored

from bnspec.plugs.load import load
from bnspec.reports.record import Counterexample, Record, Row, save

TARGET = "student.py:Adapter"

IN_FORWARD = "        s = self.setup\n"
"""The first line of the sample's forward."""


def in_forward(line: str, source: str = RIGHT_ADAPTER) -> str:
    """The sample with one more line at the start of forward."""
    return source.replace(IN_FORWARD, f"        {line}\n{IN_FORWARD}", 1)


def changed(**fields: Any) -> Counterexample:
    return msgspec.structs.replace(dx_counterexample(), **fields)


def row_of(example: Counterexample | None, **fields: Any) -> Row:
    """A failing row: by default that of a dx that leaves a term out."""
    usual: dict[str, Any] = {
        "property": "training_gradients_are_exact",
        "chapter": "gradients",
        "dtype": "float32",
        "level": "required",
        "status": "fail",
        "scope": ["grad_train"],
    }
    return Row(**{**usual, **fields}, counterexample=example)


def of_another_answer() -> Counterexample:
    """The record of a law that compares two answers, of which the one it shows is the right one."""
    right = dx_counterexample()
    assert right.expected is not None
    wrong = np.array([[0.5], [-0.5]]) / np.sqrt(1 + 1e-5)
    expected = msgspec.convert(stored(wrong), type(right.expected))
    layer, forward, backward = right.trace
    second = [msgspec.structs.replace(step, layer=2) for step in (layer, forward, backward)]
    trace = [*second, *right.trace]
    shows = msgspec.structs.replace(right.shows, step=5)
    return msgspec.structs.replace(right, got=right.want, want=0.5, expected=expected, trace=trace, shows=shows)


def desk(directory: Path, *rows: Row, source: str = WRONG_ADAPTER, **more: Any) -> Path:
    """Write student.py and the record of these rows; the path of the record. `directory` must be the current one."""
    put(directory, source)
    path = directory / "record.json"
    save(recorded(rows, **more), path)
    return path


def recorded(rows: tuple[Row, ...], **more: Any) -> Record:
    bound = load(TARGET)
    known = {"target": TARGET, "adapter": bound.adapter_source, "bound": bound.bound.splitlines(), "profile": "smoke"}
    return record_of(list(rows), **{**known, **more})


def put(directory: Path, source: str) -> None:
    """Replace the student's file."""
    (directory / "student.py").write_text(source, encoding="utf-8")
