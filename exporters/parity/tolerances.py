"""How much an export may differ from its source, by precision; one table, with the reason for each row.

Objects are compared from a working threshold of 0.25 up: quantised and half-precision networks really differ at low
scores, where nobody looks, and suppression inside a network equals the full one only at working thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from exporters.base import ExportPrecision

WORKING_SCORE = 0.25
"""Objects from this score up must agree; what ``streamvision run`` shows by default."""
PARTNER_SHARE = 0.4
"""An object that counts may be paired with a weaker one, down to this share of the threshold."""
MATCH_IOU = 0.5
"""Boxes of one class that overlap by less than this are not the same object."""
INPUT_LEVELS = 0.3
"""The input may differ by this much, in levels of 0..255: rounding to float16 stays below, any real error does not."""


_UNTRAINED_ERROR = 3.0
"""How much more the raw numbers of a network with random weights may differ: in half precision those of MobileNetV3 do
by 2.6 % in the mean of a picture, while the likeliest class stays and its score moves by 0.02."""


@dataclass(frozen=True)
class Tolerance:
    """Limits for one precision. Shares and overlaps are 0..1."""

    mean_iou: float
    """Least mean overlap of an object's two boxes; masks and oriented boxes alike."""
    least_iou: float | None
    """Least overlap of any object's two boxes; ``None``: one object alone is not judged."""
    iou_p5: float | None
    """Least overlap of all objects but the worst: 5 %, and what chance adds to so few; ``None``: not judged."""
    shift_px: float
    """Most that all boxes together are shifted or grown, in pixels of the network's input: errors of arithmetic
    point in all directions, errors of geometry in one."""
    mean_score: float
    """Most mean difference of an object's two scores."""
    greatest_score: float | None
    """Most difference of any object's two scores; ``None``: one object alone is not judged."""
    score_p95: float | None
    """Most difference of scores of all objects but the worst, as above; ``None``: not judged."""
    unmatched_share: float
    """Largest share of objects that only the source or only the export has."""
    lost_share: float | None
    """Largest share of the source's objects that the export has not; ``None``: both directions together are judged."""
    gained_share: float | None
    """Largest share of the export's objects that the source has not; ``None`` as above."""
    outlier_share: float
    """Share of the candidates before suppression whose worst overlap and score are not judged: a single cell of a
    quantised network may change its mind about where its box is, and the boxes of its neighbours win."""
    mask_iou: float
    """Least mean overlap of an object's two masks: their edges follow small changes of the box."""
    keypoint_share: float
    """Most mean distance of an object's two keypoints, as a share of the object's size."""
    class_score: float
    """Most difference of the probability of any class, for models that name whole pictures."""
    same_pixels: float
    """Least share of pixels with the same class, for models that name pixels."""
    relative_error: float
    """Most mean error of depths, pictures and raw values, as a share of their own mean magnitude."""
    cosine: float
    """Least cosine between the two embeddings of a picture."""
    budget_points: float
    """Most points of mAP50-95 that may be lost on labelled data."""
    reason: str
    """Why these."""
    judges_groups: bool = True
    """Whether objects of each class and size must keep the limits by themselves, too; see
    :mod:`exporters.parity.groups`."""


TOLERANCES: dict[ExportPrecision, Tolerance] = {
    "fp32": Tolerance(
        mean_iou=0.998,
        least_iou=0.98,
        iou_p5=None,
        shift_px=0.05,
        mean_score=0.002,
        greatest_score=0.01,
        score_p95=None,
        unmatched_share=0.01,
        lost_share=None,
        gained_share=None,
        outlier_share=0.0,
        mask_iou=0.99,
        keypoint_share=0.005,
        class_score=0.005,
        same_pixels=0.998,
        relative_error=0.005,
        cosine=0.9999,
        budget_points=0.5,
        reason="The same arithmetic in another order: measured IoU 1.000, scores within 0.0001; anything more is an "
        "error of the conversion.",
    ),
    "fp16": Tolerance(
        mean_iou=0.98,
        least_iou=0.85,
        iou_p5=None,
        shift_px=0.3,
        mean_score=0.01,
        greatest_score=0.06,
        score_p95=None,
        unmatched_share=0.02,
        lost_share=None,
        gained_share=None,
        outlier_share=0.002,
        mask_iou=0.96,
        keypoint_share=0.02,
        class_score=0.03,
        same_pixels=0.99,
        relative_error=0.02,
        cosine=0.999,
        budget_points=0.5,
        reason="Half-precision weights alone leave IoU 1.000; half-precision arithmetic (Core ML) 0.993.",
    ),
    "int8-dynamic": Tolerance(
        mean_iou=0.95,
        least_iou=None,
        iou_p5=0.75,
        shift_px=1.0,
        mean_score=0.04,
        greatest_score=None,
        score_p95=0.15,
        unmatched_share=0.08,
        lost_share=0.06,
        gained_share=0.06,
        outlier_share=0.0,
        mask_iou=0.88,
        keypoint_share=0.05,
        class_score=0.15,
        same_pixels=0.95,
        relative_error=0.10,
        cosine=0.98,
        budget_points=1.5,
        reason="Weights of 8 bits, activations measured per call: IoU 0.972 for YOLOv8n.",
    ),
    "int8": Tolerance(
        mean_iou=0.93,
        least_iou=None,
        iou_p5=0.70,
        shift_px=1.5,
        mean_score=0.06,
        greatest_score=None,
        score_p95=0.25,
        unmatched_share=0.15,
        lost_share=0.10,
        gained_share=0.10,
        outlier_share=0.0,
        mask_iou=0.85,
        keypoint_share=0.06,
        class_score=0.20,
        same_pixels=0.93,
        relative_error=0.12,
        cosine=0.97,
        budget_points=1.5,
        reason="Weights and activations of 8 bits: on sixteen pictures, drawn eight times, YOLOv8n's boxes overlap by "
        "0.952 to 0.975, 3 % are lost or gained at most, 95 % of the scores lie within 0.10 to 0.20. What is broken "
        "is far off: an overlap of 0.81-0.90 with the head quantised, 5 % of the scores off by 0.5 with zero points "
        "that are wrong by one.",
    ),
}
"""By precision."""


def tolerance_for(precision: ExportPrecision, *, untrained: bool = False) -> Tolerance:
    """Return the limits of a precision; wider ones for which boxes are chosen where weights are random.

    The scores of such a detector lie so close together that rounding decides which boxes it proposes and keeps: Mask
    R-CNN in torch differs from itself, with noise of one millionth on its input, by 13 % of the objects and a mean
    overlap of 0.961. Its scores do not, so their limits stay.
    """
    tolerance = TOLERANCES[precision]
    if not untrained:
        return tolerance
    return replace(
        tolerance,
        mean_iou=min(tolerance.mean_iou, 0.90),
        least_iou=None if tolerance.least_iou is None else MATCH_IOU,
        iou_p5=None,
        unmatched_share=0.25,
        lost_share=None,
        gained_share=None,
        mask_iou=min(tolerance.mask_iou, 0.85),
        keypoint_share=max(tolerance.keypoint_share, 0.10),
        relative_error=_UNTRAINED_ERROR * tolerance.relative_error,
        judges_groups=False,
        reason="Random weights: rounding decides between boxes whose scores are nearly the same, so only their scores "
        "and the greater part of them can be compared.",
    )
