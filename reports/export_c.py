"""A failure as a C file (C99) that stands alone: arrays, the functions to provide, and a main that compares."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bnspec.case import Array, Case
from bnspec.convention import Convention
from bnspec.reports.calls import result
from bnspec.reports.checks import Check
from bnspec.reports.course import start_of
from bnspec.reports.export import Exported, Unexpressible, instead
from bnspec.reports.trace import BackwardStep, ForwardStep, LayerStep, RunningStep, Step, Values, largest

REALS = {"float32": "float", "float64": "double"}
"""The C type of each dtype that C99 has."""

PROVIDED = {
    LayerStep: "struct bn *bn_new(size_t channels, const {real} *gamma, const {real} *beta, const {real} *running_mean,\n"
    "                  const {real} *running_var, double eps, double momentum);",
    ForwardStep: "void bn_forward(struct bn *layer, int training, size_t outer, size_t inner, const {real} *x, {real} *y);",
    BackwardStep: "void bn_backward(struct bn *layer, size_t outer, size_t inner, const {real} *dy, {real} *dx,\n"
    "                 {real} *dgamma, {real} *dbeta);",
    RunningStep: "void bn_running(const struct bn *layer, {real} *mean, {real} *var);",
}
"""The functions that a test asks for, by the step that calls them."""

EXPLAINED = """\
 *
 * Provide the functions declared below, for your own code: struct bn is yours, with whatever a layer has to remember.
 * An array of channels * outer * inner numbers is indexed [outer][channel][inner]: outer counts the samples, inner the
 * positions of one channel of a sample, whatever the rank. bn_new copies what it is given. bn_forward writes every
 * number of y; with training = 1 it normalizes by the batch's own mean and variance and moves the running ones, with 0 it
 * uses the running ones. bn_backward is for the latest bn_forward.
 * momentum is {momentum}.
 *
 *     cc -std=c99 -Wall -Wextra -o bn_test {file} your_code.c -lm && ./bn_test
 *
 * It exits with 0 where every number is within its tolerance; else with 1, and says which is not.
 */
"""
"""What stands above the code, behind the words for the failure."""

RESULTS = {ForwardStep: ("y",), BackwardStep: ("dx", "dgamma", "dbeta"), RunningStep: ("running_mean", "running_var")}
"""What each of them gives."""

GIVEN = ("gamma", "beta", "running_mean", "running_var")
"""The arrays that a layer is made of."""

MOMENTUM = {
    "batch": "the weight of the new batch in the running statistics",
    "running": "the weight of the old running statistics",
    "cumulative": "not used: the running statistics are the plain average over all batches",
}
"""What the number weighs, by the convention."""

NOUGHTS = re.compile(r"\.?0*p")
"""What a hexadecimal number can do without."""

COMPARISON = """\
static int compare(const char *name, const {real} *got, const double *expected, const double *tolerance, size_t outer,
                   size_t channels, size_t inner)
{{
    size_t at, worst = 0, wrong = 0, count = outer * channels * inner;
    double furthest = -1.0;
    for (at = 0; at < count; at++) {{
        double g = (double)got[at], want = expected[at], error = fabs(g - want), bound = tolerance[at];
        double times = isnan(error) ? HUGE_VAL : error / bound;
        if (g == want || error <= bound || isinf(bound) || (isnan(g) && isnan(want)))
            continue;
        if (isinf(g) && g * want > 0 && fabs(want) + bound >= {limit})
            continue; /* the true value is beyond the type */
        wrong++;
        if (times > furthest) {{
            furthest = times;
            worst = at;
        }}
    }}
    if (wrong)
        printf("%s[%lu][%lu][%lu] is %.17g, should be %.17g within %.3g; %lu of %lu numbers are wrong\\n", name,
               (unsigned long)(worst / inner / channels), (unsigned long)(worst / inner % channels),
               (unsigned long)(worst % inner), (double)got[worst], expected[worst], tolerance[worst], (unsigned long)wrong,
               (unsigned long)count);
    return wrong > 0;
}}

