"""Pictures to learn from that become others, and those held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streamvision.checkpoints.picture_names import PIX2PIX, STYLE, enlarges
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import PairedPicture, PairedPictures
from streamvision.datasets.picture_files import PictureFile, read_picture
from streamvision.datasets.picture_pairs import has_pairs, read_made_worse, read_pairs
from streamvision.training.additions import read_sets
from streamvision.training.data import TrainingData, as_boxed, prepared
from streamvision.training.pictures.choices import noise_levels
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

MOST_CROPS = 16
"""Parts that are cut out of one picture in an epoch."""


def prepare_pictures(folder: RunFolder, recipe: Recipe) -> TrainingData[PairedPicture]:
    """Read pictures and what becomes of them; the split as for objects, by picture.

    A folder with ``inputs/`` and ``targets/`` says it itself; the pictures of another are made worse as the model wants
    it. Each picture is shown as often as parts of the training size fit into it, at most :data:`MOST_CROPS` times.

    Raises:
        ConfigError: when there is nothing to learn from, or a pair has sizes that the model does not make.
    """
    pictures: dict[Path, PairedPicture] = {}
    files: dict[Path, PictureFile] = {}

    def checked(image: PairedPicture) -> list[int]:
        own = [read_picture(path) for path in (image.path, image.target_path) if path is not None]
        _check_sizes(image, own, enlarges(recipe.model), recipe.model)
        pictures[image.path], files[image.path] = image, own[0]
        return [0]

    dataset, additions = read_sets(recipe.data, recipe.add, lambda path: as_boxed(_read(recipe, path), checked))
    data = prepared(dataset, additions, folder, recipe, lambda one: pictures[one.path])
    shown = zip(data.repeats, data.train, strict=True)
    return replace(data, repeats=tuple(times * _crops(files[one.path], one, recipe) for times, one in shown))


def _read(recipe: Recipe, data: Path) -> PairedPictures:
    if recipe.model == STYLE:
        return read_made_worse(data)
    if has_pairs(data):
        if recipe.noise is not None:
            raise ConfigError(
                f"noise makes pictures worse, and {data} says itself what its pictures become; leave it out"
            )
        return read_pairs(data, reverse=recipe.reverse)
    if recipe.reverse:
        raise ConfigError(f"reverse is for folders with inputs/ and targets/, and {data} is none; leave it out")
    if recipe.model == PIX2PIX:
        return read_pairs(data)  # which says what is missing
    return read_made_worse(data, noise=noise_levels(recipe), shrink=enlarges(recipe.model))


def _check_sizes(image: PairedPicture, files: list[PictureFile], scale: int, model: str) -> None:
    """Refuse pairs of which one is not as many times larger as the model makes it."""
    sizes = [(file.width_px, file.height_px) for file in files]
    if len(sizes) == 2 and sizes[1] != (scale * sizes[0][0], scale * sizes[0][1]):
        (a, b), (c, d) = sizes
        raise ConfigError(
            f"{image.path} is {a}x{b} px and {image.target_path} {c}x{d} px, but {model} makes {scale * a}x{scale * b} "
            "px of it; give pairs of such sizes"
        )


def _crops(file: PictureFile, image: PairedPicture, recipe: Recipe) -> int:
    """Return how many parts of the training size are cut out of a picture in an epoch."""
    side_px = recipe.imgsz if image.target_path is None else recipe.imgsz // enlarges(recipe.model)
    return min(max(file.width_px * file.height_px // side_px**2, 1), MOST_CROPS)
