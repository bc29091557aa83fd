"""How the figures of an epoch are called for people."""

from __future__ import annotations

from collections.abc import Mapping

TITLES = {
    "map50": "mAP50",
    "map50_95": "mAP50-95",
    "mean_iou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "top1": "top-1",
    "top5": "top-5",
}
"""By the names in ``curves.csv``, in the order in which they are shown."""
PLOTTED = ("map50", "map50_95", "precision", "recall", "mean_iou", "pixel_accuracy", "top1", "top5")
"""What is drawn of the held-out pictures."""


def shown(figures: Mapping[str, float]) -> list[str]:
    """Return those of an epoch's figures that people are told."""
    return [key for key in TITLES if key in figures]


def in_words(figures: Mapping[str, float], *, between: str = ", ") -> str:
    """Return them as text, such as ``mAP50 0.512, mAP50-95 0.301``."""
    return between.join(f"{TITLES[key]} {figures[key]:.3f}" for key in shown(figures))
