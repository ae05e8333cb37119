"""The console script."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from cyclopts import CycloptsError

from bnspec.cli.commands import USAGE, app


def import_nothing_from_here() -> None:
    """Take the current directory off the judge's import path, unless bnspec itself lives there: code under test can write to it.

    `python -m` puts it there, and often PYTHONPATH does. The children, whose code it may be, import from it all the same.
    """
    here = Path.cwd()
    if Path(__file__).resolve().parents[1] != here:
        sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]


def main() -> None:
    """The console script: exit codes as `check` says. Bad usage is one sentence and 2; so are our own failures: 1 is a verdict."""
    try:
        import_nothing_from_here()
        code = app(sys.argv[1:], exit_on_error=False, print_error=False)
    except CycloptsError as trouble:
        print(f"bnspec: {' '.join(str(trouble).split())}  (bnspec --help says what there is)", file=sys.stderr)
        code = USAGE
    except KeyboardInterrupt:
        code = USAGE
    except OSError as trouble:
        print(f"bnspec: {trouble}", file=sys.stderr)
        code = USAGE
    except Exception:
        traceback.print_exc()
        print("bnspec itself failed here, which is its bug and not yours", file=sys.stderr)
        code = USAGE
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