static void spoil({real} *values, size_t count)
{{
    while (count > 0)
        values[--count] = NAN; /* what is not written stays wrong */
}}
"""
"""The comparison, as the judge makes it."""


def source(case: Exported, file: str = "this_file.c") -> str:
    """The C file, to be compiled under the name `file`; raises `Unexpressible` for calls that C has no words for."""
    real, convention = _real(case), Convention.from_mapping(case.record.convention)
    layers = {step.layer: start_of(step, convention) for step in case.trace if isinstance(step, LayerStep)}
    compared = {check.step for check in case.checks}
    trace = [(number, step) for number, step in enumerate(case.trace) if number in compared or not isinstance(step, RunningStep)]
    kinds = {type(step) for _, step in trace}
    about = "\n".join(f" * {_inert(line)}".rstrip() for line in case.heading())
    explained = EXPLAINED.format(file=_inert(file), momentum=MOMENTUM.get(convention.momentum_weighs, "as you take it"))
    lines = [
        f"/* A Batch Normalization failure as a test.\n *\n{about}\n{explained}",
        "#include <math.h>\n#include <stddef.h>\n#include <stdio.h>\n",
        "struct bn;",
        *(text.format(real=real) for kind, text in PROVIDED.items() if kind in kinds),
        "",
        COMPARISON.format(real=real, limit=largest(case.row.dtype).hex()),
        *(text for number, step in trace for text in _arrays(number, step, layers, real)),
        *(text for check in case.checks for text in _due(check)),
        "",
        "int main(void)\n{\n    int wrong = 0;",
        *(f"    struct bn *layer_{number};" for number in layers),
        *(f"    {line}" for number, step in trace for line in _call(number, step, layers, case.checks)),
        '    if (!wrong)\n        puts("every number is right");\n    return wrong;\n}\n',
    ]
    return "\n".join(lines)


def _real(case: Exported) -> str:
    """The C type of all arrays; raises `Unexpressible` for calls that C has no words for."""
    given = [getattr(step, name) for step in case.trace for name in step.__struct_fields__]
    arrays = [values for values in given if isinstance(values, Values)]
    dtypes, why = sorted({values.dtype for values in arrays}), ""
    if case.row.dtype not in REALS or dtypes != [case.row.dtype]:
        why = f"its arrays are of {' and '.join(dtypes)}, for which C99 has no one type"
    elif not all(isinstance(step, LayerStep | ForwardStep | BackwardStep | RunningStep) for step in case.trace):
        why = "it copies or saves a layer, for which C has no words of its own"
    elif any(isinstance(step, ForwardStep | BackwardStep) and step.layout != "contiguous" for step in case.trace):
        why = "it is about how arrays lie in NumPy's memory"
    elif not all(values.data for values in arrays):
        why = "C has no arrays without numbers"
    if why:
        raise Unexpressible(f"this failure is no test in C: {why}; take --format pytest, or json. {instead(case.record, case.row)}")
    return REALS[case.row.dtype]


def _arrays(number: int, step: Step, layers: Mapping[int, Case], real: str) -> Iterator[str]:
    """What goes into a call, and room for what comes out."""
    sizes = {}
    match step:
        case LayerStep():
            yield from (_constant(real, f"{name}_{number}", getattr(layers[step.layer], name)) for name in GIVEN)
        case ForwardStep():
            yield _constant(real, f"x_{number}", step.x.numpy())
            sizes["y"] = len(step.x.data)
        case BackwardStep():
            yield _constant(real, f"dy_{number}", step.dy.numpy())
            sizes["dx"] = len(step.dy.data)
    for name in RESULTS.get(type(step), ()):
        yield f"static {real} {result(number, name)}[{sizes.get(name, layers[step.layer].channels)}];"


def _due(check: Check) -> Iterator[str]:
    """What should come out."""
    yield _constant("double", f"expected_{result(check.step, check.name)}", check.expected)
    yield _constant("double", f"tolerance_{result(check.step, check.name)}", check.tolerance)


def _call(number: int, step: Step, layers: Mapping[int, Case], checks: Sequence[Check]) -> list[str]:
    """The lines that make one call and compare what is to be compared of it."""
    layer, names = f"layer_{step.layer}", RESULTS.get(type(step), ())
    outs = [result(number, name) for name in names]
    lines = [f"spoil({out}, sizeof {out} / sizeof *{out});" for out in outs]
    match step:
        case LayerStep():
            case_, given = layers[step.layer], [f"{name}_{number}" for name in GIVEN]
            numbers = [_literal(case_.eps), "NAN" if case_.momentum is None else _literal(case_.momentum)]
            lines.append(f"{layer} = bn_new({', '.join([str(case_.channels), *given, *numbers])});")
        case ForwardStep():
            outer, inner = _around(step.x, layers[step.layer])
            lines.append(f"bn_forward({layer}, {int(step.training)}, {outer}, {inner}, x_{number}, {outs[0]});")
        case BackwardStep():
            outer, inner = _around(step.dy, layers[step.layer])
            lines.append(f"bn_backward({layer}, {outer}, {inner}, dy_{number}, {', '.join(outs)});")
        case RunningStep():
            lines.append(f"bn_running({layer}, {', '.join(outs)});")
    return [*lines, *(_compared(check, layers[step.layer]) for check in checks if check.step == number)]


def _compared(check: Check, layer: Case) -> str:
    got, shape = result(check.step, check.name), check.expected.shape
    outer, inner = _outside(shape, layer.channel_axis) if len(shape) > 1 else (1, 1)
    return f'wrong |= compare("{got}", {got}, expected_{got}, tolerance_{got}, {outer}, {layer.channels}, {inner});'


def _around(values: Values, layer: Case) -> tuple[int, int]:
    return _outside(values.shape, layer.channel_axis)


def _outside(shape: Sequence[int], axis: int) -> tuple[int, int]:
    """How many numbers there are before and behind the channel axis."""
    axis %= len(shape)
    return math.prod(shape[:axis]), math.prod(shape[axis + 1 :])


def _constant(kind: str, name: str, values: Array) -> str:
    """A constant array, its numbers to the last bit."""
    suffix = "f" if kind == "float" else ""
    words = ", ".join(_literal(value, suffix) for value in values.astype(np.float64).ravel().tolist())
    lines = textwrap.fill(words, 112, initial_indent="    ", subsequent_indent="    ")
    return f"static const {kind} {name}[] = {{\n{lines}\n}};"


def _literal(value: float, suffix: str = "") -> str:
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return NOUGHTS.sub("p", value.hex()) + suffix


def _inert(text: str) -> str:
    """Text that neither ends a comment, nor begins one, nor is a trigraph."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("\\", "/")
