"""The figures of an epoch: which there are, what they are called, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MAE, R2 = "mae_", "r2_"
"""How figures of a number begin whose name follows: mean absolute error, with its unit, and coefficient of
determination, which has none."""
FEATURE_DISTANCE = "feature_distance"
OF_AGENTS = {
    "reward": "reward of a drive",
    "drive_s": "length of a drive (s)",
    "in_lane_s": "time in lane (s)",
    "offset_m": "beside the middle of the lane (m)",
    "close_share": "share of time too close",
}
"""What is measured of an agent on held-out roads, by the names in ``curves.csv``."""
TITLES = OF_AGENTS | {
    "skill": "skill",
    "elbo_bits": "evidence lower bound (bits a value)",
    "psnr_over_mean_db": "PSNR above the mean picture's (dB)",
    "kl_nats": "KL divergence (nats)",
    "frechet_distance": "Fréchet distance",
    "kernel_distance": "kernel distance",
    "variety": "variety",
    "novelty": "novelty",
    "discriminator_loss": "discriminator's loss",
    "map50": "mAP50",
    "map50_95": "mAP50-95",
    "map50_mask": "mAP50 of masks",
    "map50_95_mask": "mAP50-95 of masks",
    "map50_keypoints": "mAP50 of keypoints",
    "map50_95_keypoints": "mAP50-95 of keypoints",
    "mean_iou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "iou_3d": "mean 3-D IoU",
    "iou_bev": "mean bird's-eye IoU",
    "distance_error": "distance error (share)",
    "yaw_error_deg": "yaw error (degrees, median)",
    "top1": "top-1",
    "top5": "top-5",
    "f1": "F1",
    "psnr_db": "PSNR (dB)",
    "psnr_gain_db": "PSNR above the plain input's (dB)",
    "ssim": "SSIM",
    "ssim_gain": "SSIM above the plain input's",
    FEATURE_DISTANCE: "distance of features",
    "style_gain": "share of the style's loss that is gone",
    "bleu4": "BLEU-4",
    "facts_f1": "F1 of facts",
}
"""By the names in ``curves.csv``, in the order in which they are shown."""


PLACING_ERRORS = ("distance_error", "yaw_error_deg")
SET_DISTANCES = ("frechet_distance", "kernel_distance")
"""Figures by which sets of pictures are compared."""


def is_error(key: str) -> bool:
    """Say whether less of a figure is better."""
    return key.startswith((MAE, FEATURE_DISTANCE)) or key in (*SET_DISTANCES, *PLACING_ERRORS)


def shown(figures: Mapping[str, float]) -> list[str]:
    """Return the names of those figures of an epoch that are shown to people."""
    return [*(key for key in TITLES if key in figures), *(key for key in figures if key.startswith((MAE, R2)))]


def title(key: str) -> str:
    """Return what a figure is called."""
    for beginning, words in ((MAE, "MAE of"), (R2, "R2 of")):
        if key.startswith(beginning):
            return f"{words} {key.removeprefix(beginning)}"
    return TITLES.get(key, key)


def best_of(key: str, values: Iterable[float]) -> float:
    """Return the best of several values of a figure: the largest, but the smallest error or distance."""
    return min(values) if is_error(key) else max(values)


def in_words(figures: Mapping[str, float], *, between: str = ", ") -> str:
    """Return them as text, such as ``mAP50 0.512, mAP50-95 0.301``."""
    return between.join(f"{title(key)} {figures[key]:.3f}" for key in shown(figures))


def as_written(value: float) -> float:
    """Return a figure as ``curves.csv`` holds it, so that epochs compare alike there and in training."""
    return float(f"{value:.6g}")
