"""Augmentations of labelled pictures as arrays, for trainers that bring none of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.training.presets import Augmentation
from streamvision.training.rand_augment import rand_augment

GREY = (114, 114, 114)
LEAST_VISIBLE_SHARE = 0.25
"""A box of which less is left teaches nothing and is dropped."""
LEAST_SIDE_PX = 2.0


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture with its boxes."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    box_xyxy_px: NDArray[np.float32]
    """(N, 4) left, top, right, bottom in pixels."""
    class_id: NDArray[np.int64]
    """(N,) index into the data set's names."""


def augment(
    index: int,
    load: Callable[[int], Sample],
    *,
    count: int,
    side_px: int,
    settings: Augmentation,
    mixing: bool,
    rng: np.random.Generator,
) -> Sample:
    """Return a picture as training sees it.

    Args:
        index: which picture.
        load: reads a picture by index.
        count: how many pictures there are, for those that mix.
        side_px: longer side of the result.
        settings: what to do.
        mixing: whether mosaic, MixUp and CutMix are on (they are off in the last epochs).
        rng: source of all chance.
    """

    def one(at: int) -> Sample:
        if mixing and rng.random() < settings.mosaic:
            return mosaic([load(at), *(load(int(i)) for i in rng.integers(count, size=3))], side_px=side_px, rng=rng)
        return fit(load(at), side_px=side_px)

    sample = affine(one(index), settings, rng)
    if mixing and rng.random() < settings.mixup:
        sample = mix_up(sample, affine(one(int(rng.integers(count))), settings, rng), rng)
    if mixing and rng.random() < settings.cutmix:
        sample = cut_mix(sample, affine(one(int(rng.integers(count))), settings, rng), rng)
    image = colour(sample.image, settings, rng)
    if settings.rand_augment:
        image = rand_augment(image, operations=settings.rand_augment, rng=rng)
    sample = replace(sample, image=image)
    return flip(sample) if rng.random() < settings.flip else sample


def fit(sample: Sample, *, side_px: int) -> Sample:
    """Scale a picture so that its longer side is ``side_px``."""
    height, width = sample.image.shape[:2]
    scale = side_px / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    image = cv2.resize(sample.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ratio = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    return Sample(image.astype(np.uint8, copy=False), sample.box_xyxy_px * ratio, sample.class_id)


def mosaic(samples: list[Sample], *, side_px: int, rng: np.random.Generator) -> Sample:
    """Put four pictures around a random point of one square picture (YOLOv4, Bochkovskiy et al. 2020)."""
    canvas = np.full((side_px, side_px, 3), GREY, np.uint8)
    centre_x, centre_y = (round(side_px * value) for value in rng.uniform(0.3, 0.7, 2))
    boxes, classes = [], []
    for position, sample in enumerate(samples):
        fitted = fit(sample, side_px=round(side_px * 0.7))
        height, width = fitted.image.shape[:2]
        right, below = position % 2, position // 2
        left = centre_x if right else centre_x - width
        top = centre_y if below else centre_y - height
        x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + width, side_px), min(top + height, side_px)
        canvas[y1:y2, x1:x2] = fitted.image[y1 - top : y2 - top, x1 - left : x2 - left]
        boxes.append(fitted.box_xyxy_px + np.array([left, top, left, top], np.float32))
        classes.append(fitted.class_id)
    return _clipped(Sample(canvas, np.concatenate(boxes), np.concatenate(classes)))


def affine(sample: Sample, settings: Augmentation, rng: np.random.Generator) -> Sample:
    """Rotate, scale, shift and tilt a picture about its centre; its size stays."""
    height, width = sample.image.shape[:2]
    matrix = random_matrix(width, height, settings, rng)
    if np.allclose(matrix, np.eye(3)):
        return sample
    image = cv2.warpPerspective(sample.image, matrix, (width, height), borderValue=GREY)
    x1, y1, x2, y2 = sample.box_xyxy_px.T
    corners = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], axis=1).reshape(-1, 4, 2)
    moved = np.concatenate([corners, np.ones((len(corners), 4, 1))], axis=2) @ matrix.T
    moved = moved[..., :2] / moved[..., 2:]
    boxes = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1).astype(np.float32)
    return _clipped(Sample(image.astype(np.uint8, copy=False), boxes, sample.class_id))


