"""Objects cut out of pictures with boxes: a folder of crops for each class, to train classifiers on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from streamvision.core.crops import crop_edges
from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.upright import read_upright
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage, NamedPicture, NamedPictures, Problem
from streamvision.datasets.files import folder_name, split_named
from streamvision.datasets.problems import Problems
from streamvision.datasets.writing import OutputFolder, check_sources_outside

JPEG_QUALITY = 95


def write_crops(
    dataset: Dataset,
    folder: Path,
    *,
    margin: float = 0.1,
    least_px: int = 12,
    force: bool = False,
    progress: Progress = no_progress,
) -> NamedPictures:
    """Write ``SPLIT/CLASS/PICTURE-NUMBER.jpg`` for every object, and return what was written.

    Crops stay in the part of the picture that they come from. Crowds and difficult objects are left out.

    Args:
        dataset: the pictures.
        folder: to be written.
        margin: how far a crop reaches beyond its box on each side, as a share of the box.
        least_px: objects whose shorter side is less are left out.
        force: replace what is in the folder.
        progress: called for every picture.

    Raises:
        ConfigError: when the folder holds the pictures that are to be cut, or there is no object large enough.
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    check_sources_outside(dataset, folder)
    if not any(_kept(image, least_px) for image in dataset.images):
        raise ConfigError(f"none of {len(dataset.images)} pictures has an object of {least_px} px; give a smaller size")
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    folders = _folders(dataset.names)
    crops: list[NamedPicture] = []
    problems = Problems(dataset.problems)
    for image, place in output.names(dataset, lambda image: image.split or "", unique_stems=True):
        if not (kept := _kept(image, least_px)):
            continue
        if (bgr := _decoded(image.path)) is None:
            problems.append(Problem(image.path, "cannot be decoded; left out", "broken_picture"))
            continue
        size = (image.width_px, image.height_px)
        edges = crop_edges(np.array([box.box_xyxy_px for box in kept], np.float32), picture_px=size, margin=margin)
        numbers: defaultdict[int, int] = defaultdict(int)
        for box, (left, top, right, bottom) in zip(kept, edges.tolist(), strict=True):
            crop = bgr[top:bottom, left:right]
            if crop.size == 0:
                problems.append(Problem(image.path, "has a box outside of the picture; left out", "box_outside"))
                continue
            numbers[box.class_id] += 1
            name = f"{place.stem}-{numbers[box.class_id]}.jpg"
            target = output.make_folder(str(place.parent / folders[box.class_id])) / name
            if not cv2.imwrite(str(target), crop, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
                raise OutputError(f"{target} cannot be written; give a folder on a disk with space")
            crops.append(NamedPicture(target, box.class_id, image.split))
    return NamedPictures(dataset.names, tuple(crops), tuple(problems))


def _folders(names: Sequence[str]) -> list[str]:
    """Return a folder's name for each class, each another, and none of a split."""
    found: list[str] = []
    for class_id, name in enumerate(names):
        plain = folder_name(name)
        while plain in found or split_named(plain):
            plain = f"{plain}-{class_id}"
        found.append(plain)
    return found


def _decoded(path: Path) -> Any:
    try:
        return read_upright(path)
    except (OSError, cv2.error):  # more pixels than OpenCV reads
        return None


def _kept(image: LabelledImage, least_px: int) -> list[LabelledBox]:
    def side(box: LabelledBox) -> float:
        left, top, right, bottom = box.box_xyxy_px
        return min(right - left, bottom - top)

    return [box for box in image.boxes if not box.ignore and side(box) >= least_px]
