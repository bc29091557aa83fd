"""Pictures labelled as wholes or pixel by pixel, checked and split for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from streamvision.core.errors import ConfigError, SourceError
from streamvision.datasets.class_labels import UNKNOWN, read_class_folders, read_class_map, read_class_maps
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage, MappedPicture, NamedPicture, Problem
from streamvision.datasets.files import BrokenPictureError, read_picture
from streamvision.training.prepare import repeats_for_rare_classes, with_split
from streamvision.training.run_folder import RunFolder

P = TypeVar("P", NamedPicture, MappedPicture)


@dataclass(frozen=True)
class PictureData(Generic[P]):
    """What a trainer sees."""

    names: tuple[str, ...]
    """Class names by class id."""
    train: tuple[P, ...]
    """Pictures to learn from, once each."""
    sizes_px: tuple[tuple[int, int], ...]
    """(width, height) of each of ``train``."""
    repeats: tuple[int, ...]
    """How often each of ``train`` is shown in an epoch."""
    val: tuple[P, ...]
    """Pictures held out."""
    split_origin: str
    """Where the split comes from, in words."""
    problems: tuple[Problem, ...]
    """What was wrong with the files."""
    learnt: Counter[int]
    """Pictures to learn from that show each class."""
    held_out: Counter[int]
    """Pictures held out that show each class."""

    counted = "pictures"
    """What the two counters count."""


def prepare_classes(
    folder: RunFolder, *, data: Path, val_share: float, seed: int, oversample_most: int
) -> PictureData[NamedPicture]:
    """Read a folder of pictures for each class; arguments as for :func:`~.prepare.prepare`.

    Raises:
        ConfigError: when there is nothing to learn from, or one class only.
    """
    pictures = read_class_folders(data)
    if len(pictures.names) < 2:
        raise ConfigError(
            f"{data} has one class only ({pictures.names[0]}), which leaves nothing to tell apart; give a folder of "
            "pictures for each of two classes or more"
        )
    return _prepared(
        folder,
        pictures.names,
        pictures.images,
        pictures.problems,
        lambda image: [image.class_id],
        data=data,
        val_share=val_share,
        seed=seed,
        oversample_most=oversample_most,
    )


def prepare_regions(
    folder: RunFolder, *, data: Path, val_share: float, seed: int, oversample_most: int
) -> PictureData[MappedPicture]:
    """Read pictures with maps of classes, every map to its last pixel; arguments as for :func:`~.prepare.prepare`.

    Raises:
        ConfigError: when there is nothing to learn from, classes have no names, or a map does not fit its picture or
            the names.
        SourceError: when a map cannot be read.
    """
    pictures = read_class_maps(data)
    names = pictures.names
    if names is None:
        raise ConfigError(
            f"{data} does not name its classes; write their names into {data / 'classes.txt'}, a line each"
        )
    if len(names) < 2:
        raise ConfigError(
            f"{data / 'classes.txt'} names one class only ({names[0]}), which leaves nothing to tell apart; what is "
            "not of it needs a name too, such as background"
        )
    prepared = _prepared(
        folder,
        names,
        pictures.images,
        pictures.problems,
        lambda image: _classes_on(image, names),
        data=data,
        val_share=val_share,
        seed=seed,
        oversample_most=oversample_most,
    )
    if len(prepared.learnt) < 2:
        shown = ", ".join(names[class_id] for class_id in prepared.learnt) or "none"
        raise ConfigError(
            f"the maps to learn from in {data} show too few classes ({shown}); mark at least two, each in its level"
        )
    return prepared


def _prepared(
    folder: RunFolder,
    names: tuple[str, ...],
    images: Sequence[P],
    problems: Sequence[Problem],
    classes_on: Callable[[P], list[int]],
    *,
    data: Path,
    val_share: float,
    seed: int,
    oversample_most: int,
) -> PictureData[P]:
    """Check and split pictures; a class that is shown stands as a box over the whole picture to what splits."""
    labelled: list[LabelledImage] = []
    broken: list[Problem] = []
    for image in images:
        try:
            file = read_picture(image.path)
        except BrokenPictureError as error:
            broken.append(Problem(image.path, str(error), "broken_picture"))
            continue
        box = (0.0, 0.0, float(file.width_px), float(file.height_px))
        boxes = tuple(LabelledBox(class_id, box) for class_id in classes_on(image))
        labelled.append(LabelledImage(image.path, file.width_px, file.height_px, boxes, image.split))
    dataset, origin = with_split(Dataset(names, tuple(labelled)), folder.split, val_share=val_share, seed=seed)
    train, val = dataset.part("train").images, dataset.part("val").images
    if not train or not val:
        raise ConfigError(
            f"{data} has {len(train)} pictures to learn from and {len(val)} held out; both parts need at least one"
        )
    by_path = {image.path: image for image in images}
    return PictureData(
        names,
        tuple(by_path[image.path] for image in train),
        tuple((image.width_px, image.height_px) for image in train),
        repeats_for_rare_classes(train, classes=len(names), most=oversample_most),
        tuple(by_path[image.path] for image in val),
        origin,
        (*problems, *broken),
        *(Counter(box.class_id for image in part for box in image.boxes) for part in (train, val)),
    )


def _classes_on(image: MappedPicture, names: tuple[str, ...]) -> list[int]:
    classes = read_class_map(image.map_path)
    try:
        file = read_picture(image.path)
    except BrokenPictureError as error:
        raise SourceError(f"{image.path} {error}; take it and its map out") from error
    size, own = (file.width_px, file.height_px), classes.shape[::-1]
    if size != own:
        raise ConfigError(
            f"{image.map_path} is {own[0]}x{own[1]} px, but its picture {image.path} is {size[0]}x{size[1]} px; give a "
            "map of the same size"
        )
    used: list[int] = np.unique(classes[classes != UNKNOWN]).tolist()
    if used and used[-1] >= len(names):
        raise ConfigError(
            f"{image.map_path} marks class {used[-1]}, but classes.txt names {len(names)} (0 to {len(names) - 1}); add "
            f"its name there, or mark what does not count with {UNKNOWN}"
        )
    return used


def link_class_folders(data: PictureData[NamedPicture], root: Path) -> Path:
    """Lay pictures out as ultralytics reads them, ``train/CLASS/picture`` and so on, as links; return the folder."""
    for part, images, repeats in (("train", data.train, data.repeats), ("val", data.val, (1,) * len(data.val))):
        for name in data.names:
            (root / part / name).mkdir(parents=True, exist_ok=True)
        for number, (image, times) in enumerate(zip(images, repeats, strict=True)):
            for again in range(times):
                # Two folders may hold pictures of one name.
                link = root / part / data.names[image.class_id] / f"{number:06}_{again}_{image.path.name}"
                link.unlink(missing_ok=True)
                link.symlink_to(image.path.resolve())
    return root
