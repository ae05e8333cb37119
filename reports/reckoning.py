"""What exact arithmetic says of the calls of a trace: the true value of every answer, and how far a right one may be from it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from bnspec.convention import Convention
from bnspec.exact import Undefined
from bnspec.reports.course import Course, Dues
from bnspec.reports.trace import BackwardStep, CopyStep, ForwardStep, LayerStep, LoadStep, RunningStep, SaveStep, Step

LONGEST = 500
"""Steps of a trace up to which it is followed; each costs more than the one before. The longest of ours trains on 60 batches."""

MOST_NUMBERS = 1 << 20
"""Numbers of all x and dy up to which a trace is followed; ours have some thousands."""


def reckon(trace: Sequence[Step], convention: Convention) -> list[Dues]:
    """What each step should return; nothing for a step of which exact arithmetic cannot speak, nor for what follows from it.

    Bounds are those of conformance. What a trace leaves to the layer is what the convention says that a fresh one has. Of traces
    that are longer or larger than any of ours nothing is said: it could take for ever.
    """
    given = [step.x if isinstance(step, ForwardStep) else step.dy for step in trace if isinstance(step, ForwardStep | BackwardStep)]
    if len(trace) > LONGEST or sum(len(values.data) for values in given) > MOST_NUMBERS:
        return [{} for _ in trace]
    courses, states, found = dict[int, Course](), dict[int, Course](), list[Dues]()
    for step in trace:
        try:
            found.append(_follow(step, convention, courses, states))
        except (Undefined, ArithmeticError, LookupError, ValueError):  # no true values, or calls that fit no layer
            found.append({})
            if step.layer in courses:
                courses[step.layer].lost = True
    return found


def _follow(step: Step, convention: Convention, courses: dict[int, Course], states: dict[int, Course]) -> Dues:
    if isinstance(step, LayerStep):
        courses[step.layer] = Course(step, convention)
        return {}
    course = courses[step.layer]
    match step:
        case ForwardStep():
            return course.train(step.x.numpy()) if step.training else course.infer(step.x.numpy())
        case BackwardStep():
            return course.backward(step.dy.numpy())
        case RunningStep():
            return course.running()
        case CopyStep():
            courses[step.to] = deepcopy(course)
        case SaveStep():
            states[step.state] = deepcopy(course)
        case LoadStep():
            course.load(deepcopy(states[step.state]))
    return {}
