"""The judge outlives whatever the judged does, says what it was, and asks on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import misbehaving
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnspec.case import LAYOUTS
from bnspec.plugs import link as link_module
from bnspec.plugs import ration, remote
from bnspec.plugs.lastwords import tidy
from bnspec.plugs.link import BudgetSpent, Child, Fault, InProcess, Program, open_link
from bnspec.plugs.ration import Budget, Pace, Packet
from bnspec.plugs.remote import AHEAD, batches
from bnspec.protocol import Message, dtype_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked, and /proc is read")

X = np.arange(12, dtype=np.float32).reshape(4, 3)
BAD = X + np.float32(misbehaving.TRIGGER)


def child(target: str, **options: Any) -> Child:
    return Child(target, loader="misbehaving:load", **options)


def case(x: np.ndarray = X, layer: int = 1, layout: str = "contiguous", code: str = "f4") -> list[Message]:
    """A fresh layer, a training forward, the running statistics and the gradients."""
    ones, zeros = np.ones(x.shape[1], np.float32), np.zeros(x.shape[1], np.float32)
    parameters = {"gamma": ones * 2, "beta": ones, "running_mean": zeros, "running_var": ones}
    setup = {"dtype": code, "axis": 1, "rank": x.ndim, "channels": x.shape[1], "eps": 1e-5, "momentum": 0.1}
    return [
        Message.request("layer", layer=layer, **setup, **parameters),
        Message.request("forward", layer=layer, training=True, layout=layout, x=x),
        Message.request("running", layer=layer),
        Message.request("backward", layer=layer, dy=x[::-1]),
    ]


def fault_of(link: Child | InProcess | Program, requests: list[Message]) -> Fault:
    with pytest.raises(Fault) as caught:
        link.ask(requests)
    return caught.value


def contents(replies: list[Message]) -> list[Any]:
    return [(dict(reply.words), {name: (a.dtype, a.shape, a.tobytes()) for name, a in reply.arrays.items()}) for reply in replies]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that its new parent has not looked at yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def gone(pids: list[int]) -> bool:
    """Whether all of them end; they are given ten seconds."""
    for _ in range(200):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.05)
    return False


def children_of(pid: int) -> list[int]:
    """Its descendants, itself included."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for below in (task / "children").read_text().split():
            found += children_of(int(below))
    return found


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
        ("last words", "crash", "exited with code 3\nlast words:\nwhat I wanted to say"),
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
        ("import segfault", "crash", "crashed with signal 11 (SIGSEGV)"),
        ("import last words", "crash", "exited with code 3\nlast words:\nwhat I wanted to say"),
        ("import sys.exit", "error", "SystemExit: gone\nat misbehaving.py:"),
        ("import raise", "error", "IndexError: list index out of range\nat misbehaving.py:"),
        ("import hang", "timeout", "no answer within 0.6 s"),
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


