"""Pictures that a generator learns from: of one class or several, or of none."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.dataset import NamedPicture, NamedPictures
from streamvision.datasets.files import find_pictures
from streamvision.training.additions import read_sets
from streamvision.training.data import TrainingData, as_boxed, prepared
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

NO_CLASSES = ("picture",)


def prepare_squares(folder: RunFolder, recipe: Recipe) -> TrainingData[NamedPicture]:
    """Read pictures: a folder for each class, a table, or any folder with pictures; the split as for classifiers.

    Raises:
        ConfigError: when there is nothing to learn from.
    """
    dataset, additions = read_sets(
        recipe.data, recipe.add, lambda path: as_boxed(_read(path), lambda image: [image.class_id])
    )
    return prepared(dataset, additions, folder, recipe, lambda one: NamedPicture(one.path, one.boxes[0].class_id))


def _read(data: Path) -> NamedPictures:
    try:
        return read_classes(data)
    except ConfigError:
        found = find_pictures(data) if data.is_dir() else []
        if not found:
            raise
        return NamedPictures(NO_CLASSES, tuple(NamedPicture(path, 0) for path in found))
