"""Augmentations of labelled pictures as arrays, for trainers that bring none of their own.

Geometry and colours are OpenCV's, since torchvision's transforms take five times as long for a warp and fourteen times
as long for a change of hue on a CPU (416x234 px); RandAugment is torchvision's. This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

from streamvision.datasets.class_labels import UNKNOWN
from streamvision.training.recipe import Augmentation

U8 = NDArray[np.uint8]

GREY = (114, 114, 114)
LEAST_VISIBLE_SHARE = 0.25
"""A box of which less is left teaches nothing and is dropped."""
LEAST_SIDE_PX = 2.0


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture with its boxes, or with the class of each of its pixels."""

    image: U8
    """(H, W, 3) RGB."""
    box_xyxy_px: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 4), np.float32))
    """(N, 4) left, top, right, bottom in pixels."""
    class_id: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """(N,) index into the data set's names."""
    class_map: U8 | None = None
    """(H, W) class ids; 255 counts neither way."""
    keypoint_xyv: NDArray[np.float32] | None = None
    """(N, K, 3) x and y in pixels, and whether the keypoint is marked: above 0. Mixing pictures loses them."""
    mirrored: tuple[int, ...] | None = None
    """For each keypoint the one that it is in a mirror."""


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
    """Return a picture with boxes as training sees it.

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
    return _recoloured_and_flipped(sample, settings, rng)


def augment_centre(
    sample: Sample,
    size_px: tuple[int, int],
    settings: Augmentation,
    rng: np.random.Generator,
    *,
    border: int = cv2.BORDER_CONSTANT,
    moving: bool = False,
) -> Sample:
    """Return the middle of a picture as training sees it, cut or padded to (width, height).

    Shifts look beyond the cut; what is beyond the picture itself is OpenCV's ``border`` (grey), of unknown class.
    ``moving`` lets RandAugment have its operations that move pixels, too, for pictures with one class.
    """
    height, width = sample.image.shape[:2]
    matrix = np.eye(3)
    matrix[:2, 2] = (size_px[0] - width) // 2, (size_px[1] - height) // 2
    moved = _warp(sample, random_matrix(*size_px, settings, rng) @ matrix, size_px, border=border)
    return _recoloured_and_flipped(moved, settings, rng, moving=moving)


def fit(sample: Sample, *, side_px: int) -> Sample:
    """Scale a picture so that its longer side is ``side_px``."""
    height, width = sample.image.shape[:2]
    size = fitted_size((width, height), side_px)
    shrinks = side_px < max(height, width)
    image = cv2.resize(sample.image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    ratio = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    keypoints = sample.keypoint_xyv
    return Sample(
        image.astype(np.uint8, copy=False),
        sample.box_xyxy_px * ratio,
        sample.class_id,
        keypoint_xyv=None if keypoints is None else keypoints * np.array([*ratio[:2], 1], np.float32),
        mirrored=sample.mirrored,
    )


def fitted_size(size_px: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Return (width, height) of a picture whose longer side is given a length."""
    width, height = (max(round(side * side_px / max(size_px)), 1) for side in size_px)
    return width, height


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
    return sample if np.allclose(matrix, np.eye(3)) else _warp(sample, matrix, (width, height))


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


def colour(image: U8, settings: Augmentation, rng: np.random.Generator) -> U8:
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
    changed: U8 = cv2.cvtColor(merged, cv2.COLOR_HSV2RGB).astype(np.uint8, copy=False)
    return changed


_GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")


class _ColourRandAugment(v2.RandAugment):  # type: ignore[misc]  # torchvision has no types
    """RandAugment (Cubuk et al. 2020) with the operations that leave boxes and class maps where they are."""

    _AUGMENTATION_SPACE: ClassVar[dict[str, Any]] = {
        name: operation for name, operation in v2.RandAugment._AUGMENTATION_SPACE.items() if name not in _GEOMETRIC
    }


