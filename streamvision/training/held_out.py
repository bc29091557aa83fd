"""The pictures that a training run held out, read again."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import Dataset
from streamvision.training.parts import parts_as_written
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder


def held_out_of(run: Path) -> Dataset:
    """Return the pictures with marked objects that a run held out of its own data set.

    Raises:
        ConfigError: when it is not the folder of a run, or its data set is not there any more.
    """
    folder = RunFolder(run)
    if not folder.recipe.is_file() or not folder.split.is_file():
        raise ConfigError(f"{run} is not the folder of a training run: it has no recipe.yaml and split.json; give one")
    recipe = load_recipe(folder.recipe, {})
    dataset = parts_as_written(read_dataset(recipe.data, format=recipe.format), folder.split)
    return dataset.part("val")
