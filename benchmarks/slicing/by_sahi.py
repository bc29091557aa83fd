"""The same mosaics by the package ``sahi`` itself, with ultralytics' own predictor and the same tiles."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sahi import AutoDetectionModel
from sahi.predict import get_sliced_prediction

from benchmarks.slicing.mosaics import HEIGHT_PX, WIDTH_PX
from benchmarks.slicing.tried import Half, figures
from streamvision.core.detections import Detections
from streamvision.inference.slicing.tiles import Tiling

WAYS = {
    "sahi, merged as here": ("NMS", "IOS", 0.7),
    "sahi, as by its default": ("GREEDYNMM", "IOS", 0.5),
}


def rows_by_sahi(
    weights: Path, halves: Sequence[Half], names: tuple[str, ...], tiling: Tiling, *, score: float, input_px: int
) -> list[dict[str, Any]]:
    """Return a row for each way of merging: what is found, and the processor seconds a picture.

    Args:
        weights: checkpoint of ultralytics.
        halves: the mosaics.
        names: class names by class id.
        tiling: the tiles, which are cut as long and as wide here, but not shared out evenly.
        score: lowest score.
        input_px: side of the network's input.
    """
    model = AutoDetectionModel.from_pretrained(
        "ultralytics", model_path=str(weights), confidence_threshold=score, device="cpu", image_size=input_px
    )
    tile = tiling.of(WIDTH_PX, HEIGHT_PX)[0]
    rows = []
    for name, (kind, metric, threshold) in WAYS.items():
        row: dict[str, Any] = {"how": name, "inputs": 1.0 + len(tiling.of(WIDTH_PX, HEIGHT_PX))}
        spent_s, by_half = [], []
        for pixels, images in halves:
            found = []
            for picture in pixels:
                begin_s = time.process_time()
                result = get_sliced_prediction(
                    np.ascontiguousarray(picture[..., ::-1]),
                    model,
                    slice_width=tile.right - tile.left,
                    slice_height=tile.bottom - tile.top,
                    overlap_width_ratio=tiling.config.overlap,
                    overlap_height_ratio=tiling.config.overlap,
                    postprocess_type=kind,
                    postprocess_match_metric=metric,
                    postprocess_match_threshold=threshold,
                    verbose=0,
                )
                spent_s.append(time.process_time() - begin_s)
                found.append(_detections(result.object_prediction_list))
            by_half.append(figures(found, images, names, input_px=input_px))
        row["seconds"] = float(np.mean(spent_s))
        row |= {key: [round(getattr(one, key), 4) for one in by_half] for key in vars(by_half[0])}
        rows.append(row)
    return rows


def _detections(found: Sequence[Any]) -> Detections:
    rows = np.array([(*one.bbox.to_xyxy(), one.score.value, one.category.id) for one in found], np.float32).reshape(
        -1, 6
    )
    return Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int32))