def rand_augment(image: U8, *, operations: int, rng: np.random.Generator, moving: bool = False) -> U8:
    """Return a picture (H, W, 3) uint8 RGB after so many operations, each chosen at random.

    They change its colours alone, unless ``moving`` lets it be rotated, sheared and shifted, too.
    """
    kind = v2.RandAugment if moving else _ColourRandAugment
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(1 << 63)))
        changed = kind(operations)(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))
    return np.ascontiguousarray(changed.numpy().transpose(1, 2, 0))


def flip(sample: Sample) -> Sample:
    """Mirror a picture left to right."""
    boxes = sample.box_xyxy_px.copy()
    boxes[:, [0, 2]] = sample.image.shape[1] - boxes[:, [2, 0]]
    class_map = None if sample.class_map is None else np.ascontiguousarray(sample.class_map[:, ::-1])
    keypoints = sample.keypoint_xyv
    if keypoints is not None:
        keypoints = keypoints[:, list(sample.mirrored or range(keypoints.shape[1]))]
        keypoints[..., 0] = sample.image.shape[1] - keypoints[..., 0]
    image = np.ascontiguousarray(sample.image[:, ::-1])
    return Sample(image, boxes, sample.class_id, class_map, keypoints, sample.mirrored)


def _recoloured_and_flipped(
    sample: Sample, settings: Augmentation, rng: np.random.Generator, *, moving: bool = False
) -> Sample:
    image = colour(sample.image, settings, rng)
    if settings.rand_augment:
        image = rand_augment(image, operations=settings.rand_augment, rng=rng, moving=moving)
    sample = replace(sample, image=image)
    return flip(sample) if rng.random() < settings.flip else sample


def _warp(
    sample: Sample, matrix: NDArray[np.float64], size_px: tuple[int, int], *, border: int = cv2.BORDER_CONSTANT
) -> Sample:
    """Move a picture by a (3, 3) matrix onto a canvas of (width, height)."""
    image = cv2.warpPerspective(sample.image, matrix, size_px, borderMode=border, borderValue=GREY)
    class_map = None
    if sample.class_map is not None:
        class_map = cv2.warpPerspective(
            sample.class_map, matrix, size_px, flags=cv2.INTER_NEAREST, borderValue=(UNKNOWN,)
        ).astype(np.uint8, copy=False)
    x1, y1, x2, y2 = sample.box_xyxy_px.T
    moved = _moved(np.stack([x1, y1, x2, y1, x2, y2, x1, y2], axis=1).reshape(-1, 4, 2), matrix)
    boxes = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1).astype(np.float32)
    keypoints = sample.keypoint_xyv
    if keypoints is not None:
        keypoints = np.concatenate([_moved(keypoints[..., :2], matrix), keypoints[..., 2:]], axis=2, dtype=np.float32)
    pixels = image.astype(np.uint8, copy=False)
    return _clipped(Sample(pixels, boxes, sample.class_id, class_map, keypoints, sample.mirrored))


def _moved(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, K, 2) points moved by a (3, 3) matrix."""
    moved = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2) @ matrix.T
    flat: NDArray[np.float64] = moved[..., :2] / moved[..., 2:]
    return flat


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
    keypoints = sample.keypoint_xyv
    if keypoints is not None:
        inside = np.all((keypoints[..., :2] >= 0) & (keypoints[..., :2] <= (width, height)), axis=2, keepdims=True)
        keypoints = (keypoints * inside)[kept]
    return replace(sample, box_xyxy_px=clipped[kept], class_id=sample.class_id[kept], keypoint_xyv=keypoints)


def _visible_share(box_xyxy_px: NDArray[np.float32], window: tuple[int, int, int, int]) -> NDArray[np.float32]:
    left, top, right, bottom = window
    overlap = np.minimum(box_xyxy_px[:, 2:], (right, bottom)) - np.maximum(box_xyxy_px[:, :2], (left, top))
    area = np.maximum((box_xyxy_px[:, 2:] - box_xyxy_px[:, :2]).prod(axis=1), 1e-6)
    share: NDArray[np.float32] = (np.maximum(overlap, 0).prod(axis=1) / area).astype(np.float32)
    return share
