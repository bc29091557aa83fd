"""COCO's average precision written down plainly from its definition, to check the library's figures against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST = 100


def plain_map(truth: Mapping[str, Sequence[Any]], results: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return mAP50-95 and mAP50.

    Args:
        truth: by image id, the objects as (category id, left, top, width, height, crowd).
        results: in COCO's results form.
    """
    categories = sorted({row[0] for rows in truth.values() for row in rows if not row[5]})
    table = np.array([[_average_precision(truth, results, c, overlap) for overlap in OVERLAPS] for c in categories])
    return float(table.mean()), float(table[:, 0].mean())


def _average_precision(truth: Any, results: Any, category: int, overlap: float) -> float:
    ranked: list[tuple[float, bool]] = []
    objects = 0
    for image_id, rows in truth.items():
        marked = [row for row in rows if row[0] == category]
        objects += sum(not row[5] for row in marked)
        seen = [row for row in results if row["image_id"] == image_id and row["category_id"] == category]
        taken: set[int] = set()
        for one in sorted(seen, key=lambda row: -row["score"])[:MOST]:
            free = [(_iou(one["bbox"], row[1:5]), n) for n, row in enumerate(marked) if not row[5] and n not in taken]
            best = max(free, default=(0.0, -1))
            if best[0] >= overlap:
                taken.add(best[1])
                ranked.append((one["score"], True))
            elif not any(row[5] and _inside(one["bbox"], row[1:5]) >= overlap for row in marked):
                ranked.append((one["score"], False))
    ranked.sort(key=lambda pair: -pair[0])
    hits = np.cumsum([hit for _, hit in ranked])
    precision = hits / np.arange(1, len(hits) + 1)
    recall = hits / objects
    return float(np.mean([precision[recall >= level].max(initial=0.0) for level in RECALLS]))


def _shared(a: Sequence[float], b: Sequence[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    shared = _shared(a, b)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def _inside(a: Sequence[float], region: Sequence[float]) -> float:
    return _shared(a, region) / (a[2] * a[3])
