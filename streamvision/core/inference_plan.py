"""What the network is shown of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streamvision.core.resampling import Window

PlanKind = Literal["full", "partial", "skipped", "predicted", "off"]
PLAN_KINDS: tuple[PlanKind, ...] = ("full", "partial", "skipped", "predicted")
"""Those between which the adaptive mode chooses."""


@dataclass(frozen=True)
class InferencePlan:
    """What the network is shown of one frame.

    - ``full``: all of it.
    - ``partial``: :attr:`window`; the rest is taken from earlier frames.
    - ``skipped``: nothing, since nothing has changed.
    - ``predicted``: nothing, though something has changed: the tracker predicts where objects are by now.
    - ``off``: nothing, since somebody has switched detection off; there are no objects then.
    """

    kind: PlanKind
    """One of these."""
    window: Window | None = None
    """The part of the picture, in its pixels; left and top are even. Set for ``partial``."""
    size: tuple[int, int] | None = None
    """Width and height that the part has in the network's input, in pixels. Set for ``partial``."""

    def __post_init__(self) -> None:
        if (self.kind == "partial") != (self.window is not None and self.size is not None):
            raise ValueError(f"an inference plan has a window and a size where it is partial, not {self}")

    @property
    def uses_network(self) -> bool:
        """Whether the network is called at all."""
        return self.kind in ("full", "partial")


FULL = InferencePlan("full")
SKIPPED = InferencePlan("skipped")
PREDICTED = InferencePlan("predicted")
OFF = InferencePlan("off")
