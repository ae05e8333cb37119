"""`bnspec protocol-test` finds nothing wrong with right drivers, and says in one sentence what each wrong message has."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnspec.cli.protocol_test import outcome, run
from bnspec.plugs.births import Nursery
from bnspec.plugs.protocol_checks import CHECKS

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="programs are started by forking")

MANUAL = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text().partition("```python\n")[2].partition("```")[0]
"""The driver in the manual."""

ANSWER = "sink.write(f\"id={words['id']} {reply}\\n\".encode() + payload)"
"""Where it answers."""

LAST = 'if words["op"] == "stop":\n        break'
"""Where it ends."""

MISTAKES = {
    "the reply to start must repeat id=1; it has no id=": (ANSWER, 'sink.write(f"{reply}\\n".encode() + payload)'),
    "the reply to start must repeat id=1; it has id=7": (ANSWER, 'sink.write(f"id=7 {reply}\\n".encode() + payload)'),
    "the reply to start must have ok=1 or ok=0; it has ok=yes": ("ok=1 protocol", "ok=yes protocol"),
    "the reply to start must have backward=0 or backward=1": ("backward=0 ", ""),
    "the reply to start must have protocol=1": ("protocol=1 backward", "protocol=one backward"),
    "another version of the protocol is to be answered ok=0 kind=error": ('words["protocol"] != "1"', "False"),
    "an operation that is not known is to be answered kind=unsupported; levitate was": ("kind=unsupported", "kind=error"),
    "a reply with ok=0 must have kind=unsupported or kind=error; that to levitate has no kind=": (" kind=unsupported", ""),
    "must say why, in an array text:u1:BYTES; that to levitate has none": (" text:u1:11", " why:u1:11"),
    "the reply to forward is no message: a message begins with a line of ASCII words": ("ok=1 y:f4:", "ok=1 ŷ:f4:"),
    "the reply to forward must have the array y; it has out": ("ok=1 y:f4:", "ok=1 out:f4:"),
    "y must have the sizes 4,3; the reply to forward has 12": ("y:f4:{shapes['x']}", "y:f4:{len(arrays['x'])}"),
    "y must be f4, as what was sent; the reply to forward has i4": ("ok=1 y:f4:", "ok=1 y:i4:"),
    "the program has a reply to forward that promises more bytes than come within": (
        'arrays["x"]).tobytes()', 'arrays["x"]).tobytes()[:-1]'
    ),
    "after the reply to forward comes more than its line promises: b'\\x00'": (
        'arrays["x"]).tobytes()', 'arrays["x"]).tobytes() + bytes(1)'
    ),
    "look in which order bytes, axes and arrays are read": ("values = x[c::channels]", "values = x[c::channels][::-1]"),
    "the program has a reply to layer that does not come; it exited with code 1": ("else data", "else array.array('f', data)"),
    "two layers of different beta answer the same": ('number = words["op"], words.get("layer")', 'number = words["op"], "1"'),
    "a layer that nobody has made is to be answered kind=error; forward was answered kind=unsupported": (
        'raise ValueError(f"there is no layer {number}")', 'return "ok=0 kind=unsupported text:u1:2", b"no"'
    ),
    "after stop the program goes on, where it is to exit": (LAST, f"{LAST[:-5]}import time\n        time.sleep(60)"),
    "the channel has ended and the program goes on": (LAST, f"{LAST}\nelse:\n    import time\n    time.sleep(60)"),
}  # fmt: skip
"""What is said, by the change to the manual's driver that it is said of."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def driver(path: Path, old: str = "", new: str = "") -> Path:
    """The manual's driver with one change."""
    assert old in MANUAL
    text = MANUAL.replace(old, new) if old else MANUAL
    path.write_text(text.replace("#!/usr/bin/env python3", f"#!{sys.executable}"))
    path.chmod(0o755)
    return path


def test_the_drivers_in_the_manual_and_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(driver(tmp_path / "driver")), timeout=5) == 0
    shown = capsys.readouterr().out
    assert shown.count("\nok ") + shown.startswith("ok ") + shown.count("\nnot offered ") == len(CHECKS)
    assert "start says backward=0" in shown
    assert "nothing is wrong with its messages" in shown


@pytest.mark.parametrize("sentence", MISTAKES)
def test_one_sentence_for_each_mistake(sentence: str, tmp_path: Path, nursery: Nursery) -> None:
    path = driver(tmp_path / "driver", *MISTAKES[sentence])
    outcomes = (outcome(check, nursery, [str(path)], 0.5) for check in (CHECKS[-3:] if "goes on" in sentence else CHECKS))
    assert any(verdict == "wrong" and sentence in why for verdict, why in outcomes)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("#!/bin/sh\nread request\nexit 3\n", "the program has a reply to start that does not come; it exited with code 3"),
        ("#!/bin/sh\nexec sleep 60\n", "the program has a reply to start that does not come within 0.3 s"),
        (
            "#!/bin/sh\necho bnspec-protocol 1\necho Hello, world\nsleep 60\n",
            "the reply to start is no message: a word is name=value",
        ),
    ],
)
def test_programs_that_are_no_drivers(script: str, sentence: str, tmp_path: Path, nursery: Nursery) -> None:
    path = tmp_path / "program"
    path.write_text(script)
    path.chmod(0o755)
    verdict, why = outcome(CHECKS[0], nursery, [str(path)], 0.3)
    assert verdict == "wrong"
    assert why.startswith(sentence)


def test_what_is_no_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("mybn.py:BN", timeout=1) == 2
    assert "is no program; name an executable file by its path" in capsys.readouterr().err
