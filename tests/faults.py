"""A zoo of misbehaving code: a right BatchNorm (of `mistakes`) with a few lines more, and what a run is to make of it.

The lines of a deed stand at the beginning of forward, and are reached `when` a batch has more than four values a channel:
no trial and no probe asks that, so that the deed happens in the laws, and the smallest case that does it has five.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

import mistakes

MODULES = """\
import builtins, ctypes, gc, json, os, random, re, signal, subprocess, sys, threading, time, warnings
import numpy as np
"""

FORWARD = "    def forward(self, x, training=True):\n"

BACKWARD = "    def backward(self, dy):\n"

MADE = "        self.eps = eps\n"

SMALLEST = [5, 1]
"""The shape of the smallest case in which a deed is done."""


@dataclass(frozen=True)
class Deed:
    """Lines of code, the status that they come to, and words that the reason for it must have."""

    lines: str
    status: str = "pass"
    words: str = ""
    when: str = "len(x) > 4"


def in_forward(lines: str, when: str = "True") -> str:
    """The file whose forward begins with these lines."""
    return MODULES + mistakes.RIGHT.replace(FORWARD, f"{FORWARD}        if {when}:\n{indent(lines, ' ' * 12)}\n")


def in_backward(lines: str) -> str:
    return MODULES + mistakes.RIGHT.replace(BACKWARD, f"{BACKWARD}{indent(lines, ' ' * 8)}\n")


def in_constructor(lines: str) -> str:
    return MODULES + mistakes.RIGHT.replace(MADE, f"{indent(lines, ' ' * 8)}\n{MADE}")


def at_import(lines: str) -> str:
    return f"{MODULES}{lines}\n{mistakes.RIGHT}"


def returning(expression: str) -> str:
    """The file whose forward returns what this makes of y."""
    y = mistakes.Y.removeprefix("return ")
    return MODULES + mistakes.RIGHT.replace(mistakes.Y, f"y = {y}\n        return {expression}")


DEEP = """\
nested = ()
for _ in range(10**6):
    nested = (nested,)