def random_matrix(
    width_px: int, height_px: int, settings: Augmentation, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the (3, 3) matrix that rotates, scales, shifts and tilts a picture of a size about its centre."""
    angle = float(rng.uniform(-1, 1)) * settings.rotate_deg
    scale = 1 + float(rng.uniform(-1, 1)) * settings.scale
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), angle, scale)
    matrix[:2, 2] += rng.uniform(-1, 1, 2) * settings.translate * (width_px, height_px)
    tilt = np.eye(3)
    tilt[2, :2] = rng.uniform(-1, 1, 2) * settings.perspective
    combined: NDArray[np.float64] = tilt @ matrix
    return combined


def mix_up(sample: Sample, other: Sample, rng: np.random.Generator) -> Sample:
    """Blend two pictures and keep the boxes of both (Zhang et al. 2018)."""
    share = float(rng.beta(32.0, 32.0))
    fitted = _placed(other, sample.image.shape[:2])
    image = cv2.addWeighted(sample.image, share, fitted.image, 1 - share, 0).astype(np.uint8, copy=False)
    return Sample(
        image,
        np.concatenate([sample.box_xyxy_px, fitted.box_xyxy_px]),
        np.concatenate([sample.class_id, fitted.class_id]),
    )


def cut_mix(sample: Sample, other: Sample, rng: np.random.Generator) -> Sample:
    """Paste a random part of another picture, with the boxes in it (Yun et al. 2019)."""
    height, width = sample.image.shape[:2]
    fitted = _placed(other, (height, width))
    share = np.sqrt(1 - rng.beta(1.0, 1.0)) * 0.7
    cut = np.maximum(np.array([width, height]) * share, 1).astype(int)
    left, top = (int(rng.integers(0, limit - side + 1)) for limit, side in zip((width, height), cut, strict=True))
    right, bottom = left + int(cut[0]), top + int(cut[1])
    image = sample.image.copy()
    image[top:bottom, left:right] = fitted.image[top:bottom, left:right]
    kept = _visible_share(sample.box_xyxy_px, (left, top, right, bottom)) < 1 - LEAST_VISIBLE_SHARE
    inside = _visible_share(fitted.box_xyxy_px, (left, top, right, bottom)) >= LEAST_VISIBLE_SHARE
    pasted = np.clip(fitted.box_xyxy_px[inside], [left, top] * 2, [right, bottom] * 2).astype(np.float32)
    return Sample(
        image,
        np.concatenate([sample.box_xyxy_px[kept], pasted]),
        np.concatenate([sample.class_id[kept], fitted.class_id[inside]]),
    )


def colour(image: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change hue, saturation and brightness."""
    if not (settings.hue or settings.saturation or settings.brightness):
        return image
    dose = rng.uniform(-1, 1, 3) * (settings.hue, settings.saturation, settings.brightness)
    hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    levels = np.arange(256)
    tables = (
        ((levels + dose[0] * 180) % 180).astype(np.uint8),
        np.clip(levels * (1 + dose[1]), 0, 255).astype(np.uint8),
        np.clip(levels * (1 + dose[2]), 0, 255).astype(np.uint8),
    )
    merged = cv2.merge(
        [cv2.LUT(channel, table) for channel, table in zip((hue, saturation, value), tables, strict=True)]
    )
    changed: NDArray[np.uint8] = cv2.cvtColor(merged, cv2.COLOR_HSV2RGB).astype(np.uint8, copy=False)
    return changed


def flip(sample: Sample) -> Sample:
    """Mirror a picture left to right."""
    width = sample.image.shape[1]
    boxes = sample.box_xyxy_px.copy()
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    return Sample(np.ascontiguousarray(sample.image[:, ::-1]), boxes, sample.class_id)


def _placed(sample: Sample, size: tuple[int, int]) -> Sample:
    """Put a picture on a canvas of (height, width), cutting what does not fit."""
    height, width = size
    canvas = np.full((height, width, 3), GREY, np.uint8)
    part = sample.image[:height, :width]
    canvas[: part.shape[0], : part.shape[1]] = part
    return _clipped(Sample(canvas, sample.box_xyxy_px, sample.class_id))


def _clipped(sample: Sample) -> Sample:
    height, width = sample.image.shape[:2]
    clipped = np.clip(sample.box_xyxy_px, 0, [width, height] * 2).astype(np.float32)
    sides = clipped[:, 2:] - clipped[:, :2]
    kept = (_visible_share(sample.box_xyxy_px, (0, 0, width, height)) >= LEAST_VISIBLE_SHARE) & (
        sides.min(axis=1, initial=np.inf) >= LEAST_SIDE_PX
    )
    return Sample(sample.image, clipped[kept], sample.class_id[kept])


def _visible_share(box_xyxy_px: NDArray[np.float32], window: tuple[int, int, int, int]) -> NDArray[np.float32]:
    left, top, right, bottom = window
    overlap = np.minimum(box_xyxy_px[:, 2:], (right, bottom)) - np.maximum(box_xyxy_px[:, :2], (left, top))
    area = np.maximum((box_xyxy_px[:, 2:] - box_xyxy_px[:, :2]).prod(axis=1), 1e-6)
    share: NDArray[np.float32] = (np.maximum(overlap, 0).prod(axis=1) / area).astype(np.float32)
    return share
