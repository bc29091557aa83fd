"""Runs a model over a data set: the pictures and what was found on them, which every figure is made from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.files import writing
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import Dataset, LabelledImage, Problem
from streamvision.evaluation.class_names import ClassMatch, translate
from streamvision.inference.model import Model

BOX_DECIMALS = 3
SCORE_DECIMALS = 6
FIGURE_DECIMALS = 6
OnProgress = Callable[[int, int], None]
"""Called with how many pictures are done, and how many there are."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Measurement:
    """What every evaluation says of how it was made."""

    model: str
    """The model in words: file, head, size, runtime."""
    seconds: float
    """How long running the model took, reading the pictures included."""
    notes: tuple[str, ...]
    """What was assumed or left out, one sentence each."""
    problems: tuple[Problem, ...]
    """Files of the data set with something wrong, and what."""

    def about_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return these as plain values, with the class names of the data set."""
        return {
            "seconds": round(self.seconds, 3),
            "model": self.model,
            "names": list(names),
            "notes": list(self.notes),
            "problems": [{"path": str(one.path), "reason": one.reason} for one in self.problems],
        }


def rounded(value: float | None) -> float | None:
    """Return a figure as reports give it, or ``None`` where there is none."""
    return None if value is None else round(value, FIGURE_DECIMALS)


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
            ConfigError: when two pictures have the same stem, so that their results would be mixed up.
            OutputError: when the file cannot be written.
        """
        save_results(path, self.images, self.coco_results())


def save_results(path: Path, images: tuple[LabelledImage, ...], results: list[list[dict[str, Any]]]) -> None:
    """Write the results of all pictures as one JSON list; see :meth:`Predictions.save`.

    Raises:
        ConfigError: when two pictures have the same stem, so that their results would be mixed up.
        OutputError: when the file cannot be written.
    """
    require_distinct_stems(images)
    rows = [row for of_image in results for row in of_image]
    with writing(f"predictions to {path}"):
        path.write_text(json.dumps(rows), encoding="utf-8")


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


def predict(detector: Model, dataset: Dataset, match: ClassMatch, *, on_progress: OnProgress) -> Predictions:
    """Return what the model finds on every picture of a data set, in the data set's classes.

    Of the data set and of what was found, only the classes that are to be measured are kept.

    Raises:
        SourceError: when a picture cannot be read any more.
        ModelError: when the model fails.
    """
    wanted = set(match.measured)
    images = tuple(
        replace(image, boxes=tuple(box for box in image.boxes if box.class_id in wanted)).with_ignored_boxes(wanted)
        for image in dataset.images
    )
    found: list[Detections] = []
    step = detector.max_batch
    for at in range(0, len(images), step):
        pictures = [BgrPicture(read_bgr(image.path)) for image in images[at : at + step]]
        found += (_translated(one, match) for one in detector.detect(pictures))
        on_progress(len(found), len(images))
    return Predictions(match.names, images, tuple(found))


def read_bgr(path: Path) -> NDArray[np.uint8]:
    """Return a picture as (H, W, 3) BGR.

    Raises:
        SourceError: when it cannot be read.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); give an existing picture") from error
    bgr: Any = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if bgr is None:
        raise SourceError(f"{path} is not a picture that can be read, or is damaged; give another")
    return bgr  # type: ignore[no-any-return]


def _translated(found: Detections, match: ClassMatch) -> Detections:
    keep, class_id = translate(found.class_id, match)
    return replace(found[keep], class_id=class_id)
