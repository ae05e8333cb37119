"""The files that `bnspec check` was asked for: whether they can be written, and writing them."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass, replace
from pathlib import Path

from bnspec.reports import directory, record
from bnspec.reports.pages import index
from bnspec.reports.record import Record
from bnspec.reports.repro import write_repros

OPENS = "PATH = Path("
"""How the line of an adapter begins that says which file it is for."""


@dataclass(frozen=True)
class Outputs:
    """What --json, --report and --save-adapter name, for so many targets."""

    targets: int
    json: Path | None = None
    report: Path | None = None
    adapter: Path | None = None

    def trouble(self) -> str:
        """One sentence where something cannot be written, before time is spent on what could not be kept; "" where all can."""
        if self.json is not None and self.json.is_dir():
            return f"--json names a file to write; {self.json} is a directory"
        if self.report is not None and self.report.exists() and not self.report.is_dir():
            return f"--report names a directory to write into; {self.report} is a file"
        if self.adapter is not None and (self.adapter.suffix != ".py" or self.targets != 1):
            return f"--save-adapter names a Python file to write, for one target; got {self.adapter} for {self.targets}"
        places = (("--json", self.json and self.json.parent), ("--save-adapter", self.adapter and self.adapter.parent))
        return next(filter(None, (unusable(*place) for place in places)), "") or unusable("--report", self.report)

    def possible(self) -> Outputs:
        """Those of them that can be written."""
        without_report = replace(self, report=None)
        without_json = replace(self, json=None)
        only_records = replace(self, adapter=None)
        ways = (self, only_records, without_report, without_json, replace(without_report, adapter=None))
        return next((one for one in ways if not one.trouble()), Outputs(self.targets))

    def forget(self) -> None:
        """Take away what an earlier run left: where this one is killed, no older verdict may stand for its own."""
        pages = ("report.json", "junit.xml", "report.md", "report.html", "index.html", "index.md")
        for path in [self.json, *(self.report and self.report / page for page in pages)]:
            if path is not None and path.is_file() and not path.is_symlink():
                path.unlink()

    def write(self, records: list[Record]) -> list[str]:
        """Write what was asked for, anew after each target, so that whatever ends us loses nothing; the latest target's paths."""
        files: list[Path] = []
        if self.report is not None:
            place = self.report if self.targets == 1 else directory.below(self.report, index.places(records)[-1])
            records[-1] = write_repros(records[-1], place)
            files = directory.write(records[-1], place)
            if self.targets > 1:
                index.write(records, self.report)
        if self.json is not None:
            record.save(records[0] if self.targets == 1 else records, self.json)
            files.append(self.json)
        if self.adapter is not None and records[-1].adapter:
            self.adapter.write_text(standing_alone(records[-1].adapter, self.adapter), encoding="utf-8")
            files.append(self.adapter)
        return [str(path) for path in files]


def standing_alone(adapter: str, file: Path) -> str:
    """The text of an adapter that is to lie in `file`: it finds the code that it is for from there."""
    lines = []
    for line in adapter.splitlines():
        if line.startswith(OPENS):
            place = Path(ast.literal_eval(line.removeprefix(OPENS).removesuffix(")")))
            near = Path(os.path.relpath(place.resolve(), file.resolve().parent)).as_posix()
            line = f"PATH = Path(__file__).resolve().parent / {near!r}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def unusable(option: str, place: Path | None) -> str:
    """One sentence where no file can be made in a directory, which is made first where it is missing; "" where one can."""
    if place is None:
        return ""
    why = ""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        why = "it is a file"
    except OSError as trouble:
        why = (trouble.strerror or str(trouble)).lower()
    if not why and not os.access(place, os.W_OK):
        why = "permission denied"
    return f"{option} cannot write into {place}: {why}" if why else ""
