"""What becomes of the failures when a mistake is taken back from outside: counted by asking the implementation once more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bnspec.protocol import Message
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.diagnosis.asking import Asker
from bnspec.reports.diagnosis.evidence import Evidence
from bnspec.reports.diagnosis.mending import Mending, Talk, mending_of
from bnspec.reports.diagnosis.scripts import Answers, Reply, Script
from bnspec.requests import setup_of

FAILURES = 40
"""Failures that are asked again."""


def repaired(evidence: Evidence, asker: Asker, names: tuple[str, ...], bug: Bug) -> str:
    """How many of the failures that a bug has a part in vanish with it taken back, and what breaks; "" where it cannot be done.

    names   all bugs that are named: the others are left in
    """
    mending = mending_of(bug)
    if mending is None:
        return ""
    others = tuple(name for name in names if name != bug.name)
    count = Count()
    for number in _concerned(evidence, others)[:FAILURES]:
        answers = Mended(evidence, asker, mending)(evidence.scripts[number])
        if answers is not None:
            count.add(evidence, number, answers, others)
    if not count.vanished:
        return ""
    broken = "nothing new breaks" if not count.broken else f"{count.broken} other answers become wrong"
    return f"With {mending.words}, {count.vanished} of {count.asked} failing inputs come out right, and {broken}."


def _concerned(evidence: Evidence, others: tuple[str, ...]) -> list[int]:
    """The scripts that the other bugs alone do not explain, counterexamples first."""
    found = {place.script for places in evidence.places.values() for place in places if evidence.reproduces(place, others) is False}
    return sorted(found, key=lambda number: (not evidence.scripts[number].origin, number))


@dataclass
class Count:
    """What becomes of the scripts."""

    asked: int = 0
    vanished: int = 0
    broken: int = 0

    def add(self, evidence: Evidence, number: int, answers: Answers, others: tuple[str, ...]) -> None:
        """One script more, with what was answered to it now."""
        due = evidence.simulated(others, number)
        places = [place for places in evidence.places.values() for place in places if place.script == number]
        before = [evidence.reproduces(place, others) is not False for place in places]
        after = [evidence.alike(place, answers, due) is not False for place in places]
        self.asked += 1
        self.vanished += all(after)
        self.broken += sum(was and not now for was, now in zip(before, after, strict=True))


@dataclass
class Mended:
    """The implementation with a mistake taken back."""

    evidence: Evidence
    asker: Asker
    mending: Mending
    talks: dict[str, Talk] = field(default_factory=dict)

    def __call__(self, script: Script) -> Answers | None:
        """The replies to a script as they would be without the mistake."""
        asked = tuple(self.mending.asked(request, self.evidence.convention) for request in script.requests)
        answers = self.asker(replace(script, requests=asked))
        if answers is None:
            return None
        return [self._mended(request, reply) for request, reply in zip(script.requests, answers, strict=False)]

    def _mended(self, request: Message, reply: Reply) -> Reply:
        number = request.words.get("layer", "")
        if request.op == "layer":
            setup = setup_of(request)
            self.talks[number] = Talk(setup, self.evidence.convention, var=setup.running_var)
            return reply
        if number not in self.talks or reply.fault:
            return reply
        talk = self.talks[number]
        if request.op == "forward":
            talk.x, talk.training = talk.moved(request.arrays["x"]), request.words["training"] == "1"
        elif request.op == "backward":
            talk.dy = talk.moved(request.arrays["dy"])
        mended = self.mending.answered(request.op, dict(reply.arrays), talk)
        if "var" in mended:
            talk.var = mended["var"]
        return Reply(mended, reply.noticed, reply.fault)
