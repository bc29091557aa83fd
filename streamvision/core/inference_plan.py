"""What the network is shown of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streamvision.core.config.slices import SlicesConfig
from streamvision.core.resampling import Window

PlanKind = Literal["full", "partial", "skipped", "predicted", "off"]
PLAN_KINDS: tuple[PlanKind, ...] = ("full", "partial", "skipped", "predicted")
"""Those between which the adaptive mode chooses."""


@dataclass(frozen=True)
class InferencePlan:
    """What the network is shown of one frame.

    - ``full``: all of it, and :attr:`tiles` of it where it is sliced.
    - ``partial``: :attr:`window`, or :attr:`tiles` alone; the rest is taken from earlier frames.
    - ``skipped``: nothing, since nothing has changed.
    - ``predicted``: nothing, though something has changed: the tracker predicts where objects are by now.
    - ``off``: nothing, since somebody has switched detection off; there are no objects then.
    """

    kind: PlanKind
    """One of these."""
    window: Window | None = None
    """The part of the picture, in its pixels; left and top are even. Set for ``partial`` without tiles."""
    size: tuple[int, int] | None = None
    """Width and height that the part has in the network's input, in pixels. Set where :attr:`window` is."""
    tiles: tuple[Window, ...] = ()
    """Tiles of the picture, in its pixels, each an input of its own; left and top are even."""
    slices: SlicesConfig | None = None
    """How what is found on the tiles is merged. Set where there are any."""

    def __post_init__(self) -> None:
        if (self.window is None) != (self.size is None) or (self.window is not None and self.tiles):
            raise ValueError(f"an inference plan has a window with a size, or tiles, not {self}")
        if (self.slices is None) == bool(self.tiles):
            raise ValueError(f"an inference plan says how to merge where it has tiles, not {self}")
        if (self.window is not None or (bool(self.tiles) and self.kind != "full")) != (self.kind == "partial"):
            raise ValueError(f"an inference plan has a window or tiles alone where it is partial, not {self}")

    @property
    def uses_network(self) -> bool:
        """Whether the network is called at all."""
        return self.kind in ("full", "partial")

    @property
    def windows(self) -> tuple[Window | None, ...]:
        """The parts of the picture that the network is shown, each an input of its own; ``None`` is all of it."""
        if not self.uses_network:
            return ()
        if self.kind == "full":
            return (None, *self.tiles)
        return self.tiles or (self.window,)


FULL = InferencePlan("full")
SKIPPED = InferencePlan("skipped")
PREDICTED = InferencePlan("predicted")
OFF = InferencePlan("off")
