"""Programs in other languages are asked over the same protocol."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from linking import X, case, fault_of, right

from bnspec.plugs.link import Fault, Program, open_link
from bnspec.protocol import Message

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked, and /proc is read")


ECHO = """\
#!{python}
import os, sys
stdio = {stdio}
if stdio:
    os.write(1, {greeting!r})
else:
    print("noise before anything else")
    sys.stdout.flush()
source, sink = (0, 1) if stdio else (int(os.environ["BNSPEC_IN"]), int(os.environ["BNSPEC_OUT"]))
source, sink = open(source, "rb"), open(sink, "wb", buffering=0)
SIZES = dict(f2=2, bf2=2, f4=4, f8=8, i4=4, i8=8, u1=1)
for line in source:
    words, arrays = {{}}, {{}}
    for word in line.decode().split():
        if "=" in word:
            name, _, words[name] = word.partition("=")
        else:
            name, dtype, sizes = word.split(":")
            count = SIZES[dtype]
            for size in sizes.split(","):
                count *= int(size)
            arrays[name] = dtype, sizes, source.read(count)
    op, reply, payload = words["op"], "ok=1", b""
    if op == "start":
        reply += " protocol=1 backward=0 running=0 name:u1:4"
        payload = b"echo"
    elif op == "layer" and words.get("eps") == "3.0":
        while True: pass
    elif op == "layer" and words.get("eps") == "4.0":
        os.write(sink.fileno(), b"Traceback, what else\\n")
    elif op == "forward":
        dtype, sizes, payload = arrays["x"]
        reply += f" y:{{dtype}}:{{sizes}}"
        if not stdio:
            print("noise " * 100_000)
    elif op != "layer" and op != "stop":
        reply, payload = "ok=0 kind=unsupported text:u1:2", b"no"
    sink.write(f"id={{words['id']}} {{reply}}\\n".encode() + payload)
    if op == "stop":
        break
"""


@pytest.fixture
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A driver written with nothing but the standard library, on its own descriptors or on stdin and stdout."""
    path = tmp_path / "echo"
    path.write_text(ECHO.format(python=sys.executable, stdio=request.param == "stdio", greeting=b"bnspec-protocol 1\n"))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("program", ["descriptors", "stdio"], indirect=True)
def test_a_program_in_another_language(program: Path) -> None:
    with open_link(str(program), timeout=0.5) as link:
        assert isinstance(link, Program)
        assert link.started.text("name") == "echo"
        for x in (X, np.zeros((0, 3), np.float32), np.random.default_rng(0).normal(size=(100_000, 3))):
            assert link.ask(case(x)[:2])[1].arrays["y"].tobytes() == x.tobytes()
        assert fault_of(link, case()).status == "unsupported"
        large = case(np.zeros((100_000, 3), np.float32))[1]
        never_reads = Message.request("layer", layer=2, eps=3.0, gamma=np.zeros(8))
        assert fault_of(link, [never_reads, large]).status == "timeout"
        assert link.ask(case()[:2])[1].arrays["y"].tobytes() == X.tobytes()
        no_message = fault_of(link, [Message.request("layer", layer=2, eps=4.0)])
        assert no_message.status == "error"
        assert no_message.text.startswith("the answer is not a message of the protocol: a word is name=value")
        assert link.ask(case()[:2])[1].arrays["y"].tobytes() == X.tobytes()


def test_the_driver_in_the_manual(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text()
    source = manual.partition("```python\n")[2].partition("```")[0].replace("#!/usr/bin/env python3", f"#!{sys.executable}")
    path = tmp_path / "driver"
    path.write_text(source)
    path.chmod(0o755)
    with open_link(str(path)) as link:
        for ours, theirs in zip(link.ask(case()[:3]), right(case()[:3]), strict=True):
            assert ours.arrays.keys() == theirs.arrays.keys()
            for name, array in ours.arrays.items():
                np.testing.assert_array_max_ulp(array, theirs.arrays[name].astype(np.float32), 4)
        assert fault_of(link, case()[3:]).status == "unsupported"
        assert fault_of(link, case(np.zeros((4, 3)), code="f8")).status == "unsupported"
        assert fault_of(link, case(np.zeros((0, 3), np.float32))).text.startswith("ZeroDivisionError")
        assert link.ask(case()[:2])[0].ok


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 5\n", "#!/bin/sh\necho sorry\nexec >&-\nexit 5\n"])
def test_a_program_that_ends_at_once(tmp_path: Path, script: str) -> None:
    path = tmp_path / "short"
    path.write_text(script)
    path.chmod(0o755)
    with pytest.raises(Fault) as caught:
        open_link(f"{path} --argument")
    assert (caught.value.status, caught.value.text.partition("\n")[0]) == (
        "crash",
        "it cannot be loaded: its process exited with code 5",
    )
