"""A forward function with what belongs to it, and what such functions compute on: all that their adapter is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bnspec.plugs.constructor import ROLES
from bnspec.plugs.gradients import ALONE, Order
from bnspec.plugs.returned import Returned
from bnspec.plugs.signature import Signature
from bnspec.plugs.torch_module import TENSORS


@dataclass(frozen=True)
class Kind:
    """What the functions compute on, and the ways there and back, as templates.

    give      makes it of an array, which it may share
    copy      makes it of a parameter, which it may not share
    start     makes it of a parameter's start, which is nobody else's
    output    makes an array of it
    state     makes a (C,) array of running statistics, which later steps leave alone
    keep      what is kept of a returned running statistic
    refusal   what a setup must not be, and why
    """

    head: str = "import numpy as np\n"
    give: str = "{}"
    copy: str = "{}.copy()"
    start: str = "{}"
    output: str = "np.asarray({})"
    state: str = "np.array({}).reshape(-1)"
    keep: str = "{}"
    refusal: tuple[str, str] | None = None

    @property
    def is_torch(self) -> bool:
        """Whether these are tensors, of which autograd knows the gradients."""
        return self.head is TENSORS


ARRAYS = Kind()
"""NumPy arrays, parameters shaped (C,)."""

IMAGES = Kind(copy="{}.reshape(1, -1, *[1] * (setup.rank - 2)).copy()", start="{}.reshape(1, -1, *[1] * (setup.rank - 2))")
"""NumPy arrays, parameters with as many axes as x, (1, C, 1, 1) for images."""

LISTS = Kind(
    give="{}.tolist()",
    copy="{}.tolist()",
    start="{}.tolist()",
    refusal=("setup.rank != 2", "x is a list of rows here"),
)
"""Plain lists: x of rows, parameters of numbers."""

COLUMNS = Kind(
    give="{}.T",
    copy="{}.reshape(-1, 1).copy()",
    start="{}.reshape(-1, 1)",
    output="np.asarray({}).T",
    refusal=("setup.rank != 2", "x is (C, N) here, and has no other axes"),
)
"""NumPy arrays with features first, x (C, N) and parameters (C, 1)."""

TENSORS_IN = Kind(
    head=TENSORS,
    give="to_torch({})",
    copy="to_torch({}).clone()",
    start="to_torch({})",
    output="to_numpy({})",
    state="to_numpy({}.clone()).reshape(-1)",
    keep="{}.detach()",
    refusal=("setup.channel_axis % setup.rank != 1", "channels are on axis 1 here"),
)
"""torch tensors, parameters shaped (C,)."""


@dataclass(frozen=True)
class Pair:
    """A forward function and what belongs to it.

    forward, backward, inference   how the adapter's text names them, "" for none
    signature, inference_signature   how forward and inference are called
    returned, inferred   what a training and an inference return; None where there is no inference
    arguments   of backward, behind dy: its name there ("" for by position) -> text
    guarded     whether an inference leaves nothing for a backward
    moves       whether the running statistics that it is given are its to move
    trains      False for a function that only infers
    """

    name: str
    label: str
    kind: Kind
    signature: Signature
    forward: str
    inference: str = ""
    inference_signature: Signature | None = None
    returned: Returned | None = None
    inferred: Returned | None = None
    backward: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    order: Order = ALONE
    guarded: bool = False
    moves: bool = False
    trains: bool = True

    def places(self, role: str) -> list[str]:
        """Where the value of a role is kept: with the arguments of forward, and with those of inference."""
        places = [f"given{self.signature.places[role]}"] if role in self.signature.places else []
        if self.inference_signature is not None and role in self.inference_signature.places:
            places.append(f"inference{self.inference_signature.places[role]}")
        return places

    @property
    def known(self) -> set[str]:
        """The roles that its functions can be given."""
        return {role for role in ROLES if self.places(role)}

    @property
    def learned(self) -> list[str]:
        """The parameters whose gradients autograd is asked for."""
        return [role for role in ("gamma", "beta") if role in self.signature.places] if self.by_autograd else []

    @property
    def by_autograd(self) -> bool:
        """Whether there are gradients without a backward function."""
        return self.kind.is_torch and not self.backward
