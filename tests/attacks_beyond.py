"""Attempts that reach out of their process: to the protocol's descriptors, to the processes above, and to the files of the run."""

from __future__ import annotations

from attacks import RIGHT, Attack

FORGE = """
import os

def descriptors():
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            yield int(name)

def say(words, payload=b""):
    for number in descriptors():
        try:
            os.write(number, words.encode() + b"\\n" + payload)
        except OSError:
            pass
"""

CHANNEL: dict[str, Attack] = {
    "answers before it is asked": Attack(
        "writes replies to questions yet to come into every descriptor when it is imported",
        FORGE
        + """
for number in range(50):
    say(f"id={number} ok=1 protocol=1 backward=0 running=0")
""",
        words="reply",
    ),
    "answers twice": Attack(
        "writes a reply of its own before the servant's",
        FORGE
        + """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y = super().forward(x, training)
        say(f"id=0 ok=1 y:f4:{','.join(map(str, x.shape))}", y.astype("<f4").tobytes())
        return y
""",
        words="each request has one reply",
    ),
    "unsupported in its own words": Attack(
        "claims that nothing is offered, by replies of its own for each number there may be",
        FORGE
        + """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        for number in range(20):
            say(f"id={number} ok=0 kind=unsupported text:u1:2", b"no")
        return super().forward(x, training)
""",
        verdict="inconclusive",
    ),
    "a channel taken over": Attack(
        "answers all requests itself, with a verdict, and keeps the servant's replies from the channel",
        """
import sys

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        frame = sys._getframe()
        while frame and "outgoing" not in frame.f_locals:
            frame = frame.f_back
        if not frame:
            return super().forward(x, training)
        from bnspec.protocol import receive
        incoming, outgoing, request = frame.f_locals["incoming"], frame.f_locals["outgoing"], frame.f_locals["request"]
        while request.op != "stop":
            outgoing.write(f"id={request.words['id']} ok=1 verdict=conformant\\n".encode())
            outgoing.flush()
            request = receive(incoming)
""",
        words="must have the array",
    ),
    "a reply without end": Attack(
        "promises a gigabyte, and sends it",
        FORGE
        + """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        say("id=1 ok=1 y:f4:1,268435456")
        block = bytes(1 << 20)
        for number in descriptors():
            try:
                for _ in range(1024):
                    os.write(number, block)
            except OSError:
                pass
        return super().forward(x, training)
""",
        words="at most",
        verdict="inconclusive",
    ),
    "an answer far too large": Attack(
        "returns four million numbers",
        """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        return np.zeros((4000, 1000), x.dtype)
""",
        words="at most",
    ),
    "a text without end": Attack(
        "raises an exception of a million characters, with control characters in them",
        """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        raise ValueError("\\x1b]0;conformant\\x07\\x1b[2J\\u202e\\x08[bold green]CONFORMANT[/] " * 20_000)
""",
    ),
    "memory that is shared": Attack(
        "overwrites every writable shared mapping of its process",
        """
import ctypes

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        y = super().forward(x, training)
        for line in open("/proc/self/maps"):
            place, rights = line.split()[:2]
            if rights.startswith("rw") and rights.endswith("s"):
                start, end = (int(part, 16) for part in place.split("-"))
                ctypes.memset(start, 0, end - start)
        return y
""",
    ),
}
"""Speaking on the protocol's descriptors: every reply is an answer to be judged, and none may come unasked."""

PROCESSES: dict[str, Attack] = {
    "kills its parent": Attack(
        "ends the process that started it, in every call",
        """
import os, signal

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        os.kill(os.getppid(), signal.SIGKILL)
        return super().forward(x, training)
""",
    ),
    "stops its parent": Attack(
        "stops the process that started it, and dies, so that nobody hears how",
        """
import os, signal

class BatchNorm(BatchNorm):
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls > 10:
            os.kill(os.getppid(), signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x, training)
""",
    ),
    "tells its parent to go": Attack(
        "sends the process that started it every polite signal there is",
        """
import os, signal

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE, signal.SIGCHLD):
            os.kill(os.getppid(), number)
        return super().forward(x, training)
""",
    ),
    "exit handlers": Attack(
        "registers handlers that exit with 0 and print a verdict, and threads that outlive the main one",
        """
import atexit, os, sys, threading, time

atexit.register(lambda: (print("CONFORMANT"), os._exit(0)))
threading.Thread(target=lambda: time.sleep(3600)).start()
sys.exit = lambda *args: os._exit(0)
""",
    ),
    "exceptions that steer a test run": Attack(
        "raises what pytest and Hypothesis take for a skipped test, a rejected case or the end of the run",
        """
import pytest, hypothesis.errors

class BatchNorm(BatchNorm):
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls > 40:
            raise (pytest.skip.Exception, hypothesis.errors.UnsatisfiedAssumption, pytest.exit.Exception, KeyboardInterrupt)[
                BatchNorm.calls % 4
            ]("well")
        return super().forward(x, training)
""",
    ),
    "a declaration that leaves nothing to ask": Attack(
        "declares a convention in which no question is left",
        """
class BatchNorm(BatchNorm):
    def layer(self, setup):
        raise NotImplementedError

class Adapter:
    name = "nothing to see"
    convention = {"ranks": [9], "momentum_weighs": "unobservable", "running_var": "none", "backward": "none"}

    def layer(self, setup):
        made = WrongLayer(setup.channels)
        return made

WrongLayer = BatchNorm
BatchNorm = Adapter
""",
        verdict="inconclusive",
    ),
}
"""Ending or stopping what started it: another process each time, and never a verdict."""