def test_a_fatal_list_is_remembered_and_not_asked_again(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    with child(f"exit {log}") as link:
        faults = [fault_of(link, case(BAD)) for _ in range(3)]
        link.renew()
        faults.append(fault_of(link, case(BAD)))
        assert len(log.read_bytes()) == 1
        assert {(fault.status, fault.text, fault.op) for fault in faults} == {("crash", "exited with code 3", "forward")}
        # The same forward after another history is another question.
        fault_of(link, [*case()[:2], *case(BAD)[1:]])
        assert len(log.read_bytes()) == 3
        # Errors are not fatal: they are asked again.
        link.ask(case())
        assert fault_of(link, [Message.request("running", layer=7)]).status == "error"


def test_history_is_kept_across_asks_and_layers(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    with child(f"exit {log}") as link:
        bad = case(BAD)[1:2]
        for first in (X, X + 1, X):
            link.ask(case(first)[:2])
            assert fault_of(link, bad).text == "exited with code 3"
        assert len(log.read_bytes()) == 5  # the third time its forward was asked, and the fatal one was remembered


def test_a_layer_that_died_raises_the_same_fault_until_it_is_made_anew() -> None:
    with child("exit") as link:
        link.ask(case(layer=2))
        fatal = fault_of(link, case(BAD))
        for number in (1, 2):
            later = fault_of(link, [Message.request("running", layer=number)])
            assert (later.status, later.text) == (fatal.status, fatal.text)
        assert link.ask(case())[3].ok
        assert link.ask([Message.request("running", layer=1)])[0].ok
        assert fault_of(link, [Message.request("running", layer=2)]).status == "crash"
        # A remembered fault takes the layer that it is about with it, as the crash did.
        fault_of(link, case(BAD))
        assert fault_of(link, [Message.request("running", layer=1)]).status == "crash"


def test_all_faults_are_raised_on_one_line() -> None:
    """Hypothesis takes exceptions from two lines for two failures."""
    places = set()
    with child("exit") as link, child("raise") as other, InProcess(lambda: misbehaving.load("raise")) as here:
        for asked in (link, link, other, here):
            frame = traceback.extract_tb(fault_of(asked, case(BAD)).__traceback__)[-1]
            places.add((frame.filename, frame.lineno))
    assert len(places) == 1


def test_the_budget_of_restarts_ends_a_property_and_not_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ration.Budget.__init__, "__defaults__", (5, 10.0, 10))
    with child("exit") as link:
        for k in range(6):
            assert fault_of(link, case(BAD + np.float32(k))).status == "crash"
        with pytest.raises(BudgetSpent):
            link.ask(case())
        assert fault_of(link, case(BAD)).status == "crash"
        link.renew()
        assert link.ask(case())[1].ok


def test_what_a_budget_holds() -> None:
    assert not Budget().spent
    assert [Budget(restarts=0).spent, Budget(hangs=0).spent] == [True, True]
    spent = []
    budget, slow = Budget(), Budget()
    for _ in range(40):
        budget.restarted(0.01)
        spent.append(budget.spent)
    assert spent == [False] * 39 + [True]
    slow.restarted(10.5)
    assert slow.spent


def test_the_limit_after_the_first_hang() -> None:
    pace = Pace(10.0)
    for _ in range(9):
        pace.took(0.02)
    assert pace.limit == 10.0
    pace.hung()
    assert pace.limit == pytest.approx(0.4)
    pace.took(1.5)
    assert pace.limit == pytest.approx(3.0)
    quick = Pace(10.0)
    quick.took(0.0001)
    quick.hung()
    assert quick.limit == 0.2
    never = Pace(7.0)
    never.hung()
    assert never.limit == 7.0


def test_small_lists_go_together_and_large_ones_one_by_one() -> None:
    small = [Packet.of(request) for request in case()]
    large = [Packet.of(request) for request in case(np.zeros((AHEAD // 12, 3), np.float32))]
    assert [len(batch) for batch in batches(small)] == [4]
    assert [len(batch) for batch in batches(large)] == [1, 1, 1, 1]


def test_hypothesis_shrinks_a_crash() -> None:
    seen = []
    with child("exit") as link:

        @settings(database=None, derandomize=True, max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(n=st.integers(2, 60), value=st.integers(0, 3000))
        def law(n: int, value: int) -> None:
            x = np.zeros((n, 2), np.float32)
            x[0, 0] = value
            seen.append((n, value))
            try:
                link.ask(case(x))
            except BudgetSpent:
                return

        with pytest.raises(Fault, match="exited with code 3"):
            law()
    assert seen[-1] == (2, 1000)


@pytest.mark.parametrize("restarts", [3, 10])
def test_a_crash_in_a_sequence_is_no_flake_when_the_budget_is_spent(restarts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis runs its smallest example again at the end; by then the child must stay dead, but the crash must be seen."""
    monkeypatch.setattr(ration.Budget.__init__, "__defaults__", (restarts, 10.0, 10))
    refused = []
    with child("exit") as link:

        @settings(database=None, derandomize=True, max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(n=st.integers(2, 60), value=st.integers(0, 3000))
        def law(n: int, value: int) -> None:
            x = np.zeros((n, 2), np.float32)
            x[0, 0] = value
            try:
                layer, forward, running, _ = case(x)
                link.ask([layer, running])
                link.ask(case(x * 0, layer=2))
                link.ask([forward])
            except BudgetSpent as spent:
                refused.append(spent)

        with pytest.raises(Fault, match="exited with code 3"):
            law()
    assert refused


@pytest.mark.parametrize("deed", ["nothing", "orphans"])
def test_close_leaves_no_process(deed: str) -> None:
    before = set(children_of(os.getpid()))
    link = child(deed)
    if deed == "orphans":
        fault_of(link, case(BAD))
    link.ask(case())
    started = [pid for pid in children_of(os.getpid()) if pid not in before]
    assert len(started) == 2
    link.close()
    assert gone(started)


def test_orphans_are_ended_when_their_child_crashes() -> None:
    with child("orphans") as link:
        fault_of(link, case(BAD))
        nursery = [pid for pid in children_of(os.getpid()) if "bnspec.plugs.nursery" in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(children_of(nursery[-1])) == 1


PARENT = """
import sys, time
import test_link
link = test_link.child(sys.argv[1], timeout=60.0)
print(*test_link.children_of(test_link.os.getpid())[1:], flush=True)
link.ask(test_link.case(test_link.BAD))
time.sleep(3600)
"""


@pytest.mark.parametrize("deed", ["nothing", "deaf"])
def test_a_killed_judge_leaves_no_process(deed: str) -> None:
    command = [sys.executable, "-c", PARENT, deed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(alive, pids))
        time.sleep(0.3)  # long enough for the deaf one to have stopped listening
        parent.send_signal(signal.SIGKILL)
    assert gone(pids)


def test_a_killed_fork_server_takes_the_child_along_and_is_replaced(quiet: Child) -> None:
    before = set(children_of(os.getpid()))
    with child("nothing") as link:
        nursery, worker = sorted(set(children_of(os.getpid())) - before)
        os.kill(nursery, signal.SIGKILL)
        assert gone([nursery, worker])
        assert fault_of(link, case()).text == "crashed, and took the fork server of bnspec along"
        link.renew()
        assert contents(link.ask(case(X + 1))) == contents(quiet.ask(case(X + 1)))


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


def test_the_driver_in_the_manual(quiet: Child, tmp_path: Path) -> None:
    manual = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text()
    source = manual.partition("```python\n")[2].partition("```")[0].replace("#!/usr/bin/env python3", f"#!{sys.executable}")
    path = tmp_path / "driver"
    path.write_text(source)
    path.chmod(0o755)
    with open_link(str(path)) as link:
        for ours, theirs in zip(link.ask(case()[:3]), quiet.ask(case()[:3]), strict=True):
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
    assert (caught.value.status, caught.value.text.partition("\n")[0]) == ("crash", "exited with code 5")


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
    assert tidy(words) == 'noise\nmost recent call first:\n  File "mybn.py", line 5 in f'
    assert tidy("x" * 5000) == "x" * 2000


def test_ctrl_c_between_request_and_reply_leaves_no_stale_answer(quiet: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(stream: object) -> Message:
        raise KeyboardInterrupt

    with child("nothing") as link:
        with monkeypatch.context() as patch:
            patch.setattr(remote, "receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                link.ask(case(X + 1))
        assert contents(link.ask(case())) == contents(quiet.ask(case()))
