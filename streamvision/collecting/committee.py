"""Where two models disagree on a picture.

Query by committee (Seung, Opper and Sompolinsky, COLT 1992): at most one of two members that contradict each other is
right. The members are two detectors, and what they vote on is each object: whether there is one, and of which class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamvision.collecting.finding import MAX_NAMED, Finding, corners_of, joined
from streamvision.core.boxes import overlapping
from streamvision.core.detections import Detections, class_name
from streamvision.core.words import with_article
from streamvision.datasets.collection_records import BoxOrigin, ProposedBox

SAME_OBJECT_IOU = 0.45
"""Overlap from which two boxes are one object; edges that differ are no contradiction."""

_Vote = tuple[float, str, ProposedBox]


def common_classes(names: Sequence[str], other_names: Sequence[str]) -> dict[int, int]:
    """Return the classes that two models have in common: the second's class id by the first's; case does not count."""
    other = {name.casefold(): index for index, name in enumerate(other_names)}
    return {index: other[name.casefold()] for index, name in enumerate(names) if name.casefold() in other}


def disagreement(
    first: Detections, second: Detections, *, names: tuple[str, ...], second_names: tuple[str, ...]
) -> Finding | None:
    """Return where two models contradict each other on a picture; ``None`` where they do not.

    Objects of classes that one of them does not know are not compared.

    Args:
        first: what the first model reports.
        second: what the second model reports.
        names: class names of the first, by class id.
        second_names: class names of the second, by class id.
    """
    common = common_classes(names, second_names)
    first = first[np.flatnonzero(np.isin(first.class_id, list(common)))]
    second = second[np.flatnonzero(np.isin(second.class_id, list(common.values())))]
    pairs = overlapping(first.box_xyxy_px, second.box_xyxy_px)
    order = np.argsort(-pairs.iou)
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for at in order[pairs.iou[order] >= SAME_OBJECT_IOU].tolist():
        row, column = int(pairs.row[at]), int(pairs.column[at])
        if row not in partner and column not in taken:
            partner[row] = column
            taken.add(column)
    votes: list[_Vote] = []
    for row in range(len(first)):
        mine = _box(first, row, names, "model")
        if row not in partner:
            votes.append((mine.score, f"the second model sees no {mine.class_name} ({mine.score:.2f})", mine))
        elif common[int(first.class_id[row])] != int(second.class_id[partner[row]]):
            theirs = _box(second, partner[row], second_names, "second model")
            names_it = f"{with_article(mine.class_name)} {with_article(theirs.class_name)}"
            text = f"the second model calls {names_it} ({theirs.score:.2f})"
            votes.append((min(mine.score, theirs.score), text, theirs))
    for column in range(len(second)):
        if column not in taken:
            theirs = _box(second, column, second_names, "second model")
            text = f"the second model alone sees {with_article(theirs.class_name)} ({theirs.score:.2f})"
            votes.append((theirs.score, text, theirs))
    if not votes:
        return None
    votes.sort(key=lambda vote: -vote[0])
    named = votes[:MAX_NAMED]
    why = "; ".join(text for _, text, _ in named)
    return Finding("disagreement", joined([value for value, _, _ in votes]), why, tuple(box for *_, box in named))


def _box(detections: Detections, index: int, names: tuple[str, ...], origin: BoxOrigin) -> ProposedBox:
    return ProposedBox(
        class_name(int(detections.class_id[index]), names),
        float(detections.score[index]),
        corners_of(detections.box_xyxy_px[index]),
        origin,
    )
