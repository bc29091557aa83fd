"""Ways of cutting and merging that are tried: what each finds on a set of pictures, and how many inputs it takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.slicing.mosaics import HEIGHT_PX, WIDTH_PX, scaled_labels
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.crops import part_of
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture
from streamvision.core.resampling import Window
from streamvision.datasets.dataset import LabelledImage
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.predictions import Predictions
from streamvision.inference.model import Model
from streamvision.inference.slicing.merging import merged
from streamvision.inference.slicing.seams import whole_first
from streamvision.inference.slicing.tiles import Tiling

Pixels = NDArray[np.uint8]
Half = tuple[list[Pixels], list[LabelledImage]]
"""Mosaics, and what is marked on them."""
NESTED = SlicesConfig(merge="nms", match_metric="ios", match_threshold=0.7)
"""What tells a box that lies in a better one of its class: a part of an object that was found twice, as a rule."""
SHOWN_SCORE = 0.25
PICTURE_PX = WIDTH_PX, HEIGHT_PX


@dataclass(frozen=True)
class Figures:
    """How well objects of each size are found, by COCO's mean average precision (0.50 to 0.95)."""

    small: float
    """Below 32x32 px of the 4K picture."""
    small_relative: float
    """Below 32x32 px of the network's input, had it been shown the picture as a whole."""
    all: float
    """Of all sizes."""
    nested: float
    """Share of the objects of a score from 0.25 on that lie in a better one of their class by 0.7 of themselves."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network found on each part of each picture, before anything is merged."""

    parts: tuple[tuple[Detections, ...], ...]
    """By picture and part, in pixels of the picture: the whole first, then the tiles."""
    windows: tuple[Window, ...]
    """Where each part lies."""
    seconds: float
    """Of the processor, a picture."""

    def above(self, score: float) -> Seen:
        """Return what reaches a score."""
        parts = tuple(tuple(part[part.score >= score] for part in parts) for parts in self.parts)
        return replace(self, parts=parts)

    @property
    def inputs(self) -> float:
        """Inputs of the network a picture."""
        return float(np.mean([len(parts) for parts in self.parts]))


def see(model: Model, pictures: Sequence[Pixels], how: SlicesConfig) -> Seen:
    """Show a model the pictures and their tiles."""
    tiling = Tiling(how, model.card) if how.is_on else None
    seen, begin_s = [], time.process_time()
    tiles = tiling.of(WIDTH_PX, HEIGHT_PX) if tiling else ()
    for pixels in pictures:
        picture = BgrPicture(pixels)
        parts = list(model.detect([picture]))
        for window in tiles:
            (found,) = model.detect([part_of(picture, window)])
            parts.append(found.shifted(np.array(window[:2], np.float32), picture_px=PICTURE_PX))
        seen.append(tuple(parts))
    return Seen(tuple(seen), (Window(0, 0, *PICTURE_PX), *tiles), (time.process_time() - begin_s) / len(pictures))


def put_together(seen: Seen, rule: SlicesConfig, *, agnostic: bool, most: int) -> list[Detections]:
    """Return what was found on each picture, each object once."""
    return [
        parts[0]
        if len(parts) == 1
        else merged(
            whole_first(parts, seen.windows, picture_px=PICTURE_PX, agnostic=agnostic),
            rule,
            agnostic=agnostic,
            max_detections=most,
        )
        for parts in seen.parts
    ]


def figures(
    found: Sequence[Detections], images: Sequence[LabelledImage], names: tuple[str, ...], *, input_px: int
) -> Figures:
    """Return how well the objects are found that are marked, by the model's own class numbers."""
    predictions = Predictions(names, tuple(images), tuple(found))
    ratio = input_px / images[0].width_px
    shrunk = Predictions(
        names,
        tuple(scaled_labels(image, ratio) for image in images),
        tuple(one.with_columns(box_xyxy_px=(one.box_xyxy_px * ratio).astype(np.float32)) for one in found),
    )
    real, relative = coco_figures(predictions), coco_figures(shrunk)
    return Figures(
        small=real.by_size["small"] or 0.0,
        small_relative=relative.by_size["small"] or 0.0,
        all=real.map50_95,
        nested=nested([one[one.score >= SHOWN_SCORE] for one in found]),
    )


def nested(found: Sequence[Detections]) -> float:
    """Return the share of objects that lie in a better one of their class."""
    once = [merged(one, NESTED, agnostic=False, max_detections=len(one)) for one in found]
    return 1 - sum(map(len, once)) / max(sum(map(len, found)), 1)


def nested_labels(images: Sequence[LabelledImage]) -> float:
    """Return the share of the marked objects that lie in another one of their class."""
    return nested(
        [
            Detections(
                np.array([box.box_xyxy_px for box in image.boxes], np.float32).reshape(-1, 4),
                np.ones(len(image.boxes), np.float32),
                np.array([box.class_id for box in image.boxes], np.int32),
            )
            for image in images
        ]
    )
