"""One step of a detector without a network, and what the steps hand on to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
FOREGROUND = 255
"""Level of the pixels of a mask that belong to objects, as OpenCV has it; all others are 0."""


class Found(NamedTuple):
    """An object that a step has found."""

    name: str
    """Its class."""
    score: float
    """How much of its box it fills, 0..1."""
    box_xyxy_px: tuple[int, int, int, int]
    """Left, top, right and bottom in pixels of the picture that the steps see; right and bottom are outside."""


@dataclass
class Work:
    """What the steps have made of one picture so far."""

    picture: U8
    """(H, W, 3) BGR, in the size that the steps see."""
    mask: U8 | None = None
    """(H, W) of 0 and 255, the pixels that may belong to objects; ``None`` where no step has said anything yet."""
    found: list[Found] = field(default_factory=list)
    """The objects so far."""

    def gray(self) -> U8:
        """Return (H, W) the brightness of the picture."""
        return cv2.cvtColor(self.picture, cv2.COLOR_BGR2GRAY)  # type: ignore[no-any-return]

    def narrow(self, mask: Any) -> None:
        """Let objects be only where this mask says so, too."""
        self.mask = mask if self.mask is None else cv2.bitwise_and(self.mask, mask)


class Step(ABC):
    """One step; each stream has its own, which sees the pictures in their order."""

    role: ClassVar[str] = "mask"
    """``picture``: changes the picture. ``mask``: says which pixels may be objects. ``clean``: changes such a mask.
    ``objects``: makes objects of it."""
    remembers: ClassVar[bool] = False
    """Whether it compares a picture with those before it."""

    draws_lines: ClassVar[bool] = False
    """Whether what it marks is thin, so that ``open`` would take it away."""

    @abstractmethod
    def apply(self, work: Work) -> None:
        """Do it to the next picture."""

    def reset(self) -> None:
        """Forget the pictures before: the stream was reconnected or changed its size."""
