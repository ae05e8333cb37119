"""The judge outlives whatever the judged does, says what it was, and asks on."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import misbehaving
import numpy as np
import pytest
from linking import BAD, X, case, child, contents, fault_of

from bnspec.case import LAYOUTS
from bnspec.plugs import link as link_module
from bnspec.plugs import remote
from bnspec.plugs.lastwords import tidy
from bnspec.plugs.link import Child, Fault, InProcess, open_link
from bnspec.plugs.ration import Packet
from bnspec.plugs.remote import AHEAD, batches
from bnspec.protocol import Message, dtype_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked, and /proc is read")


@pytest.fixture(scope="module")
def quiet() -> Iterator[Child]:
    with child("nothing") as link:
        yield link


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("code", ["f2", "bf2", "f4", "f8"])
@pytest.mark.parametrize("rows", [4, 3000])
def test_in_process_and_child_reply_the_same_bits(quiet: Child, layout: str, code: str, rows: int) -> None:
    x = np.random.default_rng(1).normal(size=(rows, 3)).astype(dtype_of(code))
    with InProcess(lambda: misbehaving.load("nothing")) as here:
        assert contents(here.ask(case(x, 1, layout, code))) == contents(quiet.ask(case(x, 1, layout, code)))
        assert here.started.words.keys() == quiet.started.words.keys()


def test_in_process_and_child_refuse_in_the_same_words() -> None:
    with child("raise") as there, InProcess(lambda: misbehaving.load("raise")) as here:
        faults = [fault_of(link, case(BAD)) for link in (here, there)]
        missing = [fault_of(link, [Message.request("running", layer=9)]) for link in (here, there)]
    for one, other in (faults, missing):
        assert (one.status, one.text, one.op) == (other.status, other.text, other.op)
    assert faults[0].text.splitlines()[0] == "IndexError: list index out of range"
    assert faults[0].text.splitlines()[1].startswith("at misbehaving.py:")
    assert str(missing[0]) == "running: error: there is no layer 9; a request layer=9 must have made it"


@pytest.mark.parametrize(
    ("deed", "status", "text"),
    [
        ("segfault", "crash", "crashed with signal 11 (SIGSEGV)"),
        ("abort", "crash", "crashed with signal 6 (SIGABRT)"),
        ("exit", "crash", "exited with code 3"),
        ("last words", "crash", "exited with code 3\nlast words: what I wanted to say"),
        ("orphans", "crash", "crashed with signal 9 (SIGKILL)"),
        ("close channel", "crash", "exited with code 127"),
        ("sys.exit", "error", "SystemExit: gone\nat misbehaving.py:"),
        ("raise", "error", "IndexError: list index out of range\nat misbehaving.py:"),
        ("hang", "timeout", "no answer within 0.4 s"),
        ("deaf", "timeout", "no answer within 0.4 s"),
        ("stopped", "timeout", "no answer within 0.4 s"),
    ],
)
def test_a_deed_is_a_fault_and_the_next_case_is_answered(quiet: Child, deed: str, status: str, text: str) -> None:
    with child(deed, timeout=0.4) as link:
        fault = fault_of(link, case(BAD))
        assert (fault.status, fault.op) == (status, "forward")
        assert fault.text.startswith(text)
        assert contents(link.ask(case())) == contents(quiet.ask(case()))


@pytest.mark.parametrize("deed", ["flood", "chatter", "close output", "warn", "twins"])
def test_a_deed_that_does_no_harm(quiet: Child, deed: str, capfd: pytest.CaptureFixture[str]) -> None:
    with child(deed) as link:
        for _ in range(2):
            assert contents(link.ask(case(BAD))) == contents(quiet.ask(case(BAD)))
    assert capfd.readouterr() == ("", "")


def test_a_crash_and_a_hang_say_where_they_were() -> None:
    for deed, function in (("segfault", "<lambda>"), ("hang", "hang_in_python")):
        with child(deed, timeout=0.4) as link:
            lines = fault_of(link, case(BAD)).text.splitlines()
        where = next(line for line in lines if line.startswith("  File"))
        assert where.endswith(f"in {function}")
        assert "misbehaving.py" in where
        assert not any("servant.py" in line or "0x" in line for line in lines)


def test_a_large_request_is_answered_and_one_that_nobody_reads_is_a_timeout() -> None:
    large = np.random.default_rng(2).normal(size=(100_000, 3)).astype(np.float32)
    with child("deaf", timeout=0.4) as link:
        assert link.ask(case(large))[1].arrays["y"].shape == large.shape
        assert fault_of(link, [*case(BAD)[:2], *case(large)]).status == "timeout"
        assert link.ask(case(large))[1].arrays["y"].shape == large.shape


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("nowhere", "error", "there is no target called nowhere; name a file or a module"),
        ("import segfault", "crash", "it cannot be loaded: its process crashed with signal 11 (SIGSEGV)"),
        ("import last words", "crash", "it cannot be loaded: its process exited with code 3\nlast words: what I wanted to say"),
        ("import sys.exit", "error", "SystemExit: gone\nat misbehaving.py:"),
        ("import raise", "error", "IndexError: list index out of range\nat misbehaving.py:"),
        ("import hang", "timeout", "it cannot be loaded: no answer within 0.6 s"),
    ],
)
def test_a_target_that_cannot_be_started(target: str, status: str, text: str) -> None:
    with pytest.raises(Fault) as caught:
        child(target, timeout=0.2 if status == "timeout" else 10.0)
    assert (caught.value.status, caught.value.op) == (status, "start")
    assert caught.value.text.startswith(text)
    assert target != "nowhere" or caught.value.text == text


def test_in_process_says_a_missing_target_in_the_same_words() -> None:
    with pytest.raises(Fault) as caught:
        InProcess(lambda: misbehaving.load("nowhere"))
    assert caught.value.text == "there is no target called nowhere; name a file or a module"


def test_spawned_children_recover_too(quiet: Child) -> None:
    with child("exit", kind="spawn") as link:
        assert fault_of(link, case(BAD)).text == "exited with code 3"
        assert contents(link.ask(case())) == contents(quiet.ask(case()))


def test_small_lists_go_together_and_large_ones_one_by_one() -> None:
    small = [Packet.of(request) for request in case()]
    large = [Packet.of(request) for request in case(np.zeros((AHEAD // 12, 3), np.float32))]
    assert [len(batch) for batch in batches(small)] == [4]
    assert [len(batch) for batch in batches(large)] == [1, 1, 1, 1]


def test_a_preload_that_ends_the_fork_server_means_spawning(quiet: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fatal_import.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with child("exit", preload=("numpy", "fatal_import")) as link:
        assert contents(link.ask(case())) == contents(quiet.ask(case()))
        assert fault_of(link, case(BAD)).text == "exited with code 3"
        assert contents(link.ask(case())) == contents(quiet.ask(case()))


def test_torch_is_preloaded_once_it_was_seen() -> None:
    pytest.importorskip("torch")
    with Child("torch", loader="misbehaving:load_with_torch", timeout=60.0) as link:
        assert link.started.text("name") == "torch was there before: False"
        fault_of(link, case(BAD))
        assert link.ask(case())[1].ok
        assert link.started.text("name") == "torch was there before: True"


def test_open_link_loads_an_adapter_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        textwrap.dedent("""
        class Layer:
            def forward(self, x, *, training):
                return x * 2
        class Adapter:
            name = "doubler"
            def layer(self, setup):
                return Layer()
        """)
    )
    for in_process in (False, True):
        with open_link(f"{path}:Adapter", in_process=in_process) as link:
            assert link.started.text("name") == "doubler"
            assert link.ask(case()[:2])[1].arrays["y"].tobytes() == (X * 2).tobytes()
        with pytest.raises(Fault) as caught:
            open_link(f"{path}:Adaptor", in_process=in_process)
        assert caught.value.status == "error"
        assert "Adaptor" in caught.value.text


@pytest.mark.parametrize(
    ("target", "kind", "preload"),
    [("torch", "fork", ("numpy", "torch")), ("torch.nn:BatchNorm1d", "fork", ("numpy", "torch")), ("jax", "spawn", ("numpy",)),
     ("keras.layers:BatchNormalization", "spawn", ("numpy",)), ("torchlike.py:BN", "fork", ("numpy",))],
)  # fmt: skip
def test_what_is_forked_and_what_is_spawned(
    target: str, kind: str, preload: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(link_module, "Child", lambda target, **options: seen.update(options))
    open_link(target)
    assert (seen["kind"], seen["preload"]) == (kind, preload)


def test_words_are_tidied() -> None:
    frames = f'  File "mybn.py", line 5 in f\n  File "{link_module.__file__}", line 7 in g\n'
    words = f"noise\nCurrent thread 0x00007f37 [python] (most recent call first):\n{frames}Extension modules: numpy (total: 1)\n"
    assert tidy(words) == 'noise\ncalls, the latest first:\n  File "mybn.py", line 5 in f'
    assert tidy("x" * 5000) == "x" * 2000


def test_ctrl_c_between_request_and_reply_leaves_no_stale_answer(quiet: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Message:
        raise KeyboardInterrupt

    with child("nothing") as link:
        with monkeypatch.context() as patch:
            patch.setattr(remote, "receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                link.ask(case(X + 1))
        assert contents(link.ask(case())) == contents(quiet.ask(case()))
