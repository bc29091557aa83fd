"""The gate's verdict: figures with their limits, stage by stage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult

ParityStageName = Literal["card", "input_bytes", "input_tensor", "decoded", "result", "accuracy"]
STAGE_WORDS: dict[ParityStageName, str] = {
    "card": "model card",
    "input_bytes": "input bytes",
    "input_tensor": "input tensor",
    "decoded": "decoded outputs",
    "result": "final result",
    "accuracy": "accuracy on labelled data",
}
"""The stages in the order in which a picture meets them, and what people call them."""
FIGURE_WORDS = {
    "greatest_difference_levels": "the greatest difference of any input value, on the scale of 0 to 255,",
    "difference_to_library_levels": "the mean difference to the library's own pixels, on the scale of 0 to 255,",
    "common_shift_px": "the common shift of all boxes, in pixels of the input,",
    "iou_p5": "the iou of all but the worst 5 % of the objects",
    "iou_of_most": "the iou of all but the worst objects (5 %, and what chance adds)",
    "score_difference_p95": "the score difference of all but the worst 5 % of the objects",
    "score_difference_of_most": "the score difference of all but the worst objects (5 %, and what chance adds)",
    "displaced_share": "the share of boxes that overlap too little",
    "rescored_share": "the share of scores that differ too much",
}
"""What people call figures whose names do not say it."""
_DECIMALS = 6
_NAMED_GROUPS = 2
"""Groups that a sentence names; the report has all."""


@dataclass(frozen=True)
class Figure:
    """One measured number and what it may be."""

    name: str
    """What was measured, such as ``mean_iou``; the unit stands in the name."""
    value: float | None
    """The number; ``None`` where there was nothing to measure."""
    limit: float | None = None
    """What it may be at the most, or at the least; ``None`` for figures that only inform."""
    at_least: bool = False
    """Whether the limit is a lower one."""

    @property
    def words(self) -> str:
        """What people call it."""
        return FIGURE_WORDS.get(self.name, self.name.replace("_", " "))

    @property
    def passed(self) -> bool:
        """Whether the number keeps its limit; not-a-number never does."""
        if self.value is None or self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def used(self) -> float | None:
        """How much of what is allowed is used: 1 at the limit; ``None`` where there is none, or nothing measured."""
        if self.value is None or self.limit is None:
            return None
        part, whole = (1 - self.value, 1 - self.limit) if self.at_least else (self.value, self.limit)
        share = part / whole if whole else 0.0 if self.passed else 2.0
        return share if math.isfinite(share) else 2.0

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        shown = None if self.value is None or not math.isfinite(self.value) else round(self.value, _DECIMALS)
        limit = {} if self.limit is None else {"at_least" if self.at_least else "at_most": self.limit}
        return {"value": shown, **limit, "passed": self.passed}


@dataclass(frozen=True)
class GroupFigures:
    """What was measured of the objects of one class, or of one size."""

    name: str
    """Which, in words."""
    objects: int
    """How many of them the source or the export has, the greater of both."""
    figures: tuple[Figure, ...]
    """What was measured; the limits are those of all objects, with what chance adds to so few."""

    @property
    def passed(self) -> bool:
        """Whether source and export agree on them."""
        return all(figure.passed for figure in self.figures)

    def sentence(self) -> str:
        """Return what differs."""
        broken = ", ".join(_broken(figure) for figure in self.figures if not figure.passed)
        return f"{self.name} ({self.objects}): {broken}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        figures = {figure.name: figure.to_json() for figure in self.figures}
        return {"name": self.name, "objects": self.objects, "passed": self.passed, "figures": figures}


@dataclass(frozen=True)
class ParityStage:
    """What became of one stage."""

    name: ParityStageName
    """Which it is."""
    figures: tuple[Figure, ...] = ()
    """What was measured."""
    faults: tuple[str, ...] = ()
    """What differs more than it may, one sentence each, the most telling first."""
    notes: tuple[str, ...] = ()
    """What is worth knowing without being a fault, one sentence each."""
    worst_picture: str | None = None
    """Name of the picture on which it differs most."""
    groups: tuple[GroupFigures, ...] = ()
    """The objects of each class and size by themselves, where there are enough."""

    @property
    def passed(self) -> bool:
        """Whether source and export agree here."""
        equal = all(figure.passed for figure in self.figures) and all(group.passed for group in self.groups)
        return equal and not self.faults

    @property
    def words(self) -> str:
        """What people call the stage."""
        return STAGE_WORDS[self.name]

    def sentence(self) -> str:
        """Return what differs, or that nothing does."""
        if self.faults:
            return self.faults[0]
        broken = [figure for figure in self.figures if not figure.passed]
        if not broken:
            groups = [group.sentence() for group in self.groups if not group.passed]
            return "; ".join(groups[:_NAMED_GROUPS]) or "equal within the limits"
        where = f" (most on {self.worst_picture})" if self.worst_picture else ""
        return f"{', '.join(_broken(figure) for figure in broken)}{where}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "passed": self.passed,
            "sentence": self.sentence(),
            "figures": {figure.name: figure.to_json() for figure in self.figures},
            "faults": list(self.faults),
            "notes": list(self.notes),
            "worst_picture": self.worst_picture,
            "groups": [group.to_json() for group in self.groups],
        }


@dataclass(frozen=True, eq=False)
class ImageComparison:
    """One picture, and what source and export make of it."""

    picture: str
    """The picture's name."""
    difference: float
    """How much the results differ; 0 where they are the same."""
    source: Detections | ImageResult
    """What the source makes of it."""
    export: Detections | ImageResult
    """What the export makes of it."""
    source_alone: frozenset[int] = frozenset()
    """Rows of the source's objects that the export has not."""
    export_alone: frozenset[int] = frozenset()
    """Rows of the export's objects that the source has not."""


