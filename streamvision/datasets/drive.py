"""The synthetic drive as data sets with exact labels: boxes, a class for each pixel, a mood for each picture."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.datasets import write_dataset
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import Dataset, DatasetFormat, LabelledBox, LabelledImage, Problem, Split
from streamvision.datasets.writing import OutputFolder
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.class_planes import PIXEL_CLASSES
from streamvision.synthetic.sizes import check_size

F32 = NDArray[np.float32]
_PICTURES_PER_SCENE = 25
"""Each scene is another lap of bends, places and traffic; a new one takes as long as some fifty pictures."""
_FPS = 30.0
_SMALLEST_WINDOW = 0.3
"""Cropped pictures show at least this share of the drive's width."""
_KEPT_SHARE = 0.4
"""Of a box that a window's edge cuts, at least this share must be left."""
JPEG_QUALITY = (60, 95)
_LEAST_SEEN = 0.5
"""Of a vehicle whose distance is given, at least this share must be seen."""
CLASS_COLOURS_BGR = (
    *((180, 130, 70), (60, 160, 60), (128, 64, 128), (35, 142, 107)),
    *((70, 70, 70), (142, 0, 0), (153, 153, 153), (0, 220, 220)),
)
"""Of each of :data:`PIXEL_CLASSES` in maps that are pictures; the car's own bonnet is black."""
_PURE_MOOD = 0.9
"""Pictures in which the weather is about to change have no one name."""


@dataclass(frozen=True)
class DriveSampling:
    """Which pictures of the drive are taken, and how they are labelled."""

    images: int
    """How many pictures."""
    seed: int = 0
    """Equal seeds give equal pictures; take one for training and another to evaluate."""
    width_px: int = 1280
    """Width of the rendered frame."""
    height_px: int = 720
    """Height of the rendered frame."""
    cropped: bool = False
    """Whether to cut a window of random size out of each frame, mostly one with an object: small and large objects
    are then about equally frequent, as training wants it."""
    ignore_below_px: float = 0.0
    """Lower boxes are marked as neither to be found nor to be missed."""
    val_images: int = 0
    """How many more, of drives that none of the others shows; they become the part ``val``, the others ``train``."""

    def __post_init__(self) -> None:
        if self.images < 1 or self.val_images < 0 or self.seed < 0 or min(self.width_px, self.height_px) < 64:
            raise ConfigError(
                f"{self.images} pictures of {self.width_px}x{self.height_px} with seed {self.seed} cannot be taken: "
                "give at least 1 picture, sides from 64 pixels and a seed from 0"
            )
        check_size(self.width_px, self.height_px)

    @property
    def total(self) -> int:
        """How many pictures there are in all."""
        return self.images + self.val_images


@dataclass(frozen=True, eq=False)
class DriveMoment:
    """One picture that is to be taken."""

    name: str
    """Name of its file, without an ending."""
    scene: DriveScene
    """The drive."""
    index: int
    """Which frame of it."""
    split: Split | None
    """The part that it belongs to."""


def drive_moments(
    sampling: DriveSampling,
    rng: np.random.Generator,
    *,
    accept: Callable[[DriveScene, int], bool] = lambda scene, index: True,
) -> Iterator[DriveMoment]:
    """Yield random moments of random drives; ``accept`` passes over those that are of no use.

    ``rng`` is the caller's too: what it draws between two moments is part of what the seed stands for.
    """
    parts: tuple[tuple[Split | None, int], ...] = ((None, sampling.images),)
    if sampling.val_images:
        parts = (("train", sampling.images), ("val", sampling.val_images))
    number = 0
    for split, images in parts:
        for first in range(0, images, _PICTURES_PER_SCENE):
            scene_seed = int(rng.integers(1 << 31))
            scene = DriveScene(sampling.width_px, sampling.height_px, _FPS, scene_seed)
            for _ in range(min(_PICTURES_PER_SCENE, images - first)):
                index = int(rng.integers(2 * scene.lap_frames))
                while not accept(scene, index):
                    index = int(rng.integers(2 * scene.lap_frames))
                yield DriveMoment(f"drive-{sampling.seed}-{number:05d}", scene, index, split)
                number += 1


