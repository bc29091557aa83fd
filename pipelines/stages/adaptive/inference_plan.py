"""What the network is shown of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streamvision.core.resampling import Window

PlanKind = Literal["whole", "part", "still", "carried"]
PLAN_KINDS: tuple[PlanKind, ...] = ("whole", "part", "still", "carried")


@dataclass(frozen=True)
class InferencePlan:
    """What the network is shown of one frame.

    - ``whole``: all of it.
    - ``part``: :attr:`window`; the rest is as it was.
    - ``still``: nothing, since nothing has changed.
    - ``carried``: nothing, though something has changed: the tracker says where objects should be by now.
    """

    kind: PlanKind
    """One of the four."""
    window: Window | None = None
    """The part of the picture, in its pixels; left and top are even. Set for ``part``."""
    size: tuple[int, int] | None = None
    """Width and height that the part has in the network's input, in pixels. Set for ``part``."""

    def __post_init__(self) -> None:
        if (self.kind == "part") != (self.window is not None and self.size is not None):
            raise ValueError(f"a look has a window and a size where it is a part, not {self}")

    @property
    def uses_network(self) -> bool:
        """Whether the network is called at all."""
        return self.kind in ("whole", "part")


WHOLE = InferencePlan("whole")
STILL = InferencePlan("still")
CARRIED = InferencePlan("carried")
