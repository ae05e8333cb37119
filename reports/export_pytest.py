"""A failure as a test for pytest: one file that needs NumPy, pytest and the user's own code."""

from __future__ import annotations

import textwrap

from bnspec.reports.calls import array, calls, result
from bnspec.reports.checks import Check
from bnspec.reports.export import Exported
from bnspec.reports.repro import imports, without_future
from bnspec.reports.trace import CopyStep, Values, largest

HELPER = '''\
def assert_near(name, got, expected, tolerance):
    """Every number of `got` within its tolerance; NaN is right for NaN, and infinity where the true value is beyond the dtype."""
    assert np.shape(got) == expected.shape, f"{{name}} has shape {{np.shape(got)}}; {{expected.shape}} was expected"
    got = np.asarray(got).astype(np.float64)
    with np.errstate(all="ignore"):
        error = np.abs(got - expected)
        right = (got == expected) | (error <= tolerance) | np.isposinf(tolerance) | (np.isnan(got) & np.isnan(expected))
        right |= np.isinf(got) & (got * expected > 0) & (np.abs(expected) + tolerance >= {limit!r})
        times = np.where(right, -1.0, np.nan_to_num(error / tolerance, nan=np.inf, posinf=np.inf))
    if not right.all():
        at = np.unravel_index(np.argmax(times), times.shape)
        place = f"{{name}}[{{', '.join(str(i) for i in at)}}]"
        wanted = f"{{expected[at]:.17g}}, within {{tolerance[at]:.2g}}"
        pytest.fail(f"{{place}} is {{got[at]:.17g}}, should be {{wanted}}: off by {{error[at]:.3g}}", pytrace=False)
'''
"""The comparison, as the judge makes it."""

LOADING = """\
ROOT = {root}  # where bnspec check was run; the code under test is named from there
BEFORE = os.getcwd()
os.chdir(ROOT)
sys.path.insert(0, str(ROOT))

# --- how bnspec called it ---
"""
"""What stands before the adapter."""

LOADED = """
# --- the failure ---
os.chdir(BEFORE)
"""
"""What stands behind the adapter."""

REGISTERED = "sys.modules.setdefault(spec.name, module)"
"""A line of adapters for files."""

FOUND = "sys.modules[spec.name] = module  # where pickle looks for the class; another test may have loaded the same file"
"""What the test of a copy begins with."""

ANYWHERE = "Path.cwd()"
"""The root of a test that was not written to a file: the directory in which pytest runs."""


def source(case: Exported, root: str | None = None) -> str:
    """The test file. `root`: the way from its directory to the one in which the target was named; None: not known."""
    assert case.row.counterexample is not None
    adapter, future = without_future(case.record.adapter)
    place = ANYWHERE if root is None else f"(Path(__file__).parent / {root!r}).resolve()"
    heading = [f"# {line}".rstrip() for line in case.heading()]
    needed = imports(case.row.counterexample).replace("import numpy as np\n", "import numpy as np\nimport pytest\n")
    needed = needed.replace("from types import", "from pathlib import Path\nfrom types import")
    found = REGISTERED in adapter and any(isinstance(step, CopyStep) for step in case.trace)
    compared = [line for check in case.checks for line in _assertion(check)]
    body = [*([FOUND] if found else []), *calls(case.trace, case.may_refuse), *compared]
    return "\n".join(
        [
            "\n".join([*heading, ""]),
            *future,
            needed,
            LOADING.format(root=place),
            adapter,
            LOADED,
            "",
            HELPER.format(limit=largest(case.row.dtype)),
            "",
            f"def test_{case.name}():",
            textwrap.indent("\n".join(body), "    "),
            "",
        ]
    )


def _assertion(check: Check) -> list[str]:
    """The lines that compare one answer; parameters without a gradient have none."""
    got = result(check.step, check.name)
    lines = [
        f"expected = {array(Values.of(check.expected))}",
        f"tolerance = {array(Values.of(check.tolerance))}",
        f'assert_near("{got}", {got}, expected, tolerance)',
    ]
    if check.name not in ("dgamma", "dbeta"):
        return lines
    return [f"if {got} is not None:", textwrap.indent("\n".join(lines), "    ")]
