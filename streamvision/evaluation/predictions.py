"""A data set's pictures and what a model found on them: what every figure of an evaluation is made from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, OutputError
from streamvision.datasets.dataset import LabelledImage

BOX_DECIMALS = 3
SCORE_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Truth:
    """What is marked on one picture, as arrays."""

    box_xyxy_px: NDArray[np.float64]
    """(M, 4) left, top, right, bottom in pixels of the picture."""
    class_id: NDArray[np.int64]
    """(M,) index into the data set's names."""
    ignore: NDArray[np.bool_]
    """(M,) crowds and difficult objects: neither finding nor missing them counts."""

    @classmethod
    def of(cls, image: LabelledImage) -> Truth:
        """Return the objects marked on a picture."""
        return cls(
            np.array([box.box_xyxy_px for box in image.boxes], np.float64).reshape(-1, 4),
            np.array([box.class_id for box in image.boxes], np.int64),
            np.array([box.ignore for box in image.boxes], bool),
        )


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model found on a data set.

    Raises:
        ValueError: when there is not one entry of ``found`` for each picture.
    """

    names: tuple[str, ...]
    """Class names of the data set, by class id."""
    images: tuple[LabelledImage, ...]
    """The pictures with what is marked on them."""
    found: tuple[Detections, ...]
    """What was found on each picture; class ids are the data set's."""

    def __post_init__(self) -> None:
        if len(self.images) != len(self.found):
            raise ValueError(f"{len(self.images)} pictures need as many results, not {len(self.found)}")

    def coco_results(self) -> list[list[dict[str, Any]]]:
        """Return what was found on each picture in COCO's results form.

        ``image_id`` is the file's stem and ``category_id`` the class id of the data set; ``category_name`` says the
        same in words. Boxes are left, top, width, height in pixels.
        """
        return [
            [
                {"image_id": image.path.stem, "category_id": class_id, "category_name": self.names[class_id]}
                | {"bbox": bbox, "score": score}
                for class_id, bbox, score in zip(*_plain(found), strict=True)
            ]
            for image, found in zip(self.images, self.found, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write all results as one JSON list in COCO's form.

        Raises:
            ConfigError: when two pictures have the same stem, so that their results could not be told apart.
            OutputError: when the file cannot be written.
        """
        save_results(path, self.images, self.coco_results())


def save_results(path: Path, images: tuple[LabelledImage, ...], results: list[list[dict[str, Any]]]) -> None:
    """Write the results of all pictures as one JSON list; see :meth:`Predictions.save`.

    Raises:
        ConfigError: when two pictures have the same stem, so that their results could not be told apart.
        OutputError: when the file cannot be written.
    """
    require_distinct_stems(images)
    rows = [row for of_image in results for row in of_image]
    try:
        path.write_text(json.dumps(rows), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write predictions to {path}: {error.strerror}; give another file") from error


def require_distinct_stems(images: tuple[LabelledImage, ...]) -> None:
    """Check that every picture has a name of its own, whatever its folder.

    Raises:
        ConfigError: naming two pictures that share a stem.
    """
    stem, count = next(iter(Counter(image.path.stem for image in images).most_common(1)), ("", 0))
    if count > 1:
        first, second, *_ = (image.path for image in images if image.path.stem == stem)
        raise ConfigError(
            f"predictions name pictures by their file stem, but {first} and {second} share {stem!r}; "
            "rename one of them or evaluate one --split at a time"
        )


def _plain(found: Detections) -> tuple[list[int], list[list[float]], list[float]]:
    """Return class ids, boxes as left, top, width, height, and scores as plain numbers, rounded as they are saved."""
    boxes = found.box_xyxy_px.astype(np.float64).round(BOX_DECIMALS)
    boxes[:, 2:] -= boxes[:, :2]
    score = found.score.astype(np.float64).round(SCORE_DECIMALS)
    return found.class_id.tolist(), boxes.round(BOX_DECIMALS).tolist(), score.tolist()
