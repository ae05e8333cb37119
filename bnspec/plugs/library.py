"""A shared library as an Implementation: its signatures are read, its symbols looked up, its adapter written."""

from __future__ import annotations

import ctypes
import subprocess
from difflib import get_close_matches
from pathlib import Path

from bnspec.plugs import library_calls
from bnspec.plugs.adapter import Binding, Bound, Script, TargetError, finish
from bnspec.plugs.hints import LAYOUTS, READERS, hinted
from bnspec.plugs.library_signature import Signatures, read
from bnspec.plugs.target import Hints

SETTINGS = ("layout", "eps", "variant", "fixed_shape")
"""What may be said of a library beyond its functions, as of any code."""

BODY = '''

class Adapter(Library):
    """The functions of the library, and what each is asked for."""

    path = {path!r}
    channel_axis = {axis}
    functions = {{  # noqa: RUF012
{functions}
    }}
'''
"""What follows the text of `library_calls` in an adapter."""


def load_library(target: str) -> Bound:
    """The Implementation that a library and its signatures stand for.

    Raises `TargetError` for a file that is no library of this machine, a symbol that it does not have, and a signature that
    cannot be read. One that is wrong about its function is found out when that is called.
    """
    found = read(target)
    _look_up(found)
    hints = _hints(found)
    axis = (LAYOUTS[hints.layout] if hints.layout else None) or 1
    script = Script(f"# How {found.place} is asked: an adapter, to be read, and changed where it is wrong.\n")
    script.run(Path(library_calls.__file__).read_text(encoding="utf-8"))
    binding = Binding(BODY.format(path=found.place, axis=axis, functions=_written(found)), _described(found), _assumed(found))
    script.run(hinted(binding, hints).body)
    return finish(script, f"bound: {binding.bound}\nassumed: {binding.assumed}")


def with_settings(target: str, words: dict[str, str | float]) -> str:
    """The target with these settings behind its functions; those that it has itself stay."""
    said = read(target).settings
    return "; ".join([target, *(f"{name}={value}" for name, value in words.items() if name not in said)])


def _look_up(found: Signatures) -> None:
    """Raise `TargetError` where there is no such library, or no such function in it."""
    path = Path(found.place)
    if not path.is_file():
        raise TargetError(f"there is no file {found.place}; build the library first, or name it by its path")
    try:
        library = ctypes.CDLL(str(path.resolve()))
    except OSError as error:
        raise TargetError(f"{found.place} cannot be loaded as a shared library: {error}") from None
    for function in found.functions.values():
        if not hasattr(library, function.symbol):
            exported = _exported(path)
            near = get_close_matches(function.symbol, exported, 2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(exported[:8]) or 'no functions'}"
            raise TargetError(f'{found.place} has no function {function.symbol}; {hint} (in C++ declare it extern "C")')


def _exported(path: Path) -> list[str]:
    """The functions of a library, as far as the tool nm is here to list them."""
    try:
        listed = subprocess.run(["nm", "-D", "--defined-only", str(path)], capture_output=True, text=True, check=False).stdout
    except OSError:
        return []
    columns = (line.split() for line in listed.splitlines())
    return [words[-1].partition("@")[0] for words in columns if len(words) == 3 and words[1] == "T" and words[2][0] != "_"]


def _hints(found: Signatures) -> Hints:
    """The settings, read as the hints about any code are."""
    unknown = next((name for name in found.settings if name not in SETTINGS), "")
    if unknown:
        raise TargetError(f"{found.place}: {unknown}= cannot be said of a library; what can is {', '.join(SETTINGS)}")
    values = {name: _value(name, text) for name, text in found.settings.items()}
    return Hints(**{name: READERS[name](found.place, value) for name, value in values.items()})


def _value(name: str, text: str) -> str | float:
    """A setting as hints take it: eps as a number, where it is one."""
    try:
        return float(text) if name == "eps" else text.strip("'\"")
    except ValueError:
        return text


def _written(found: Signatures) -> str:
    """The functions, as the adapter's text has them."""
    lines = []
    for key, function in found.functions.items():
        arguments = " ".join(":".join(argument) for argument in function.arguments)
        lines.append(f"        {key!r}: Function.of({function.symbol!r}, {arguments!r}, status={function.status}),")
    return "\n".join(lines)


def _described(found: Signatures) -> str:
    """What each function is asked for."""
    asked = dict[str, list[str]]()
    for (mode, dtype), function in found.functions.items():
        asked.setdefault(f"{dtype} by {function.symbol}", []).append(mode)
    return f"{found.place}, called through C: " + "; ".join(f"{', '.join(modes)} in {by}" for by, modes in asked.items())


def _assumed(found: Signatures) -> str:
    """How the names of a signature were understood."""
    taken = {function.symbol: " ".join(one.name for one in function.arguments) for function in found.functions.values()}
    return "; ".join(f"{symbol} takes {arguments}" for symbol, arguments in taken.items())