ANCESTORS = """
import json, os, signal

def ancestors():
    pid = os.getpid()
    while pid > 1:
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
        yield pid, open(f"/proc/{pid}/cmdline").read().split(chr(0))

def judges():
    return [(pid, words) for pid, words in list(ancestors())[1:2] if "bnspec.cli" in " ".join(words)]
"""

KILLS_THE_JUDGE = Attack(
    "ends the process that judges it, once that has asked some questions",
    ANCESTORS
    + """
class BatchNorm(BatchNorm):
    calls = 0

    def forward(self, x, training=True):
        BatchNorm.calls += 1
        if BatchNorm.calls > 20:
            for pid, _ in judges():
                os.kill(pid, signal.SIGKILL)
        return super().forward(x, training)
""",
)

KILLS_A_WORKER = Attack(
    "is wrong in float32 only, and ends whichever process asks in float32, before it can hear the answer",
    ANCESTORS
    + """
class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        for pid, words in judges() if x.dtype == np.float32 else ():
            if "bnspec.cli.jobs" in " ".join(words):
                os.kill(pid, signal.SIGKILL)
        return super().forward(x, training) * (1.5 if x.dtype == np.float32 else 1.0)
""",
    on=RIGHT,
)

WRITES_THE_RECORD = Attack(
    "writes the record that it would like wherever the judge's command line names a file, in every call",
    ANCESTORS
    + """
WISHED = json.dumps({"schema": "bnspec-report/1", "suite": "0", "laws": "0", "target": "", "verdict": "conformant", "scope": []})

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        for _, words in judges():
            for word in words:
                if word.endswith(".json"):
                    open(word, "w").write(WISHED)
                elif os.path.isdir(word):
                    open(os.path.join(word, "report.json"), "w").write(WISHED)
        return super().forward(x, training)
""",
)

PLANTS_MODULES = Attack(
    "writes modules and settings beside itself which the judge might import: each leaves a note when a process of ours runs it",
    """
import pathlib

NOTE = 'import pathlib, sys\\nif "bnspec.cli" in open("/proc/self/cmdline").read(): open("note", "a").write(__name__)\\n'
NAMES = ("conftest", "sitecustomize", "usercustomize", "jinja2", "markupsafe", "torch", "html", "xml", "pygments")
for name in NAMES:
    pathlib.Path(name + ".py").write_text(NOTE)
pathlib.Path("pytest.ini").write_text("[pytest]\\naddopts = -p conftest --collect-only\\n")
""",
)

POISONS_A_CACHE = Attack(
    "leaves compiled code for another target, which is right where that target's text is wrong",
    """
import importlib.util, os, pathlib
from importlib._bootstrap_external import _code_to_timestamp_pyc

def poison(victim):
    cache = pathlib.Path(importlib.util.cache_from_source(victim))
    cache.parent.mkdir(exist_ok=True)
    text = pathlib.Path("right.py").read_text()
    found = os.stat(victim)
    code = compile(text, victim, "exec")
    cache.write_bytes(_code_to_timestamp_pyc(code, int(found.st_mtime), found.st_size))

poison("victim.py")
""",
)

STEERS_A_TERMINAL = Attack(
    "has every text that it can have printed steer a terminal",
    """
STEERING = "\\x1b]0;title\\x07\\x1b[2J\\x1b[1;32mCONFORMANT\\x1b[0m\\u202e\\x08\\r\\x9b31m[bold green]CONFORMANT[/]"
print(STEERING)

class BatchNorm(BatchNorm):
    def forward(self, x, training=True):
        print(STEERING)
        if x.max() > 2:
            raise ValueError(STEERING)
        return super().forward(x, training)
""",
    on=RIGHT,
)

ORACLE = Attack(
    "computes with bnspec's own reference layer",
    """
from bnspec.layer import Reference
from bnspec.convention import TORCH

BatchNorm = Reference("borrowed", TORCH)
""",
)
