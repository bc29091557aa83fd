"""What a second look says of an object, as plain values that go into its attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.inference import Found
from streamvision.detections import class_name

Finding = dict[str, Any]


def finding_of(found: Found, *, names: tuple[str, ...], crop_px: tuple[int, int], least_score: float) -> Finding | None:
    """Return the finding on one crop; ``None`` where there is none that is sure enough.

    Text gives ``{text, score}``, classes ``{class_name, score}``, objects ``{objects: [{class_name, score, box_xyxy,
    keypoints}]}`` in fractions of the crop, since the object moves on; other models give their summary.

    Args:
        found: what the model says.
        names: its class names by class id.
        crop_px: width and height of the crop.
        least_score: findings below are left out.
    """
    whole = found.whole
    if whole is None:
        return _objects(found, names, crop_px, least_score)
    if whole.text is not None:
        score = round(whole.text_score or 0.0, 4)
        return {"text": whole.text, "score": score} if whole.text and score >= least_score else None
    summary = whole.summary(names)
    if whole.class_score is not None:
        best = int(whole.class_score.argmax())
        score = round(float(whole.class_score[best]), 4)
        if score < least_score:
            return None
        del summary["classes"]
        return {"class_name": class_name(best, names), "score": score, **summary}
    return summary or None


def words_of(attributes: dict[str, Finding] | None) -> str:
    """Return what a label says of an object's attributes.

    >>> words_of({"plate": {"text": "B 42", "score": 0.9}, "make": {"class_name": "vw", "score": 0.8}})
    'B 42 vw'
    """
    words = []
    for finding in (attributes or {}).values():
        first = finding.get("objects", [finding])[0]
        words.append(str(first.get("text") or first.get("class_name") or ""))
    return " ".join(word for word in words if word)


def _objects(found: Found, names: tuple[str, ...], crop_px: tuple[int, int], least_score: float) -> Finding | None:
    chosen = found.detections[np.flatnonzero(found.detections.score >= least_score)]
    if not len(chosen):
        return None
    size = np.array(crop_px, np.float32)
    boxes = (chosen.box_xyxy_px / np.tile(size, 2)).astype(np.float64).round(4).tolist()
    objects: list[dict[str, Any]] = [
        {"class_name": class_name(number, names), "score": round(score, 4), "box_xyxy": box}
        for number, score, box in zip(chosen.class_id.tolist(), chosen.score.tolist(), boxes, strict=True)
    ]
    if chosen.keypoint_xy_px is not None and chosen.keypoint_score is not None:
        points = np.concatenate([chosen.keypoint_xy_px / size, chosen.keypoint_score[..., None]], axis=2)
        for one, rows in zip(objects, points.astype(np.float64).round(4).tolist(), strict=True):
            one["keypoints"] = rows
    return {"objects": objects}
