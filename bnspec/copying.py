"""What people do with a whole layer: copy it, save what it holds, load that into another. A layer need not offer any of it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bnspec.blame import told
from bnspec.implementation import NotOffered
from bnspec.requests import Refusal


def pickled(layer: Any) -> Any:
    """What comes back when an object is pickled and read again, as a worker process or a file would have it."""
    return pickle.loads(pickle.dumps(layer))


HOWS: Mapping[str, Callable[[Any], Any]] = {"deepcopy": copy.deepcopy, "pickle": pickled}
"""How a layer can be copied."""


def method_of(layer: Any, name: str) -> Callable[..., Any]:
    """A method that a layer need not have; raises `NotOffered` where it has none."""
    method: Callable[..., Any] | None = getattr(layer, name, None)
    if method is None:
        raise NotOffered(f"this layer has no method {name}")
    return method


def way_of(how: str) -> Callable[[Any], Any]:
    """The function that copies in the way of this name; raises `NotOffered` for a way that there is not."""
    if how not in HOWS:
        raise NotOffered(f"a layer is copied by one of {', '.join(HOWS)}; got {how!r}")
    return HOWS[how]


@contextmanager
def refusing(what: str, let_through: tuple[type[BaseException], ...]) -> Iterator[None]:
    """Whatever is raised in here says that `what` is not offered: an object that holds a lock cannot be copied, and says so."""
    passing: tuple[type[BaseException], ...] = (NotOffered, Refusal, *let_through)
    try:
        yield
    except passing:
        raise
    except Exception as error:
        raise NotOffered(f"{what} is refused: {told(error)}") from None
