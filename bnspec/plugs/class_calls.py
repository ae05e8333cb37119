"""What is known of the methods of a layer after they have been called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bnspec.plugs.building import STEP
from bnspec.plugs.gradients import ALONE, Order


@dataclass(frozen=True)
class Calls:
    """What a layer's methods return and take, seen by calling them.

    returns_more   forward returns y and other things after it
    backward       the method, "" where there is none that can be called
    arguments      what it is called with: its name there ("" for by position) -> the adapter's text
    order          how the result of backward is read
    places         where backward leaves the gradients that it does not return, on the layer
    after          the method that leaves them there, "" where backward does
    clears         what takes back, before a backward, the gradients that add up over calls, and say so
    updates        the parameters that backward moves itself, by a step that can be given, or else only to be put back
    rate           the attribute that is the step
    recorded       whether the updates go through an optimizer of ours
    lists          whether arrays are plain lists here
    starts         whether the first call makes the arrays: "training", "inference", or ""
    bare           for a trial: nothing is written into the layer, and nothing refused
    """

    returns_more: bool = False
    backward: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    order: Order = ALONE
    places: Mapping[str, str] = field(default_factory=dict)
    after: str = ""
    clears: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    rate: str = ""
    recorded: bool = False
    lists: bool = False
    starts: str = ""
    bare: bool = False

    @property
    def steps(self) -> bool:
        """Whether the size of the updates can be told, so that they show the gradients."""
        return bool(self.updates) and bool(self.rate or self.recorded or STEP in self.arguments.values())

    @property
    def cache(self) -> bool:
        """Whether backward takes what forward returned beside y."""
        return "cache" in self.arguments.values()

    @property
    def described(self) -> str:
        """In words, for the user to confirm."""
        if not self.backward:
            return "no backward(dy)"
        shown = [name or "dy" if text == "dy" else name or "cache" for name, text in self.arguments.items()]
        left = "".join(f", d{role} at {place}" for role, place in self.places.items())
        left += f", {self.after}(...)" if self.after else ""
        left += "".join(f", d{role} from its own update" for role in self.updates) if self.steps else ""
        nothing = ", no gradients of gamma and beta" if not left and self.order == ALONE else ""
        return f"{self.backward}({', '.join(shown)}) -> {self.order.shown}{left}{nothing}"
