"""Which class is taken for which, at one score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.matching import HIT_IOU, ImageMatch


def confusion_matrix(matches: Sequence[ImageMatch], *, classes: int) -> NDArray[np.int64]:
    """Return (classes + 1, classes + 1) counts: rows are what is marked, columns what was said.

    The last row counts detections of nothing, the last column objects that nothing was said about. Right detections
    are paired first; of what is left, those pairs that overlap most, from 0.5 on.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for match in matches:
        hit = match.hit
        np.add.at(counts, (match.class_id[hit], match.class_id[hit]), 1)
        rows, objects = np.flatnonzero(match.false), np.flatnonzero(~match.found & ~match.truth.ignore)
        iou = match.iou[np.ix_(rows, objects)]
        while iou.size and iou.max() >= HIT_IOU:
            row, column = np.unravel_index(iou.argmax(), iou.shape)
            counts[match.truth.class_id[objects[column]], match.class_id[rows[row]]] += 1
            iou = np.delete(np.delete(iou, row, axis=0), column, axis=1)
            rows, objects = np.delete(rows, row), np.delete(objects, column)
        np.add.at(counts[-1], match.class_id[rows], 1)
        np.add.at(counts[:, -1], match.truth.class_id[objects], 1)
    return counts
