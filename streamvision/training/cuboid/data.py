"""Objects in space to learn from: each is a crop of its own, and all of one picture are of one part."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from streamvision.core.errors import ConfigError
from streamvision.core.words import counted
from streamvision.datasets.dataset import CuboidPicture, Dataset, LabelledBox, LabelledCuboid, LabelledImage, PictureSet
from streamvision.datasets.kitti_cuboids import read_cuboids
from streamvision.evaluation.cuboid.evaluate import LEAST_HEIGHT_PX, measurable
from streamvision.evaluation.predictions import read_bgr
from streamvision.training.additions import Addition, problems_of, sentences
from streamvision.training.cuboid.samples import crop_box
from streamvision.training.data import TrainingData
from streamvision.training.parts import deal_parts, few_parts, repeats_for_rare_classes
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

TURN_STEP_DEG = 10
"""How far apart turns are that count as different ones."""
SHOWN_CROPS = 24
"""Held-out crops that are written into the run folder, for the proof of exports."""


def prepare_cuboids(folder: RunFolder, recipe: Recipe) -> TrainingData[CuboidPicture]:
    """Read pictures with objects in space; what is returned has one object a picture.

    Raises:
        ConfigError: when there is nothing to learn from.
        SourceError: when a picture has no camera.
    """
    sets = [read_cuboids(path) for path in (recipe.data, *recipe.add)]
    by_path = {image.path: image for one in sets for image in one.images}
    dataset, *added_sets = map(_as_boxed, sets)
    additions = [Addition(path, one) for path, one in zip(recipe.add, added_sets, strict=True)]
    parts = deal_parts(dataset, additions, folder, recipe.model_copy(update={"overfit": None}))

    def crops(image: LabelledImage) -> list[CuboidPicture]:
        pairs = zip(by_path[image.path].objects, image.boxes, strict=True)
        return single(replace(by_path[image.path], objects=tuple(one.of_class(box.class_id) for one, box in pairs)))

    shown = [(one, times) for image, times in zip(parts.train, parts.repeats, strict=True) for one in crops(image)]
    train = [one for one, _ in shown]
    val, added = ([one for image in part for one in crops(image)] for part in (parts.val, parts.added.val))
    if not train or not val:
        raise ConfigError(
            f"{recipe.data} has {counted(len(train), 'objects')} to learn from and {len(val)} held out that are at "
            f"least {LEAST_HEIGHT_PX:g} px high and mostly in the picture; both parts need one"
        )
    if recipe.overfit:
        by_crop = {_boxed(one): one for one in train}
        parts = few_parts(parts.names, tuple(by_crop), recipe, count=recipe.overfit)
        train, added = [by_crop[one] for one in parts.train], []
        shown, val = list(zip(train, parts.repeats, strict=True)), train
    counts = [Counter(image.objects[0].class_id for image in part) for part in (train, val)]
    return TrainingData(
        parts.names,
        tuple(train),
        _repeats(shown, recipe),
        tuple(val),
        parts.origin,
        (*dataset.problems, *problems_of(additions)),
        "objects",
        *counts,
        held_out_added=tuple(added),
        unproven=parts.unproven(counts[1]),
        notes=(
            *sentences(additions, parts.added, dataset.names, parts.names),
            f"Each object is a picture of its own here: a crop of one of {len(by_path)} pictures.",
        ),
        shown=_write_crops(folder.root / "crops", val),
    )


def _repeats(shown: Sequence[tuple[CuboidPicture, int]], recipe: Recipe) -> tuple[int, ...]:
    """Return how often each crop is shown: as often as its picture, or where rare ones are to be shown more often, by
    its own class and turn. Most vehicles are seen nearly along their axis, and those that are not would be taken for
    such."""
    if recipe.balance != "oversample" or recipe.overfit:
        return tuple(times for _, times in shown)
    return repeats_for_rare_classes([_traits(crop.objects[0]) for crop, _ in shown], most=recipe.oversample_most)


def _traits(one: LabelledCuboid) -> set[tuple[str, int]]:
    """Return the class of an object, and how far its axis is turned against the ray to it, in steps."""
    turn_rad = abs(math.remainder(one.cuboid.yaw_rad - one.cuboid.ray_rad, math.pi))
    return {("class", one.class_id), ("turn", round(math.degrees(turn_rad) / TURN_STEP_DEG))}


def _as_boxed(pictures: PictureSet[CuboidPicture]) -> Dataset:
    return Dataset(pictures.names, tuple(map(_boxed, pictures.images)), pictures.problems)


def _boxed(image: CuboidPicture) -> LabelledImage:
    boxes = tuple(LabelledBox(one.class_id, one.box_xyxy_px) for one in image.objects)
    return LabelledImage(image.path, image.width_px, image.height_px, boxes, image.split)


def single(image: CuboidPicture) -> list[CuboidPicture]:
    """Return the picture once for each object that can be learnt from, with that object alone."""
    return [replace(image, objects=(one,)) for one in image.objects if measurable(one)]


def _write_crops(folder: Path, images: list[CuboidPicture]) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    step = max(len(images) // SHOWN_CROPS, 1)
    paths = []
    for number, image in enumerate(images[::step][:SHOWN_CROPS]):
        left, top, right, bottom = crop_box(image.objects[0].box_xyxy_px, (image.width_px, image.height_px))
        path = folder / f"{number:02}.png"
        cv2.imwrite(str(path), read_bgr(image.path)[top:bottom, left:right])
        paths.append(path)
    return tuple(paths)
