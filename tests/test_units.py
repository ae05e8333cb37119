"""Units and blocks: the same whoever asks them, in whatever order, and counted once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from comparing import timeless
from mistakes import RIGHT, source

from bnspec.cli.boards import Board
from bnspec.cli.crews import Asking
from bnspec.cli.jobs import Alone
from bnspec.cli.joining import joined
from bnspec.cli.keeping import kept_rows, opened
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, unasked
from bnspec.cli.screen import Screen
from bnspec.cli.units import SECONDS, Known, Message, Opened, Task, Unit, seconds_of, units_of
from bnspec.properties.blocks import BLOCK, GUIDED, blocks_of
from bnspec.properties.catalogue import all_laws, deep_laws
from bnspec.reports.record import Record, Row, as_json

LAW = "no_value_lies_beyond_the_root_of_m_minus_one"

MANY = Options(profile="standard", cases=BLOCK + 20, only=(LAW,), dtypes=("float32",), in_process=True)


class Shuffling(Alone):
    """Asks in this process; tells units in a shuffled order, and each row twice."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._held: list[Task] = []

    def room(self) -> int:
        return 100 - len(self._held)

    def send(self, task: Task) -> None:
        self._held.append(msgspec.json.decode(as_json(task), type=Task))  # a plain value, as it travels
        self._names = {**getattr(self, "_names", {}), id(self._held[-1]): task}

    def heard(self, seconds: float) -> Iterator[tuple[Task, Message | str]]:
        self._random.shuffle(self._held)
        held, self._held = self._held, []
        for task in held:
            super().send(task)
            for one, message in [*super().heard(0.0)]:
                yield self._names[id(one)], message
                if isinstance(message, Known):
                    yield self._names[id(one)], message


def asked(target: str, crew: Any, options: Options) -> Record:
    with Progress(Screen(), target) as progress:
        found = Asking(crew, [lambda: Board(target, options)]).outcome(0, progress).record
    crew.close()
    return found


@pytest.mark.parametrize(("text", "status"), [(RIGHT, "pass"), (source("beta lost"), "fail")])
def test_units_in_any_order_make_one_record(text: str, status: str, tmp_path: Path) -> None:
    (tmp_path / "layer.py").write_text(text, encoding="utf-8")
    target = str(tmp_path / "layer.py")
    in_order, shuffled = (timeless(asked(target, crew, MANY)) for crew in (Alone(), Shuffling(1)))
    assert in_order == shuffled
    (row,) = in_order[1]
    assert row.status == status
    assert status == "fail" or row.examples == BLOCK + 20


def test_what_is_kept_is_not_asked_again(tmp_path: Path) -> None:
    (tmp_path / "layer.py").write_text(RIGHT, encoding="utf-8")
    target = str(tmp_path / "layer.py")
    file, _ = opened(tmp_path, {"target": target})
    kept = Options(**{**MANY.__dict__, "kept": str(file)})
    whole = asked(target, Alone(), kept)
    assert {block for _, _, block in kept_rows(file)} == {0, 1}
    file.write_bytes(b"\n".join(file.read_bytes().splitlines()[:2]) + b"\n")
    again = asked(target, Alone(), kept)
    assert timeless(again) == timeless(whole)
    assert len(file.read_bytes().splitlines()) == 3


def row(status: str, examples: int = 10, ratio: float = 0.1, **more: Any) -> Row:
    said = {"informative": examples, "worst_ratio": ratio, "climb": [(examples, ratio)], **more}
    return Row(property="one", chapter="forward", dtype="float32", level="required", status=status, examples=examples, **said)  # type: ignore[arg-type]


PLANNED = row("not-run", 0, 0.0, climb=[])


def test_blocks_that_pass_are_added_up() -> None:
    found = joined(PLANNED, {1: row("pass", 5, 0.3), 0: row("pass", 10, 0.2), 2: row("pass", 5, 0.1)}, 3)
    assert (found.status, found.examples, found.worst_ratio) == ("pass", 20, 0.3)
    assert found.climb == [(10, 0.2), (15, 0.3)], "the cases of one block come after those of the one before it"


def test_a_failure_ends_the_count_whatever_came_first() -> None:
    found = joined(PLANNED, {3: row("fail", 1, 9.0, reason="late"), 1: row("fail", 2, 5.0, reason="early"), 0: row("pass")}, 4)
    assert (found.status, found.reason, found.examples, found.worst_ratio) == ("fail", "early", 12, 5.0)


def test_a_block_that_is_missing_leaves_the_row_open() -> None:
    found = joined(PLANNED, {0: row("pass"), 2: row("pass")}, 3, "the worker is gone")
    assert (found.status, found.reason) == ("cut", "2 of 3 blocks of its cases were asked: the worker is gone")
    assert joined(PLANNED, {}, 3, "the worker is gone").status == "not-run"


def test_blocks_that_show_too_little_show_enough_together() -> None:
    rows = {0: row("pass", 90, informative=30), 1: row("vacuous", 10, informative=0)}
    assert joined(PLANNED, rows, 2).status == "pass"
    assert joined(PLANNED, {0: row("vacuous", 90, informative=2), 1: row("vacuous", 10, informative=1)}, 2).status == "vacuous"


@pytest.mark.parametrize("law", [*all_laws(), *deep_laws()], ids=lambda law: str(law.name))
def test_a_deep_run_asks_every_law_ten_thousand_cases_and_seeks_the_worst(law: Any) -> None:
    blocks = blocks_of(law, 10_000, deep=True)
    assert [block.number for block in blocks] == list(range(len(blocks)))
    assert len({block.seed(0, law) for block in blocks}) == len(blocks)
    if not law.parts:
        assert sum(block.cases for block in blocks if not block.guided) == 10_000
        assert sum(block.guided for block in blocks) == GUIDED
    assert blocks_of(law, 300)[0].seed(7, law) == f"7/{law.name}", "other profiles have the cases that they always had"


@pytest.mark.parametrize("examples", [16, 300, 10_000])
def test_each_block_is_in_one_unit_and_a_unit_lasts_no_longer_than_it_is_to(examples: int) -> None:
    options = Options(profile="deep", cases=examples)
    laws = {law.name: law for law in (*all_laws(), *deep_laws())}
    rows = [
        Row(property=name, chapter=law.chapter, dtype=dtype, level="required", status="not-run")  # type: ignore[arg-type]
        for dtype in ("float32", "float64")
        for name, law in laws.items()
    ]
    units = units_of("layer.py", options, Opened(unasked("layer.py", options, ""), rows, examples))
    asked_for = [(name, unit.dtype, unit.block) for unit in units for name in unit.properties]
    wanted = {
        (row.property, row.dtype, block.number) for row in rows for block in blocks_of(laws[row.property], examples, deep=True)
    }
    assert len(asked_for) == len(set(asked_for))
    assert set(asked_for) == wanted
    assert max(map(lasting(laws, examples), units)) <= SECONDS


def lasting(laws: dict[str, Any], examples: int) -> Any:
    def seconds(unit: Unit) -> float:
        assert unit.block is not None
        return sum(seconds_of(laws[name], blocks_of(laws[name], examples, deep=True)[unit.block], 0.0) for name in unit.properties)

    return seconds
