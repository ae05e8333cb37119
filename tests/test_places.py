"""Nothing is written but where it was asked for, whatever a record calls its target and its laws, and whatever links lie there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
from sample_records import nonconformant

from bnspec.reports import directory
from bnspec.reports.pages import index
from bnspec.reports.repro import MARK, write_repros

TARGETS = [
    "../../x",
    "/etc/passwd",
    "CON",
    "nul",
    "a" * 5000,
    "a\0b",
    "a\nb",
    "..",
    "",
    "\u202e",
    "C:\\x",
    "CON",
    "com1",
    "~/x",
    "-rf",
]


def below(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


def test_names_in_a_record_never_lead_out_of_the_directory(tmp_path: Path) -> None:
    records = [nonconformant(target=target) for target in TARGETS]
    places = index.places(records)
    assert len(set(places)) == len(TARGETS)
    assert all(re.fullmatch("[a-z0-9][a-z0-9-]{0,80}", place) for place in places)
    assert not {"con", "nul", "com1"} & set(places)
    directory.write_all(records[:3], tmp_path / "out")
    assert below(tmp_path) - {"out"} == {f"out/{name}" for name in below(tmp_path / "out")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*places[:3], "index.html", "index.md"}


def test_script_names_differ_also_where_case_does_not_count(tmp_path: Path) -> None:
    row = next(row for row in nonconformant().results if row.counterexample and row.counterexample.trace)
    names = ["x" * 100, "X" * 100, "con", "CON"]
    rows = [msgspec.structs.replace(row, property=name, repro="repro_old.py") for name in names]
    written = write_repros(msgspec.structs.replace(nonconformant(), results=rows), tmp_path)
    scripts = [one.repro or "" for one in written.results]
    assert len({name.lower() for name in scripts}) == len({path.name for path in tmp_path.iterdir()}) == 4
    assert max(map(len, scripts)) < 255


def test_links_in_the_output_directory_are_replaced_and_never_followed(tmp_path: Path) -> None:
    precious, other = tmp_path / "precious.txt", tmp_path / "other"
    precious.write_text(f"{MARK}precious")
    other.mkdir()
    out = tmp_path / "out"
    (out / "one").mkdir(parents=True)
    (place,) = index.places([nonconformant()])
    (out / place).symlink_to(other, target_is_directory=True)
    for name in ("index.html", "index.md", "one/report.json", "one/report.html", "one/repro_old.py"):
        (out / name).symlink_to(precious)
    os.mkfifo(out / "one" / "repro_pipe.py")
    directory.write_all([nonconformant()], out)
    directory.write(nonconformant(), out / "one")
    assert precious.read_text() == f"{MARK}precious"
    assert not list(other.iterdir())
    assert (out / "one" / "repro_old.py").is_symlink()
    assert not any((out / name).is_symlink() for name in (place, "index.html", "one/report.json", "one/report.html"))
