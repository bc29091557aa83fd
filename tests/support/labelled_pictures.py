"""Small pictures with known boxes, and data sets made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage, Split

NAMES = ("zebra crossing", "стоп", "speed & limit <50>")
EXIF_ORIENTATION = 0x0112


def save_picture(path: Path, width: int = 60, height: int = 40, *, seed: int = 0, orientation: int = 1) -> Path:
    """Write a picture of smooth random colours; two seeds look nothing alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    if orientation != 1:
        exif[EXIF_ORIENTATION] = orientation
    image.save(path, exif=exif, **({"quality": 90} if path.suffix == ".jpg" else {}))
    return path


def make_dataset(folder: Path, *, split: bool = True, count: int = 6, empty: bool = True) -> Dataset:
    """Return a data set of sub-pixel boxes at the edges and inside, whose pictures lie in ``folder``."""
    splits: tuple[Split | None, ...] = ("train", "train", "val", "test") if split else (None,)
    images = []
    for index in range(count):
        width, height = 301 + 7 * index, 203 + 3 * index
        path = save_picture(folder / f"shot {index}.{'png' if index % 3 == 2 else 'jpg'}", width, height, seed=index)
        boxes = (
            LabelledBox(index % 3, (10.25 + index, 20.5, 97.3, 101.75)),
            LabelledBox((index + 1) % 3, (0.0, 0.0, float(width), float(height))),
            LabelledBox(1, (width - 3.4, height - 5.3, width - 0.1, float(height))),
        )
        boxes = () if empty and index == count - 1 else boxes
        images.append(LabelledImage(path, width, height, boxes, splits[index % len(splits)]))
    return Dataset(NAMES, tuple(images))


def contents(dataset: Dataset) -> dict[str, tuple[object, ...]]:
    """Return what must survive a change of format, by picture name; boxes to a hundredth of a pixel."""
    return {
        image.path.name: (
            image.split,
            image.width_px,
            image.height_px,
            sorted(
                (dataset.names[box.class_id], *(round(value, 2) + 0.0 for value in box.box_xyxy_px))
                for box in image.boxes
            ),
        )
        for image in dataset.images
    }


def reasons(dataset: Dataset, kind: str) -> list[str]:
    """Return ``file name: reason`` of the problems of one kind."""
    return [f"{problem.path.name}: {problem.reason}" for problem in dataset.problems if problem.kind == kind]