hash(nested)"""

ENDING = {
    "segfault": Deed("ctypes.string_at(0)", "crash", "crashed with signal 11 (SIGSEGV)"),
    "abort": Deed("os.abort()", "crash", "crashed with signal 6 (SIGABRT)"),
    "killed by itself": Deed("os.kill(os.getpid(), signal.SIGKILL)", "crash", "crashed with signal 9 (SIGKILL)"),
    "exit": Deed("os._exit(3)", "crash", "exited with code 3"),
    "exit as if all were well": Deed("os._exit(0)", "crash", "exited with code 0"),
    "overflow of the C stack": Deed(DEEP, "crash", "crashed with signal 11 (SIGSEGV)"),
    "an alarm": Deed("signal.setitimer(signal.ITIMER_REAL, 1e-3)\ntime.sleep(1)", "crash", "crashed with signal 14 (SIGALRM)"),
    "channel closed": Deed("os.closerange(0, 1000)", "crash", "exited with code 127"),
    "sys.exit": Deed("sys.exit('gone')", "error", "SystemExit: gone"),
    "sys.exit as if all were well": Deed("sys.exit()", "error", "SystemExit"),
    "Ctrl-C that is none": Deed("raise KeyboardInterrupt", "error", "KeyboardInterrupt"),
    "recursion": Deed("self.forward(x, training)", "error", "RecursionError: maximum recursion depth exceeded"),
    "memory without end": Deed(
        "hoard = []\nwhile True:\n    hoard.append(np.zeros(10**8))", "error", "a process may have 2 GiB more than it starts with"
    ),
    "one array too large": Deed("np.ones(10**12)", "error", "MemoryError: Unable to allocate 7.28 TiB"),
    "an endless message": Deed("raise ValueError('x' * 10**7)", "error", "xxx..."),
}
"""Deeds that end the process or the call."""

HANGING = {
    "loop in Python": Deed("while True:\n    pass", "timeout", "no answer within"),
    "loop in C": Deed("re.match('(a+)+b', 'a' * 60)", "timeout", "no answer within"),
    "asleep in C": Deed("ctypes.CDLL(None).pause()", "timeout", "no answer within"),
    "asleep in C, and nobody else may run": Deed("ctypes.PyDLL(None).pause()", "timeout", "no answer within"),
    "asleep and deaf": Deed(
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\ntime.sleep(3600)", "timeout", "no answer within"
    ),
}
"""Deeds that never come to an end."""

RETURNING = {
    "None": Deed("None", "error", "forward returned None; an array shaped (2, 1) was expected"),
    "a string": Deed("'y'", "error", "forward returned an array of dtype str32, not of numbers"),
    "a number": Deed("1.0", "error", "forward returned a single number; an array shaped (2, 1) was expected"),
    "a dict": Deed("{'y': y}", "error", "forward returned a dict; an array shaped (2, 1) was expected"),
    "a generator": Deed("(row for row in y)", "error", "forward returned a generator of Python objects, not of numbers"),
    "ragged lists": Deed("[[1.0], [1.0, 2.0]]", "error", "inhomogeneous shape"),
    "another shape": Deed("y.ravel()", "fail", "y has shape (2,); (2, 1) was expected"),
    "complex numbers": Deed("y + 0j", "error", "forward returned an array of dtype complex64"),
    "Python objects": Deed("y.astype(object)", "error", "forward returned an array of Python objects, not of numbers"),
    "NaN": Deed("y * np.nan", "fail", "y[0, 0] is nan, should be 1"),
    "more than memory": Deed("np.ones(10**9)", "error", "MemoryError: Unable to allocate 7.45 GiB"),
    "more than a message": Deed(
        "np.broadcast_to(np.float32(0), (10**9,))", "error", "forward returned an array shaped (1000000000,), which is 4 GiB"
    ),
    "lists of numbers": Deed("y.tolist()"),
    "a masked array": Deed("np.ma.masked_array(y)"),
    "a matrix": Deed("np.asmatrix(y) if y.ndim == 2 else y"),
}
"""What forward makes of y."""

TENSORS = {
    "None": Deed("None", "error", "forward returned None; an array shaped (4, 3) was expected"),
    "a number": Deed("y.sum().item()", "error", "forward returned a single number; an array shaped (4, 3) was expected"),
    "without memory": Deed("y.to('meta')", "error", "can't convert meta device type tensor to numpy"),
    "sparse": Deed("y.to_sparse()", "error", "can't convert Sparse layout tensor to numpy"),
    "complex": Deed("y.to(torch.complex64)", "error", "forward returned an array of dtype complex64"),
    "more than memory": Deed("torch.ones(10**12)", "error", "can't allocate memory"),
    "more than a message": Deed("torch.zeros(1).expand(10**9)", "error", "which is 4 GiB, more than can be sent"),
    "with and without gradient": Deed("y if torch.is_grad_enabled() else y.detach()"),
    "conjugated lazily": Deed("y.conj()"),
}
"""What a torch forward makes of y."""

HARMLESS = {
    "noise": Deed("os.write(1, os.urandom(999)); os.write(2, os.urandom(999)); print('loss: nan', file=sys.stderr)"),
    "a flood": Deed("os.write(1, b'so many words' * 100_000)"),
    "output closed": Deed("os.closerange(1, 3)"),
    "sys.stdout closed": Deed("sys.stdout.close(); sys.stderr = None"),
    "another directory": Deed("os.chdir('/')"),
    "floating-point errors raised": Deed("np.seterr(all='raise')"),
    "floating-point errors called": Deed("np.seterrcall(None); np.seterr(all='call')"),
    "a warning": Deed("warnings.warn('careful')"),
    "warnings raised": Deed("warnings.simplefilter('error')"),
    "generators reseeded": Deed("np.random.seed(0); random.seed(0); np.random.rand()"),
    "generators patched": Deed("np.random.seed = np.random.default_rng = random.random = None"),
    "a low limit of recursion": Deed("sys.setrecursionlimit(60)"),
    "signals ignored": Deed("[signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)]"),
    "no environment": Deed("os.environ.clear()"),
    "no garbage collection": Deed("gc.disable()"),
    "json patched": Deed("json.dumps = json.loads = None"),
    "print and open patched": Deed("builtins.open = builtins.print = None"),
    "a thread left behind": Deed("threading.Thread(target=time.sleep, args=(3600,)).start()"),
    "a daemon left behind": Deed("subprocess.Popen(['sleep', '3600'], start_new_session=True)"),
    "some milliseconds": Deed("time.sleep(0.002)"),
}
"""Oddities that nobody can call wrong: done in every forward."""

LOADING = {
    "import of what there is not": (at_import("import nothing_of_that_name"), "error", "No module named 'nothing_of_that_name'"),
    "sys.exit at import": (at_import("sys.exit(3)"), "error", "could not be imported: SystemExit: 3 (faulty.py, line"),
    "Ctrl-C at import": (at_import("raise KeyboardInterrupt"), "error", "KeyboardInterrupt\nat faulty.py:"),
    "exit at import": (at_import("os._exit(0)"), "crash", "it cannot be loaded: its process exited with code 0"),
    "kill at import": (at_import("os.kill(os.getpid(), 9)"), "crash", "its process crashed with signal 9 (SIGKILL)"),
    "last words at import": (at_import("print('so long', flush=True)\nos._exit(3)"), "crash", "last words: so long"),
    "hang at import": (at_import("while True: pass"), "timeout", "it cannot be loaded: no answer within"),
    "builtins patched at import": (at_import("builtins.isinstance = None"), "crash", "bnspec cannot go on in this process"),
    "exit in the constructor": (in_constructor("os._exit(3)"), "crash", "it cannot be loaded: its process exited with code 3"),
    "sys.exit in the constructor": (in_constructor("sys.exit(3)"), "error", "raised SystemExit: 3"),
}
"""Files that cannot be loaded: the text, the status, and words of the reason."""

ALWAYS = {
    "segfault": (in_forward("ctypes.string_at(0)"), "crash", "crashed with signal 11 (SIGSEGV)"),
    "exit": (in_forward("os._exit(0)"), "crash", "exited with code 0"),
    "sys.exit": (in_forward("sys.exit(3)"), "error", "SystemExit: 3"),
    "Ctrl-C that is none": (in_forward("raise KeyboardInterrupt"), "error", "KeyboardInterrupt"),
    "hang": (in_forward("time.sleep(3600)"), "timeout", "no answer within"),
    "segfault in backward": (in_backward("ctypes.string_at(0)"), "crash", "backward ended its process: crashed with signal 11"),
    "exit in backward": (in_backward("os._exit(3)"), "crash", "backward ended its process: exited with code 3"),
}
"""Files whose every call ends so, the calls by which bnspec finds out how to ask included."""
