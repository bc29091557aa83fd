"""Steps that look at one picture alone: they smooth it, mark colours, levels and edges, and clean masks."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import cv2
from pydantic import Field, field_validator, model_validator

from streamvision.core.config.section import Section
from streamvision.inference.classical.step import FOREGROUND, Step, Work

Triple = tuple[int, int, int]
MAX_REACH_PX = 128
"""How far a step that cleans a mask may reach, its repetitions together: they would take minutes for each picture."""


class KernelOptions(Section):
    """Settings of what works on the surroundings of each pixel."""

    ksize: int = Field(5, ge=3, le=255, description="Side of the kernel, odd.")

    @field_validator("ksize")
    @classmethod
    def _is_odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"{value} is even; give {value - 1} or {value + 1}")
        return value


class MorphologyOptions(KernelOptions):
    """Settings of ``erode``, ``dilate``, ``open`` and ``close``."""

    shape: Literal["ellipse", "rect", "cross"] = Field("ellipse", description="Shape of the kernel.")
    iterations: int = Field(1, ge=1, le=100, description="How often it is done.")

    @model_validator(mode="after")
    def _takes_no_minutes(self) -> MorphologyOptions:
        if (reach := self.ksize // 2 * self.iterations) > MAX_REACH_PX:
            raise ValueError(
                f"a ksize of {self.ksize}, {self.iterations} times, reaches {reach} px around each pixel; give less, "
                f"at most {MAX_REACH_PX}"
            )
        return self


class InRangeOptions(Section):
    """Settings of ``in_range``."""

    lower: Triple = Field(
        (0, 0, 0), description="Least of each channel; of HSV hue 0..179, saturation and value 0..255."
    )
    upper: Triple = Field(
        (179, 255, 255), description="Most of each. Where the hue is below that of `lower`, it goes round through red."
    )
    space: Literal["hsv", "bgr", "lab"] = Field("hsv", description="Colours in which they are.")

    @field_validator("lower", "upper")
    @classmethod
    def _are_levels(cls, value: Triple) -> Triple:
        if not all(0 <= level <= 255 for level in value):
            raise ValueError("each must be from 0 to 255")
        return value

    @model_validator(mode="after")
    def _is_a_range(self) -> InRangeOptions:
        first = 1 if self.space == "hsv" else 0
        if any(low > high for low, high in zip(self.lower[first:], self.upper[first:], strict=True)):
            raise ValueError(f"lower {self.lower} is above upper {self.upper}; exchange them")
        return self


class ThresholdOptions(Section):
    """Settings of ``threshold``."""

    thresh: Annotated[int, Field(ge=0, le=254)] | Literal["otsu"] = Field(
        "otsu", description="Brightness above which a pixel is an object's, 0 to 254; otsu: chosen on each picture."
    )
    invert: bool = Field(False, description="Dark objects on a bright ground.")


class AdaptiveThresholdOptions(Section):
    """Settings of ``adaptive_threshold``."""

    block_size: int = Field(
        51, ge=3, le=1023, description="Side of the surroundings with which a pixel is compared, odd."
    )
    c: float = Field(5.0, ge=-255, le=255, description="How much brighter than these it must be, in levels.")
    invert: bool = Field(False, description="Dark objects on a bright ground.")

    @field_validator("block_size")
    @classmethod
    def _is_odd(cls, value: int) -> int:
        return KernelOptions(ksize=value).ksize


class CannyOptions(Section):
    """Settings of ``canny``."""

    threshold1: float = Field(50.0, ge=0, le=10_000, description="Least slope where an edge goes on.")
    threshold2: float = Field(150.0, ge=0, le=10_000, description="Least slope where an edge begins.")


class Smoothing(Step):
    """Smooths the picture, or the mask where there is one."""

    role: ClassVar[str] = "picture"

    def __init__(self, options: KernelOptions) -> None:
        self._ksize = options.ksize

    def apply(self, work: Work) -> None:
        """Smooth."""
        if work.mask is None:
            work.picture = self._smoothed(work.picture)
        else:
            work.mask = cv2.threshold(self._smoothed(work.mask), FOREGROUND // 2, FOREGROUND, cv2.THRESH_BINARY)[1]

    def _smoothed(self, levels: Any) -> Any:
        return cv2.GaussianBlur(levels, (self._ksize, self._ksize), 0)


class MedianSmoothing(Smoothing):
    """The same by the median, which takes single pixels away and keeps edges."""

    def _smoothed(self, levels: Any) -> Any:
        return cv2.medianBlur(levels, self._ksize)


class Morphology(Step):
    """Makes the mask smaller or larger, or both in turn.

    Args:
        options: the kernel.
        operation: of OpenCV.
    """

    role: ClassVar[str] = "clean"
    operation: ClassVar[int]
    _SHAPES: ClassVar[dict[str, int]] = {
        "ellipse": cv2.MORPH_ELLIPSE,
        "rect": cv2.MORPH_RECT,
        "cross": cv2.MORPH_CROSS,
    }

    def __init__(self, options: MorphologyOptions) -> None:
        self._kernel = cv2.getStructuringElement(self._SHAPES[options.shape], (options.ksize, options.ksize))
        self._iterations = options.iterations

    def apply(self, work: Work) -> None:
        """Do it to the mask."""
        if work.mask is not None:
            work.mask = cv2.morphologyEx(work.mask, self.operation, self._kernel, iterations=self._iterations)


class Erode(Morphology):
    """Takes the edge off what is marked."""

    operation = cv2.MORPH_ERODE


class Dilate(Morphology):
    """Marks the surroundings of what is marked, too."""

    operation = cv2.MORPH_DILATE


class Open(Morphology):
    """Takes away what is smaller than the kernel."""

    operation = cv2.MORPH_OPEN


class Close(Morphology):
    """Fills gaps that are smaller than the kernel."""

    operation = cv2.MORPH_CLOSE


class InRange(Step):
    """Marks colours."""

    _SPACES: ClassVar[dict[str, int | None]] = {"hsv": cv2.COLOR_BGR2HSV, "lab": cv2.COLOR_BGR2LAB, "bgr": None}

    def __init__(self, options: InRangeOptions) -> None:
        self._options = options

    def apply(self, work: Work) -> None:
        """Mark them."""
        lower, upper = self._options.lower, self._options.upper
        code = self._SPACES[self._options.space]
        levels: Any = work.picture if code is None else cv2.cvtColor(work.picture, code)
        if lower[0] <= upper[0]:
            work.narrow(cv2.inRange(levels, lower, upper))
        else:  # the hue is a circle
            above = cv2.inRange(levels, lower, (255, *upper[1:]))
            work.narrow(cv2.bitwise_or(above, cv2.inRange(levels, (0, *lower[1:]), upper)))


class Threshold(Step):
    """Marks what is brighter than a level."""

    def __init__(self, options: ThresholdOptions) -> None:
        self._kind = cv2.THRESH_BINARY_INV if options.invert else cv2.THRESH_BINARY
        self._level = 0.0
        if options.thresh == "otsu":
            self._kind |= cv2.THRESH_OTSU
        else:
            self._level = float(options.thresh)

    def apply(self, work: Work) -> None:
        """Mark it."""
        work.narrow(cv2.threshold(work.gray(), self._level, FOREGROUND, self._kind)[1])


class AdaptiveThreshold(Step):
    """Marks what is brighter than its surroundings."""

    def __init__(self, options: AdaptiveThresholdOptions) -> None:
        self._options = options

    def apply(self, work: Work) -> None:
        """Mark it; OpenCV takes its constant off the mean, so that more than the mean is the constant below 0."""
        o = self._options
        kind, above = (cv2.THRESH_BINARY_INV, o.c) if o.invert else (cv2.THRESH_BINARY, -o.c)
        method = cv2.ADAPTIVE_THRESH_MEAN_C
        work.narrow(cv2.adaptiveThreshold(work.gray(), FOREGROUND, method, kind, o.block_size, above))


class Canny(Step):
    """Marks edges."""

    draws_lines: ClassVar[bool] = True

    def __init__(self, options: CannyOptions) -> None:
        self._options = options

    def apply(self, work: Work) -> None:
        """Mark them."""
        work.narrow(cv2.Canny(work.gray(), self._options.threshold1, self._options.threshold2))
