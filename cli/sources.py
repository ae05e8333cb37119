"""The code of targets on its way to a worker elsewhere: the user's own files are sent along, what is installed is not."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from bnspec.cli.fingerprint import Imports
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.program import command_of
from bnspec.plugs.target import parse

LARGEST = 16 << 20
"""Bytes of code that are sent along; what is larger should lie where the workers find it."""


class TooLarge(Exception):
    """More than should be sent with each unit; the message is one sentence."""


class Home(msgspec.Struct, frozen=True):
    """Where code is at home. `place`: the directory in which the check runs; `files`: name, below it or absolute -> content."""

    place: str
    files: dict[str, bytes]

    def encoded(self) -> bytes:
        """As bytes."""
        return msgspec.msgpack.encode(self)


def home_of(targets: Sequence[str], convention: str | None) -> Home:
    """The current directory, with all code of the targets in it that is not installed, and the file of a convention."""
    here, seen = Path.cwd(), Imports()
    named = [Path(convention)] if convention is not None and Path(convention).is_file() else []
    for target in targets:
        if command := command_of(target):
            named += [Path(word) for word in command[1:] if Path(word).is_file()]
            continue
        try:
            place = parse(target).place
        except TargetError:
            continue
        if Path(place).is_file():
            named.append(Path(place))
            seen.file(Path(place))
        else:
            seen.module(place, [str(here)])
    files = {_name(path.resolve(), here): path.read_bytes() for path in (*named, *seen.files)}
    if (size := sum(map(len, files.values()))) > LARGEST:
        raise TooLarge(
            f"the files of the targets come to {size >> 20} MiB, and {LARGEST >> 20} are sent at most; put them where the workers"
            " find them, and name them by that path"
        )
    return Home(str(here), files)


def _name(path: Path, here: Path) -> str:
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


class Settled(msgspec.Struct, frozen=True):
    """Where code lies on this machine.

    place   the directory to run in
    moved   path there -> path here, of what lies elsewhere
    """

    place: Path
    moved: dict[str, str]

    def task(self, told: bytes) -> bytes:
        """What is told to a worker, in the paths of this machine."""
        for there, here in self.moved.items():
            told = told.replace(there.encode(), here.encode())
        return told

    def answer(self, told: bytes) -> bytes:
        """What a worker tells, in the paths of the machine that asks."""
        for there, here in self.moved.items():
            told = told.replace(here.encode(), there.encode())
        return told


@cache
def settled(encoded: bytes) -> Settled:
    """Where the code is: where it always was, if the same files are there, as on a shared disk; else written into a new place."""
    home = msgspec.msgpack.decode(encoded, type=Home)
    there = Path(home.place)
    if there.is_dir() and all(_is(there / name, content) for name, content in home.files.items()):
        return Settled(there, {})
    here = Path(tempfile.mkdtemp(prefix="bnspec-")).resolve()
    moved = {}
    for name, content in home.files.items():
        path = here / name
        if Path(name).is_absolute():
            path = here / "elsewhere" / hashlib.sha256(str(Path(name).parent).encode()).hexdigest()[:12] / Path(name).name
            moved[str(Path(name).parent) + os.sep] = str(path.parent) + os.sep
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Settled(here, {**moved, home.place + os.sep: str(here) + os.sep})


def _is(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
