"""Runs a model over a data set: the pictures and what was found on them, which every figure is made from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.slices import NO_SLICES, SlicesConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import SourceError
from streamvision.core.files import writing
from streamvision.core.notebook import figures_html
from streamvision.core.picture import BgrPicture
from streamvision.core.upright import read_upright
from streamvision.datasets.dataset import Dataset, LabelledImage, Problem
from streamvision.datasets.problems import problems_json
from streamvision.evaluation.class_names import ClassMatch, translate
from streamvision.inference.model import Model
from streamvision.inference.slicing.planned import find_sliced
from streamvision.inference.slicing.tiles import tiling_of

BOX_DECIMALS = 3
SCORE_DECIMALS = 6
FIGURE_DECIMALS = 6
OnProgress = Callable[[int, int], None]
"""Called with how many pictures are done, and how many there are."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
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
            "problems": problems_json(self.problems),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; those that do not exist are ``None``."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        """Return the figures as tables, for notebooks."""
        return figures_html(self.to_json(), caption=self.model)

    def __repr__(self) -> str:
        document = {name: value for name, value in self.to_json().items() if name != "seconds"}
        figures = (f", {name} {value:.3f}" for name, value in document.items() if isinstance(value, float))
        return f"{type(self).__name__}({self.model}{''.join(figures)})"


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

        ``image_id`` is the file's stem, see :func:`image_ids`, and ``category_id`` the class id of the data set;
        ``category_name`` says the same in words. Boxes are left, top, width, height in pixels.
        """
        return [
            [
                {"image_id": image_id, "category_id": class_id, "category_name": self.names[class_id]}
                | {"bbox": bbox, "score": score}
                for class_id, bbox, score in zip(*_plain(found), strict=True)
            ]
            for image_id, found in zip(image_ids(self.images), self.found, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write all results as one JSON list in COCO's form.

        Raises:
            OutputError: when the file cannot be written.
        """
        save_results(path, self.coco_results())


def save_results(path: Path, results: list[list[dict[str, Any]]]) -> None:
    """Write the results of all pictures as one JSON list; see :meth:`Predictions.save`.

    Raises:
        OutputError: when the file cannot be written.
    """
    rows = [row for of_image in results for row in of_image]
    with writing(f"predictions to {path}"):
        path.write_text(json.dumps(rows), encoding="utf-8")


def image_ids(images: Sequence[LabelledImage]) -> list[str]:
    """Return what pictures are called in saved results: their file stems.

    Those that share a stem have as many of their folders before it as tell them apart (``cam1/00``), and where that
    does not, their endings (``00.png``).
    """
    ids = [image.path.stem for image in images]
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for index, stem in enumerate(ids):
        alike[stem].append(index)
    for same in (same for same in alike.values() if len(same) > 1):
        paths = [images[index].path for index in same]
        for index, told in zip(same, _told_apart(paths), strict=True):
            ids[index] = told
    return ids


def _told_apart(paths: Sequence[Path]) -> list[str]:
    for bare in ([path.with_suffix("") for path in paths], paths):
        for count in range(2, max(len(path.parts) for path in paths) + 1):
            shown = ["/".join(path.parts[-count:]) for path in bare]
            if len(set(shown)) == len(shown):
                return shown
    return [str(path) for path in paths]


def _plain(found: Detections) -> tuple[list[int], list[list[float]], list[float]]:
    """Return class ids, boxes as left, top, width, height, and scores as plain numbers, rounded as they are saved."""
    boxes = found.box_xyxy_px.astype(np.float64).round(BOX_DECIMALS)
    boxes[:, 2:] -= boxes[:, :2]
    score = found.score.astype(np.float64).round(SCORE_DECIMALS)
    return found.class_id.tolist(), boxes.round(BOX_DECIMALS).tolist(), score.tolist()


def predict(
    detector: Model,
    dataset: Dataset,
    match: ClassMatch,
    *,
    slices: SlicesConfig = NO_SLICES,
    on_progress: OnProgress = lambda done, total: None,
) -> Predictions:
    """Return what the model finds on every picture of a data set, in the data set's classes.

    Of the data set and of what was found, only the classes that are to be measured are kept.

    Args:
        detector: the model.
        dataset: the pictures.
        match: which of the model's classes are which of the data set's.
        slices: in which tiles large pictures are shown, too.
        on_progress: called with how many pictures are done, and how many there are.

    Raises:
        ConfigError: when it is a model whose pictures cannot be cut.
        SourceError: when a picture cannot be read any more.
        ModelError: when the model fails.
    """
    wanted = set(match.measured)
    images = tuple(
        replace(image, boxes=tuple(box for box in image.boxes if box.class_id in wanted)).with_ignored_boxes(wanted)
        for image in dataset.images
    )
    found: list[Detections] = []
    tiling = tiling_of(slices, detector.card)
    step = detector.max_batch if tiling is None else 1  # whose tiles fill a call
    for at in range(0, len(images), step):
        pictures = [BgrPicture(read_bgr(image.path)) for image in images[at : at + step]]
        found += (_translated(one.detections, match) for one in find_sliced(detector, pictures, tiling))
        on_progress(len(found), len(images))
    return Predictions(match.names, images, tuple(found))


def read_bgr(path: Path) -> NDArray[np.uint8]:
    """Return a picture as (H, W, 3) BGR, as viewers show it.

    Raises:
        SourceError: when it cannot be read.
    """
    try:
        bgr = read_upright(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); give an existing picture") from error
    except (cv2.error, MemoryError) as error:
        raise SourceError(f"{path} has more pixels than are read, or is damaged; give a smaller one") from error
    if bgr is None:
        raise SourceError(f"{path} is not a picture that can be read, or is damaged; give another")
    return bgr


def _translated(found: Detections, match: ClassMatch) -> Detections:
    keep, class_id = translate(found.class_id, match)
    return replace(found[keep], class_id=class_id)
