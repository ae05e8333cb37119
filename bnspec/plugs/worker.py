"""What a child runs: the servant, between two pipes that are nobody's stdout.

The fork server calls `live`; a plain start is `python -m bnspec.plugs.worker JOB`, with the pipes in BNSPEC_IN and BNSPEC_OUT.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, NoReturn, TypedDict

from bnspec.implementation import Implementation
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.newborn import allowance
from bnspec.plugs.trial import TRYING
from bnspec.protocol import BadMessage, Message, encode, receive
from bnspec.seal import Seal
from bnspec.servant import Servant

WHERE = signal.SIGUSR2
"""The signal by which the judge's watchdog asks a child where it is before it ends it: the answer is a traceback on stderr."""


ASKED = "BNSPEC_ASKED"
"""The variable that is set in processes in which code is asked: to check it there once more would never end."""


REPLACED = "{} was replaced by the code that is asked; it belongs to bnspec and runs beside that code, which must leave it alone"
"""What is said instead of an answer that may not have come through our own hands."""


NO_MEMORY = re.compile("MemoryError|[Cc]an(not|'t) allocate")
"""What Python, NumPy and torch say when there is none left."""


class Job(TypedDict):
    """What a child is to do: make an Implementation of `target` by `loader`, "module:function", where the judge would find both.

    trying   whether the code may be tried for that
    """

    target: str
    loader: str
    path: list[str]
    directory: str
    trying: bool


def live(job: Job, requests: int, replies: int) -> NoReturn:
    """Answer on the two descriptors until the judge says stop or is gone. Exit handlers of the user's code are not run."""
    prepare(job, requests, replies)
    TRYING.set(job["trying"])
    servant = Servant(lambda: find_loader(job["loader"])(job["target"]), sentences=(TargetError,))
    with open(requests, "rb") as incoming, open(replies, "wb") as outgoing:
        serve(servant, incoming, outgoing)
    os._exit(0)


def prepare(job: Job, requests: int, replies: int) -> None:
    """Make this process look like one that was started for the user's code alone."""
    sys.path[:] = job["path"]
    sys.argv = ["bnspec", job["target"]]
    os.environ[ASKED] = job["target"]
    os.chdir(job["directory"])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what it printed before it crashed must not die with it
    stderr = os.dup(2)  # whatever the user's code does to its own stderr
    faulthandler.enable(stderr)
    faulthandler.register(WHERE, stderr, all_threads=False)
    os.register_at_fork(after_in_child=partial(leave_channel, requests, replies))


def leave_channel(*descriptors: int) -> None:
    """For a process that the user's code forks: it must not hold the channel open when its parent dies, nor answer in its place."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def find_loader(loader: str) -> Callable[[str], Implementation]:
    """The function behind "module:function"."""
    module, _, function = loader.partition(":")
    found: Callable[[str], Implementation] = getattr(importlib.import_module(module), function)
    return found


def serve(servant: Servant, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answer requests in order until stop, the end of the stream, or a line after which nothing can be told apart."""
    op, broken = "", Seal().broken
    while op != "stop":
        try:
            request = receive(incoming)
        except EOFError:
            return
        except BadMessage as error:
            outgoing.write(encode(Message.refusal("error", str(error))))
            outgoing.flush()
            return
        op = request.op
        reply = explained(servant.answer(request))
        if op in ("start", "layer") and (replaced := broken()):
            reply = Message.refusal("error", REPLACED.format(replaced))
        outgoing.write(encode(Message({"id": request.words.get("id", "0"), **reply.words}, reply.arrays)))
        outgoing.flush()


def explained(reply: Message) -> Message:
    """The reply, in which a lack of memory is told with the limit that it came from."""
    said, _, place = reply.text("text").partition("\n")
    if reply.words.get("kind") != "error" or not NO_MEMORY.search(said) or not allowance():
        return reply
    return Message.refusal("error", f"{said} ({allowance()})\n{place}".rstrip())


if __name__ == "__main__":
    live(json.loads(sys.argv[1]), int(os.environ.pop("BNSPEC_IN")), int(os.environ.pop("BNSPEC_OUT")))
