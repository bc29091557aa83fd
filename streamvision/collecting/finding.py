"""What was noticed on a picture, and how much labelling it is worth in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.collection_records import Corners, ProposedBox, Reason, ReasonKind

WEIGHTS: Mapping[ReasonKind, float] = MappingProxyType(
    {"disagreement": 0.9, "flicker": 0.8, "uncertain": 0.7, "unseen": 0.6, "asked": 1.0}
)
"""How sure each reason is to be a fault of the model: two that contradict each other are not both right, while one that
is unsure may be right, and what it has never seen it may know nevertheless."""
MAX_NAMED = 3
"""Objects that count for one reason, the strongest; a crowd is not worth more than its hardest members."""


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed."""

    kind: ReasonKind
    """What."""
    value: float
    """How strongly, 0 to 1."""
    why: str
    """The same in one sentence."""
    boxes: tuple[ProposedBox, ...] = ()
    """The objects that it is about."""


def strongest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the strongest finding of each kind, the one first that weighs most, with the boxes of all of its kind."""
    by_kind: dict[ReasonKind, list[Finding]] = {}
    for one in findings:
        by_kind.setdefault(one.kind, []).append(one)
    best = []
    for kind, several in by_kind.items():
        first = max(several, key=lambda one: one.value)
        boxes = tuple(dict.fromkeys(box for one in (first, *several) for box in one.boxes))
        best.append(Finding(kind, first.value, first.why, boxes))
    return tuple(sorted(best, key=lambda one: -WEIGHTS[one.kind] * one.value))


def hardness(findings: Iterable[Finding]) -> float:
    """Return how much labelling a picture is worth, 0 to 1: that at least one of the reasons is right (noisy or)."""
    easy = 1.0
    for one in strongest(findings):
        easy *= 1.0 - WEIGHTS[one.kind] * one.value
    return 1.0 - easy


def reasons(findings: Iterable[Finding]) -> tuple[Reason, ...]:
    """Return findings as the reasons that stand beside a picture."""
    return tuple(Reason(one.kind, one.value, one.why) for one in strongest(findings))


def joined(values: Sequence[float]) -> float:
    """Return one value for several objects, 0 to 1: the highest, and half and a quarter of what the next two add.

    Means over all objects hide one that is hard among many that are easy, and sums favour crowds (compared by Brust,
    Kading and Denzler, "Active Learning for Deep Object Detection", VISAPP 2019).
    """
    total = 0.0
    for place, value in enumerate(sorted(values, reverse=True)[:MAX_NAMED]):
        total += (1.0 - total) * value / 2**place
    return total


def corners_of(box_xyxy_px: NDArray[np.floating]) -> Corners:
    """Return (4,) as plain numbers."""
    left, top, right, bottom = box_xyxy_px.tolist()
    return left, top, right, bottom
