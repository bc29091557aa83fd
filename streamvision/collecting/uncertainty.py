"""What a detector is unsure of: scores near the threshold, and two classes in one place.

Least confidence and margin (Lewis and Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994;
Scheffer, Decomain and Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001), for detectors as in
Brust, Kading and Denzler, "Active Learning for Deep Object Detection", VISAPP 2019: what is decided for a box is
whether there is an object, so the margin is the distance of its score from the threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamvision.collecting.finding import MAX_NAMED, Finding, corners_of, joined
from streamvision.core.boxes import overlapping
from streamvision.core.detections import Detections, class_name
from streamvision.core.words import with_article
from streamvision.datasets.collection_records import ProposedBox

SURE_ABOVE = 0.3
"""So far above the threshold an object is not doubted any more."""
SAME_PLACE_IOU = 0.5
"""Overlap from which two boxes are about one object."""
SAME_CLASS_IOU = 0.7
"""Overlap from which two boxes of different classes are one object with two names."""
LEAST = 0.05
"""Values below are not worth naming."""

Values = NDArray[np.float64]
_Doubt = tuple[float, str, tuple[ProposedBox, ...]]


def doubts(score: NDArray[np.floating], *, threshold: float, floor: float) -> Values:
    """Return (N,) how unsure scores are: 1 at the threshold, 0 at the floor and from 0.3 above the threshold on.

    Below the threshold the value falls as a square: there are many weak boxes where nothing is.
    """
    above = 1.0 - (score - threshold) / SURE_ABOVE
    below = 1.0 - (threshold - score) / max(threshold - floor, 1e-6)
    return np.asarray(np.where(score >= threshold, np.clip(above, 0, 1), np.clip(below, 0, 1) ** 2), np.float64)


def uncertain(
    reported: Detections, candidates: Detections, *, names: tuple[str, ...], threshold: float, floor: float
) -> Finding | None:
    """Return what is doubtful on a picture; ``None`` where nothing is.

    Args:
        reported: the objects that are shown, those among them that a tracker continued with a low score.
        candidates: all that the network found, weak ones included, which no other part of the program has confirmed.
        names: class names by class id.
        threshold: lowest score of a reported object.
        floor: lowest score of a candidate.
    """
    weak = _unexplained(reported, candidates, threshold)
    both = [(reported, doubts(reported.score, threshold=threshold, floor=floor))]
    if len(weak):
        both.append((weak, doubts(weak.score, threshold=threshold, floor=floor)))
    found: list[_Doubt] = _two_names(reported, candidates, names, threshold)
    for detections, values in both:
        for index in np.argsort(-values)[:MAX_NAMED].tolist():
            if values[index] >= LEAST:
                box = _box(detections, index, names)
                found.append(
                    (float(values[index]), f"{with_article(box.class_name)} with a score of {box.score:.2f}", (box,))
                )
    if not found:
        return None
    found.sort(key=lambda one: -one[0])
    named = found[:MAX_NAMED]
    why = f"{'; '.join(text for _, text, _ in named)}, where {threshold:.2f} counts as found"
    return Finding("uncertain", joined([value for value, _, _ in found]), why, tuple(b for *_, bs in named for b in bs))


def _unexplained(reported: Detections, candidates: Detections, threshold: float) -> Detections:
    """Return the candidates below the threshold that are about no reported object."""
    weak = candidates[np.flatnonzero(candidates.score < threshold)]
    if not len(weak) or not len(reported):
        return weak
    pairs = overlapping(weak.box_xyxy_px, reported.box_xyxy_px)
    known = np.unique(pairs.row[pairs.iou >= SAME_PLACE_IOU])
    return weak[np.setdiff1d(np.arange(len(weak)), known)]


def _two_names(reported: Detections, candidates: Detections, names: tuple[str, ...], threshold: float) -> list[_Doubt]:
    """Return the reported objects that may as well be of another class."""
    if not len(reported) or len(candidates) < 2:
        return []
    pairs = overlapping(reported.box_xyxy_px, candidates.box_xyxy_px)
    other = reported.class_id[pairs.row] != candidates.class_id[pairs.column]
    found: list[_Doubt] = []
    seen: set[tuple[ProposedBox, ProposedBox]] = set()
    for first, second in zip(*(rows[other & (pairs.iou >= SAME_CLASS_IOU)] for rows in pairs[:2]), strict=True):
        one, two = _box(reported, int(first), names), _box(candidates, int(second), names)
        if (two, one) in seen:
            continue
        seen.add((one, two))
        value = 1.0 - abs(one.score - two.score) / max(one.score, two.score, 1e-6)
        if value >= LEAST and max(one.score, two.score) >= threshold:
            mine, other = with_article(one.class_name), with_article(two.class_name)
            text = f"{mine} ({one.score:.2f}) that may be {other} ({two.score:.2f})"
            found.append((value, text, (one,)))
    return found


def _box(detections: Detections, index: int, names: tuple[str, ...]) -> ProposedBox:
    return ProposedBox(
        class_name(int(detections.class_id[index]), names),
        float(detections.score[index]),
        corners_of(detections.box_xyxy_px[index]),
    )
