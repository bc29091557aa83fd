"""Where a model contradicts itself from one frame to the next.

What is there does not vanish for a tenth of a second, nor become a truck (temporal coherence as a measure of doubt:
Bengar et al., "Temporal Coherence for Active Learning in Videos", ICCV workshops 2019; Aghdam et al., "Active Learning
for Deep Detection Neural Networks", ICCV 2019). A tracker says which objects of two frames are one. Much is known only
later: that an object was missed shows when it is there again. So findings may be about earlier frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from streamvision.collecting.finding import Finding, corners_of
from streamvision.core.detections import Detections, class_name
from streamvision.core.words import with_article
from streamvision.datasets.collection_records import Corners, ProposedBox

MEMORY_S = 2.0
"""How long an identity out of sight is remembered, in seconds of the stream."""
SHORT_S = 0.5
"""An identity that was there for less, and neither came in nor went out at an edge, may never have been an object."""
EDGE = 0.03
"""What is so near to an edge, as a share of the picture's side, comes in or goes out there."""
MAX_IDENTITIES = 512
MAX_MISSED = 32
"""Most frames of one gap that are named."""
MAX_UNTRACKED = 64
SAME_PLACE_IOU = 0.3
"""Overlap from which an identity that begins where another has just ended is the same object."""


LEAST_IOU = 0.1
"""Overlap from which something is in the place of another, which may have moved."""


class Earlier(NamedTuple):
    """A finding about an earlier frame."""

    frame: int
    """The number of the frame in the stream."""
    finding: Finding
    """What shows now."""


@dataclass(slots=True)
class _Identity:
    first_s: float
    seen_s: float
    index: int
    class_id: int
    score: float
    box: Corners
    from_edge: bool
    frames: int = 1
    missed: list[tuple[int, float]] = field(default_factory=list)
    """Frames without it since it was seen: their numbers and times."""


class _Untracked(NamedTuple):
    frame: int
    pts_s: float
    box: ProposedBox


class FlickerWatch:
    """Follows the identities of one stream; memory has a bound."""

    def __init__(self) -> None:
        self._identities: dict[int, _Identity] = {}
        self._untracked: list[_Untracked] = []

    def reset(self) -> None:
        """Forget all: the stream was reconnected, or changed its size."""
        self._identities.clear()
        self._untracked.clear()

    def look(
        self, found: Detections, *, index: int, pts_s: float, names: tuple[str, ...], picture_px: tuple[int, int]
    ) -> tuple[list[Finding], list[Earlier]]:
        """Take the objects of the next frame, and return what shows about it and about earlier ones.

        Args:
            found: the objects that are shown, with identities.
            index: the frame's number in the stream.
            pts_s: its time in the stream.
            names: class names by class id.
            picture_px: width and height of the picture.
        """
        now: list[Finding] = []
        earlier: list[Earlier] = []
        identities = found.identities()
        boxes = [corners_of(row) for row in found.box_xyxy_px]
        rows = zip(identities, boxes, found.class_id.tolist(), found.score.tolist(), strict=True)
        seen = {identity for identity in identities if identity is not None}
        for identity, box, class_id, score in rows:
            if identity is None:
                continue
            known = self._identities.get(identity)
            if known is None:
                now += self._begun(box, class_id, score, pts_s, names, seen)
                edge = _at_edge(box, picture_px)
                self._identities[identity] = _Identity(pts_s, pts_s, index, class_id, score, box, edge)
                continue
            if known.missed:
                earlier += _gap(known, box, score, pts_s, names)
            if known.class_id != class_id:
                before, after = class_name(known.class_id, names), class_name(class_id, names)
                why = f"{with_article(before)} becomes {with_article(after)} from one frame to the next"
                now.append(
                    Finding(
                        "flicker", 0.5 + 0.5 * min(score, known.score), why, (_proposed(box, class_id, score, names),)
                    )
                )
            known.seen_s, known.index, known.class_id, known.score, known.box = pts_s, index, class_id, score, box
            known.frames += 1
            known.missed.clear()
        now += self._missing(seen, boxes, index, pts_s, names, picture_px)
        earlier += self._over(pts_s, names, picture_px)
        earlier += self._never_tracked(found, identities, boxes, index, pts_s, names)
        while len(self._identities) > MAX_IDENTITIES:
            self._identities.pop(min(self._identities, key=lambda one: self._identities[one].seen_s))
        return now, earlier

    def _begun(
        self, box: Corners, class_id: int, score: float, pts_s: float, names: tuple[str, ...], seen: set[int]
    ) -> list[Finding]:
        """Return what shows where an identity begins: another that has just ended in its place."""
        for identity, other in self._identities.items():
            if identity not in seen and pts_s - other.seen_s <= SHORT_S and _iou(other.box, box) >= SAME_PLACE_IOU:
                before, after = class_name(other.class_id, names), class_name(class_id, names)
                why = f"{with_article(before)} loses its identity, and {with_article(after)} begins in its place"
                return [Finding("flicker", 0.6, why, (_proposed(box, class_id, score, names),))]
        return []

    def _missing(
        self,
        seen: set[int],
        boxes: list[Corners],
        index: int,
        pts_s: float,
        names: tuple[str, ...],
        picture_px: tuple[int, int],
    ) -> list[Finding]:
        """Take note of the identities that are not seen; where they should be is a first guess.

        Where something is found in their place the tracker has lost them, and not the network.
        """
        found = []
        for identity, known in self._identities.items():
            if identity in seen or any(_iou(known.box, box) >= LEAST_IOU for box in boxes):
                continue
            if len(known.missed) < MAX_MISSED:
                known.missed.append((index, pts_s))
            is_new = len(known.missed) == 1 and pts_s - known.first_s >= SHORT_S
            if is_new and not _at_edge(known.box, picture_px):
                name = class_name(known.class_id, names)
                why = f"{with_article(name)} that was followed for {known.seen_s - known.first_s:.1f} s is not found"
                box = ProposedBox(name, known.score, known.box, "tracker")
                found.append(Finding("disagreement", 0.3 * known.score, why, (box,)))
        return found

    def _over(self, pts_s: float, names: tuple[str, ...], picture_px: tuple[int, int]) -> list[Earlier]:
        """Forget identities that were not seen for long, and return those that were there too shortly."""
        found = []
        over = [one for one, known in self._identities.items() if not 0 <= pts_s - known.seen_s <= MEMORY_S / 2]
        for identity in over:
            known = self._identities[identity]
            life_s = known.seen_s - known.first_s
            if known.frames and life_s < SHORT_S and not known.from_edge and not _at_edge(known.box, picture_px):
                name = class_name(known.class_id, names)
                box = ProposedBox(name, known.score, known.box)
                why = f"{with_article(name)} is there for {life_s:.2f} s and gone"
                found.append(Earlier(known.index, Finding("flicker", 0.6, why, (box,))))
                known.frames = 0  # said once
            if not 0 <= pts_s - known.seen_s <= MEMORY_S:
                del self._identities[identity]
        return found

    def _never_tracked(
        self,
        found: Detections,
        identities: list[int | None],
        boxes: list[Corners],
        index: int,
        pts_s: float,
        names: tuple[str, ...],
    ) -> list[Earlier]:
        """Take note of objects without identity, and return earlier ones that never got one."""
        if found.track_id is None:
            return []
        if self._untracked:
            tracked = [box for box, identity in zip(boxes, identities, strict=True) if identity is not None]
            self._untracked = [
                one for one in self._untracked if not any(_near(one.box.box_xyxy_px, b) for b in tracked)
            ]
        over = [one for one in self._untracked if not 0 <= pts_s - one.pts_s <= SHORT_S]
        if over:
            self._untracked = [one for one in self._untracked if 0 <= pts_s - one.pts_s <= SHORT_S]
        new = (
            _Untracked(index, pts_s, _proposed(box, class_id, score, names))
            for identity, box, class_id, score in zip(
                identities, boxes, found.class_id.tolist(), found.score.tolist(), strict=True
            )
            if identity is None
        )
        self._untracked = [*self._untracked, *new][-MAX_UNTRACKED:]
        return [Earlier(one.frame, _lonely(one.box)) for one in over]


