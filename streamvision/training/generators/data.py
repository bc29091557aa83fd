"""Pictures that a generator learns from: of one class or several, or of none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streamvision.checkpoints.base import NO_CLASS
from streamvision.core.errors import ConfigError
from streamvision.core.words import counted
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.dataset import Dataset, NamedPicture, NamedPictures
from streamvision.datasets.files import find_pictures
from streamvision.training.additions import read_sets
from streamvision.training.data import TrainingData, as_boxed, prepared
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

LEAST_SHARE = 0.5
"""Of the squares' side; where most pictures have less, a network would learn blurs."""


def prepare_squares(folder: RunFolder, recipe: Recipe) -> TrainingData[NamedPicture]:
    """Read pictures: a folder for each class, a table, or any folder with pictures; the split as for classifiers.

    Raises:
        ConfigError: when there is nothing to learn from, or most pictures are far too small.
    """
    dataset, additions = read_sets(
        recipe.data, recipe.add, lambda path: as_boxed(_read(path), lambda image: [image.class_id])
    )
    small = _of_small_ones(dataset, recipe)
    data = prepared(dataset, additions, folder, recipe, lambda one: NamedPicture(one.path, one.boxes[0].class_id))
    return replace(data, notes=(*data.notes, *small))


def _of_small_ones(dataset: Dataset, recipe: Recipe) -> tuple[str, ...]:
    """Return what is to be said of pictures that must be enlarged, which are blurred."""
    sides = [min(image.width_px, image.height_px) for image in dataset.images]
    tiny, small = (sum(side < recipe.imgsz * share for side in sides) for share in (LEAST_SHARE, 1))
    if 2 * tiny > len(sides):
        raise ConfigError(
            f"{tiny} of the {len(sides)} pictures in {recipe.data} have sides under {recipe.imgsz * LEAST_SHARE:g} px, "
            f"and squares of {recipe.imgsz} px would show blurs; give larger ones, or less than --imgsz {recipe.imgsz}"
        )
    if not small:
        return ()
    return (f"{small} of {counted(len(sides), 'pictures')} were smaller than {recipe.imgsz} px, and enlarged.",)


def _read(data: Path) -> NamedPictures:
    try:
        return read_classes(data)
    except ConfigError:
        found = find_pictures(data) if data.is_dir() else []
        if not found:
            raise
        return NamedPictures(NO_CLASS, tuple(NamedPicture(path, 0) for path in found))
