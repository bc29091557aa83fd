"""The step that makes objects of a mask: its connected parts, by their outlines, as far as size and shape fit.

After Suzuki and Abe, *Topological Structural Analysis of Digitized Binary Images by Border Following*, CVGIP 30(1),
1985, as OpenCV has it.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field, model_validator

from streamvision.core.config.section import SHOWN_NAME, Section
from streamvision.inference.classical.step import Found, Step, Work


class ContoursOptions(Section):
    """Settings of ``contours``."""

    name: str | None = Field(
        None,
        pattern=SHOWN_NAME,
        description="Class of what is found; default: moving where a step before compares pictures, else object.",
    )
    min_area: float = Field(0.002, ge=0, le=1, description="Least area of a box, as a share of the picture.")
    max_area: float = Field(0.5, gt=0, le=1, description="Largest; more is a lamp that was switched on.")
    min_aspect: float = Field(0.1, gt=0, le=1000, description="Least width of a box over its height.")
    max_aspect: float = Field(10.0, gt=0, le=1000, description="Largest.")

    @model_validator(mode="after")
    def _least_is_below_most(self) -> ContoursOptions:
        for low, high in (("min_area", "max_area"), ("min_aspect", "max_aspect")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is above {high}, so nothing would be found; exchange them")
        return self


class Contours(Step):
    """Makes objects of the mask; steps behind it begin with the picture again."""

    role: ClassVar[str] = "objects"

    def __init__(self, options: ContoursOptions) -> None:
        self.options = options
        """Which parts of the mask are objects."""
        self.name = options.name or "object"
        """Class of what is found."""

    def apply(self, work: Work) -> None:
        """Make objects; the score of each is the share of its box that its outline encloses."""
        mask, work.mask = work.mask, None
        if mask is None:
            return
        o = self.options
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for outline in outlines:
            left, top, width, height = cv2.boundingRect(outline)
            fits = o.min_area <= width * height / mask.size <= o.max_area
            if fits and o.min_aspect <= width / height <= o.max_aspect:
                # By its pixels: the area that OpenCV gives is that between their middles.
                inside = np.zeros((height, width), np.uint8)
                cv2.drawContours(inside, [outline], -1, 1, cv2.FILLED, offset=(-left, -top))
                score = cv2.countNonZero(inside) / (width * height)
                work.found.append(Found(self.name, score, (left, top, left + width, top + height)))
