"""The synthetic drive as a data set for tasks without boxes: a class for each pixel, a mood for each picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.drive import JPEG_QUALITY, DriveMoment, DriveSampling, drive_moments
from streamvision.datasets.placing import Placer
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.class_planes import PIXEL_CLASSES

_PURE_MOOD = 0.9
"""Pictures in which the weather is about to change have no one name."""


def write_drive_regions(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives with the class of every pixel: ``images/``, ``masks/``, ``classes.txt``.

    The classes are :data:`~streamvision.synthetic.drive.class_planes.PIXEL_CLASSES`.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    placer = Placer(folder, pictures="copy", force=force, progress=progress)
    placer.write_text("classes.txt", "".join(f"{name}\n" for name in PIXEL_CLASSES))
    for done, moment in enumerate(drive_moments(sampling, np.random.default_rng(sampling.seed)), 1):
        part = moment.split or ""
        _write_picture(placer.make_folder(f"images/{part}"), moment)
        mask = placer.make_folder(f"masks/{part}") / f"{moment.name}.png"
        cv2.imwrite(str(mask), moment.scene.class_map_at(moment.index))
        progress("pictures rendered", done, sampling.total)


def write_drive_moods(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives into a folder for each mood: day, dusk and rain.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    placer = Placer(folder, pictures="copy", force=force, progress=progress)
    moments = drive_moments(sampling, np.random.default_rng(sampling.seed), accept=_is_pure)
    for done, moment in enumerate(moments, 1):
        mood, _ = moment.scene.mood_at(moment.index)
        _write_picture(placer.make_folder(f"{moment.split or ''}/{mood}".lstrip("/")), moment)
        progress("pictures rendered", done, sampling.total)


def _is_pure(scene: DriveScene, index: int) -> bool:
    return scene.mood_at(index)[1] >= _PURE_MOOD


def _write_picture(folder: Path, moment: DriveMoment) -> None:
    bgr = moment.scene.picture_at(moment.index).to_bgr()
    cv2.imwrite(str(folder / f"{moment.name}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[1]])