def write_drive_dataset(
    folder: Path,
    sampling: DriveSampling,
    *,
    format: DatasetFormat = "yolo",
    split: Split | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> tuple[Problem, ...]:
    """Render random moments of random drives (all weathers, lights and occlusions) and write them as a data set.

    Returns:
        What the format could not hold as it was.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="streamvision-drive-") as scratch:
        images = []
        for moment, bgr, boxes, quality in _pictures(sampling):
            path = Path(scratch) / f"{moment.name}.jpg"
            cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
            images.append(LabelledImage(path, bgr.shape[1], bgr.shape[0], boxes, moment.split or split))
            progress("pictures rendered", len(images), sampling.total)
        dataset = Dataset(DriveScene.names, tuple(sorted(images, key=lambda image: image.path)))
        return write_dataset(dataset, folder, format=format, force=force, progress=progress)


def write_drive_regions(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives with the class of every pixel: ``images/``, ``masks/``, ``classes.txt``.

    The classes are :data:`~streamvision.synthetic.drive.class_planes.PIXEL_CLASSES`.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    output.write_classes(PIXEL_CLASSES)
    for done, moment in enumerate(drive_moments(sampling, np.random.default_rng(sampling.seed)), 1):
        part = moment.split or ""
        write_moment(output.make_folder(f"images/{part}"), moment)
        mask = output.make_folder(f"masks/{part}") / f"{moment.name}.png"
        cv2.imwrite(str(mask), moment.scene.class_map_at(moment.index))
        progress("pictures rendered", done, sampling.total)


def write_drive_pairs(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives: ``inputs/``, each pixel in the colour of its class, and ``targets/``.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(PIXEL_CLASSES)] = CLASS_COLOURS_BGR
    for done, moment in enumerate(drive_moments(sampling, np.random.default_rng(sampling.seed)), 1):
        part = moment.split or ""
        write_moment(output.make_folder(f"targets/{part}"), moment)
        coloured = output.make_folder(f"inputs/{part}") / f"{moment.name}.png"
        cv2.imwrite(str(coloured), colours[moment.scene.class_map_at(moment.index)])
        progress("pictures rendered", done, sampling.total)


def write_drive_moods(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives into a folder for each mood: day, dusk and rain.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    moments = drive_moments(sampling, np.random.default_rng(sampling.seed), accept=_is_pure)
    for done, moment in enumerate(moments, 1):
        mood, _ = moment.scene.mood_at(moment.index)
        write_moment(output.make_folder(f"{moment.split or ''}/{mood}".lstrip("/")), moment)
        progress("pictures rendered", done, sampling.total)


def write_drive_answers(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives into ``images/``, and what each shows into ``answers.csv``.

    The weather is a class, and the distance to the next vehicle ahead in the same lane a number. Weather that is about
    to change has no name, and a vehicle of which less than half is seen no distance: such cells are empty.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    rows = io.StringIO(newline="")
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(("filename", "split", "weather", "distance [m]"))
    for done, moment in enumerate(drive_moments(sampling, np.random.default_rng(sampling.seed)), 1):
        write_moment(output.make_folder("images"), moment)
        mood = moment.scene.mood_at(moment.index)[0] if _is_pure(moment.scene, moment.index) else ""
        ahead = moment.scene.vehicle_ahead_at(moment.index)
        seen = 0.0 if ahead is None else (1 - ahead.hidden_share) * (1 - ahead.truncated_share)
        distance = f"{ahead.distance_m:.2f}" if ahead is not None and seen >= _LEAST_SEEN else ""
        table.writerow((f"images/{moment.name}.jpg", moment.split or "", mood, distance))
        progress("pictures rendered", done, sampling.total)
    output.write_text("answers.csv", rows.getvalue())


def _pictures(sampling: DriveSampling) -> Iterator[tuple[DriveMoment, Any, tuple[LabelledBox, ...], int]]:
    """Yield the moment, BGR pixels, boxes and JPEG quality."""
    rng = np.random.default_rng(sampling.seed)
    for moment in drive_moments(sampling, rng):
        found = moment.scene.objects_at(moment.index)
        bgr = moment.scene.picture_at(moment.index).to_bgr()
        if sampling.cropped:
            bgr, found = _cropped(rng, bgr, found)
        quality = int(rng.integers(*JPEG_QUALITY)) if sampling.cropped else JPEG_QUALITY[1]
        yield moment, bgr, _labels(found, sampling.ignore_below_px), quality


def _labels(found: Detections, ignore_below_px: float) -> tuple[LabelledBox, ...]:
    boxes = found.box_xyxy_px.astype(np.float64).tolist()
    return tuple(
        LabelledBox(class_id, (x0, y0, x1, y1), ignore=y1 - y0 < ignore_below_px)
        for class_id, (x0, y0, x1, y1) in zip(found.class_id.tolist(), boxes, strict=True)
    )


def _cropped(rng: np.random.Generator, bgr: Any, found: Detections) -> tuple[Any, Detections]:
    """Cut a window out, around an object where there is one, and take the boxes along."""
    height, width = bgr.shape[:2]
    share = float(np.exp(rng.uniform(np.log(_SMALLEST_WINDOW), 0)))
    wide, high = round(share * width), round(share * height)
    left, top = rng.integers(0, width - wide + 1), rng.integers(0, height - high + 1)
    if len(found):
        x0, y0, x1, y1 = found.box_xyxy_px[rng.integers(len(found))].astype(int).tolist()
        left = _place(rng, x0, x1, wide, width)
        top = _place(rng, y0, y1, high, height)
    window = np.array([left, top, left + wide, top + high], np.float32)
    full = found.box_xyxy_px
    boxes = np.concatenate([np.maximum(full[:, :2], window[:2]), np.minimum(full[:, 2:], window[2:])], axis=1)
    kept = _area(boxes) >= _KEPT_SHARE * _area(full)
    moved = Detections((boxes - window[[0, 1, 0, 1]])[kept], found.score[kept], found.class_id[kept])
    return np.ascontiguousarray(bgr[top : top + high, left : left + wide]), moved


def _place(rng: np.random.Generator, low: int, high: int, window: int, side: int) -> int:
    """Return where a window begins that shows an extent, somewhere, as far as the picture allows."""
    first, last = max(high - window, 0), min(low, side - window)
    return int(rng.integers(min(first, last), max(first, last) + 1))


def _area(boxes: F32) -> F32:
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    area: F32 = size[:, 0] * size[:, 1]
    return area


def _is_pure(scene: DriveScene, index: int) -> bool:
    return scene.mood_at(index)[1] >= _PURE_MOOD


def write_moment(folder: Path, moment: DriveMoment) -> None:
    """Render a moment into a JPEG of its name."""
    bgr = moment.scene.picture_at(moment.index).to_bgr()
    cv2.imwrite(str(folder / f"{moment.name}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[1]])