def _lonely(box: ProposedBox) -> Finding:
    why = f"{with_article(box.class_name)} ({box.score:.2f}) that no track confirms"
    return Finding("disagreement", 0.7 * box.score, why, (box,))


def _gap(known: _Identity, box: Corners, score: float, pts_s: float, names: tuple[str, ...]) -> list[Earlier]:
    """Return what shows where an identity is back: the frames between missed it, and about where it was."""
    name = class_name(known.class_id, names)
    value = 0.4 + 0.6 * min(known.score, score)
    found = []
    for index, at_s in known.missed:
        share = (at_s - known.seen_s) / max(pts_s - known.seen_s, 1e-6)
        left, top, right, bottom = (a + share * (b - a) for a, b in zip(known.box, box, strict=True))
        why = f"{with_article(name)} is found before and after, and missed here"
        missed = ProposedBox(name, min(known.score, score), (left, top, right, bottom), "tracker")
        found.append(Earlier(index, Finding("disagreement", value, why, (missed,))))
    return found


def _proposed(box: Corners, class_id: int, score: float, names: tuple[str, ...]) -> ProposedBox:
    return ProposedBox(class_name(class_id, names), score, box)


def _at_edge(box: Corners, picture_px: tuple[int, int]) -> bool:
    width, height = picture_px
    return (
        box[0] < EDGE * width or box[1] < EDGE * height or box[2] > (1 - EDGE) * width or box[3] > (1 - EDGE) * height
    )


def _near(first: Corners, second: Corners) -> bool:
    """Say whether two boxes overlap or are less than a width and height apart."""
    width, height = first[2] - first[0], first[3] - first[1]
    return (
        first[0] - width < second[2]
        and second[0] < first[2] + width
        and first[1] - height < second[3]
        and second[1] < first[3] + height
    )


def _iou(first: Corners, second: Corners) -> float:
    shared = max(min(first[2], second[2]) - max(first[0], second[0]), 0.0) * max(
        min(first[3], second[3]) - max(first[1], second[1]), 0.0
    )
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - shared
    return float(np.divide(shared, union)) if union > 0 else 0.0