@dataclass(frozen=True, eq=False)
class Parity:
    """The verdict on one export."""

    stages: tuple[ParityStage, ...]
    """What was compared, in order."""
    pictures: int
    """On how many pictures."""
    origin: str
    """Where the pictures are from, in words."""
    score: float | None
    """Working threshold at which objects were compared; ``None`` for models that find none."""
    image_comparisons: tuple[ImageComparison, ...] = field(default=(), repr=False)
    """The results on each picture, those first that differ most."""

    @property
    def passed(self) -> bool:
        """Whether every stage agrees."""
        return all(stage.passed for stage in self.stages)

    @property
    def first_difference(self) -> ParityStage | None:
        """The first stage that differs; what comes after it may only follow from that."""
        return next((stage for stage in self.stages if not stage.passed), None)

    def sentence(self) -> str:
        """Return the verdict in one sentence."""
        different = self.first_difference
        if different is None:
            return f"equal on {self.pictures} pictures within the limits"
        return f"the first stage that differs is the {different.words}: {different.sentence()}"

    def figure(self, stage: ParityStageName, name: str) -> float | None:
        """Return a measured number, ``None`` where it does not exist."""
        figures = [one for part in self.stages if part.name == stage for one in part.figures if one.name == name]
        return figures[0].value if figures else None

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        different = self.first_difference
        return {
            "passed": self.passed,
            "sentence": self.sentence(),
            "first_difference": different.name if different else None,
            "pictures": {"count": self.pictures, "origin": self.origin},
            "score": self.score,
            "stages": [stage.to_json() for stage in self.stages],
        }


def worst(names: Sequence[str], differences: Sequence[float]) -> str | None:
    """Return the name with the greatest difference, ``None`` where there is none at all."""
    if not differences or max(differences) <= 0:
        return None
    return names[max(range(len(differences)), key=differences.__getitem__)]


def _broken(figure: Figure) -> str:
    bound = "at least" if figure.at_least else "at most"
    return f"{figure.words} is {figure.value:.4g} where {bound} {figure.limit:.4g} is allowed"
