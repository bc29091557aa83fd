"""Labelled pictures, checked, split, and laid out in the run folder as the trainers read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic

import numpy as np

from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.words import counted
from streamvision.datasets import read_dataset
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.class_labels import UNKNOWN, read_class_map, read_class_maps
from streamvision.datasets.dataset import (
    Dataset,
    LabelledBox,
    LabelledImage,
    MappedPicture,
    NamedPicture,
    PairedPicture,
    Picture,
    PictureSet,
    Problem,
)
from streamvision.datasets.drive import DriveSampling, write_drive_dataset
from streamvision.datasets.keypoints import KeypointLayout, read_keypoint_layout
from streamvision.datasets.picture_files import BrokenPictureError, read_picture
from streamvision.datasets.problems import Problems, number_of
from streamvision.evaluation.coco_shapes import Likeness, is_marked
from streamvision.evaluation.evaluate import check_marked
from streamvision.training.additions import Addition, problems_of, read_addition, read_sets, sentences
from streamvision.training.parts import Parts, deal_parts, shows_objects
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

NOT_MIRRORED = (
    "No picture is mirrored, since nothing says which keypoints change places then: flip_idx in data.yaml, or names "
    "with left and right."
)
SHOWN_NAMES = 200
"""Most class names that are listed where all are; a vocabulary has thousands."""


@dataclass(frozen=True)
class TrainingData(Generic[Picture]):
    """What a trainer sees."""

    names: tuple[str, ...]
    """Class names by class id."""
    train: tuple[Picture, ...]
    """Pictures to learn from, once each."""
    repeats: tuple[int, ...]
    """How often each of ``train`` is shown in an epoch."""
    val: tuple[Picture, ...]
    """Pictures held out."""
    split_origin: str
    """Where the split comes from, in words."""
    problems: tuple[Problem, ...]
    """What was wrong with the files."""
    counted: str = "pictures"
    """What the two counters count."""
    learnt: Counter[int] = field(default_factory=Counter)
    """By class, to learn from."""
    held_out: Counter[int] = field(default_factory=Counter)
    """By class, held out."""
    held_out_added: tuple[Picture, ...] = field(default=(), kw_only=True)
    """Pictures held out of added sets, which are measured by themselves."""
    called: str = field(default="classes", kw_only=True)
    """What :attr:`names` are, in the plural."""
    unproven: tuple[str, ...] = field(default=(), kw_only=True)
    """Classes of added pictures that no held-out picture of the data set shows."""
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    """What became of added pictures, of objects that lack what is learnt, or what a picture is here, in sentences."""
    keypoints: KeypointLayout | None = field(default=None, kw_only=True)
    """What the keypoints are, where these are learnt."""
    shown: tuple[Path, ...] = field(default=(), kw_only=True)
    """Pictures as the network sees them, where those held out are not: exports are proven on them."""

    def describe(self) -> list[str]:
        """Return what will be learnt from, and what was wrong with it, in sentences."""
        shown = sum(self.repeats)
        classes = f"{counted(len(self.names), self.called)}: {', '.join(self.names[:SHOWN_NAMES])}"
        classes += " ..." if len(self.names) > SHOWN_NAMES else "."
        listed: list[str] = [classes] if self.names else []
        if self.train == self.val:
            return [
                f"{counted(len(self.train), 'pictures')}, {counted(shown, 'samples')} an epoch, are learnt and "
                "measured: a trial whether they can be learnt by heart.",
                *listed,
            ]
        why = "parts of each" if isinstance(self.train[0], PairedPicture) else "rare classes more often"
        more = f" ({counted(shown, 'samples')} an epoch, {why})" if shown > len(self.train) else ""
        lines = [
            f"{counted(len(self.train), 'pictures')} to learn from{more}, {len(self.val)} held out; the split is "
            f"{self.split_origin}."
        ]
        if not isinstance(self.train[0], PairedPicture):
            lines += listed
        lines += self.notes
        if self.unproven:
            lines.append(
                f"No held-out picture shows {', '.join(self.unproven)}, so that none can tell the best epoch: the last "
                "counts."
            )
        if self.problems:
            first = self.problems[0]
            lines.append(f"{number_of(self.problems):,} problems with files, the first: {first.path}: {first.reason}")
        return lines


def prepare_objects(folder: RunFolder, recipe: Recipe, *, by: Likeness = "box") -> TrainingData[LabelledImage]:
    """Read pictures with marked objects; the pictures that the recipe generates are added to those to learn from.

    The split is written to ``split.json``; where that file is there already (a resumed run), it decides. Objects
    without the outline that is to be learnt are ignored like crowds; keypoints may be missing.

    Args:
        folder: of the run.
        recipe: what to do.
        by: what is learnt of an object beyond its class.

    Raises:
        ConfigError: when there is nothing to learn from.
    """
    dataset = read_dataset(recipe.data, format=recipe.format, shapes=by != "box")
    additions = [read_addition(path, shapes=by != "box") for path in recipe.add]
    lacking: tuple[str, ...] = ()
    if by != "box":
        lacking = tuple(
            note for one in (dataset, *(add.pictures for add in additions)) for note in check_marked(one, by)
        )
    if by not in ("box", "keypoints"):
        dataset = _only_outlined(dataset, by)
        additions = [replace(one, pictures=_only_outlined(one.pictures, by)) for one in additions]
    layout = read_keypoint_layout(recipe.data, dataset) if by == "keypoints" else None
    if layout is not None:
        _check_keypoints(layout, additions)
        if layout.mirrored is None and recipe.augmentation().flip:
            lacking = (*lacking, NOT_MIRRORED)

    def is_taught(image: LabelledImage) -> bool:
        return any(not box.ignore and is_marked(box, by) for box in image.boxes)

    data = prepared(
        dataset, additions, folder, recipe, lambda one: one, counted="objects", notes=lacking, teaches=is_taught
    )
    if not any(image.boxes for image in data.train):
        raise ConfigError(
            f"{recipe.data}: none of {len(data.train)} pictures to learn from has an object marked on it; mark some, "
            f"or see what is wrong with streamvision data inspect {recipe.data}"
        )
    if recipe.generated:
        drawn = _draw(folder.root / "generated", data.names, images=recipe.generated, seed=recipe.seed)
        data = replace(
            data,
            train=(*data.train, *drawn),
            repeats=(*data.repeats, *(1,) * len(drawn)),
            learnt=data.learnt + _counted_boxes(drawn),
        )
    return replace(data, keypoints=layout)


def prepare_classes(folder: RunFolder, recipe: Recipe) -> TrainingData[NamedPicture]:
    """Read a folder of pictures for each class, or a table of them; the split as for :func:`prepare_objects`.

    Raises:
        ConfigError: when there is nothing to learn from, or one class only.
    """
    pictures = read_classes(recipe.data)
    if len(pictures.names) < 2:
        raise ConfigError(
            f"{recipe.data} has one class only ({pictures.names[0]}), which leaves nothing to tell apart; give a "
            "folder of pictures for each of two classes or more"
        )

    def boxed(path: Path) -> Dataset:
        return as_boxed(pictures if path == recipe.data else read_classes(path), lambda image: [image.class_id])

    dataset, additions = read_sets(recipe.data, recipe.add, boxed)
    return prepared(dataset, additions, folder, recipe, lambda one: NamedPicture(one.path, one.boxes[0].class_id))


def prepare_regions(folder: RunFolder, recipe: Recipe) -> TrainingData[MappedPicture]:
    """Read pictures with maps of classes, every map to its last pixel; the split as for :func:`prepare_objects`.

    Raises:
        ConfigError: when there is nothing to learn from, classes have no names, or a map does not fit its picture or
            the names.
        SourceError: when a map cannot be read.
    """
    data = recipe.data
    sets = {path: read_class_maps(path) for path in (data, *recipe.add)}
    names = sets[data].names
    if not names:
        raise ConfigError(
            f"{data} does not name its classes; write their names into {data / 'classes.txt'}, a line each"
        )
    if len(names) < 2:
        raise ConfigError(
            f"{data / 'classes.txt'} names one class only ({names[0]}), which leaves nothing to tell apart; what is "
            "not of it needs a name too, such as background"
        )
    for path, added in sets.items():
        if added.names != names:  # the levels of a map are numbers alone
            raise ConfigError(
                f"{path} has the classes {', '.join(added.names) or 'of no name'}, and {data} {', '.join(names)}; "
                "write its maps and classes.txt with the same in the same order"
            )
    by_path = {image.path: image for one in sets.values() for image in one.images}
    dataset, additions = read_sets(
        data, recipe.add, lambda path: as_boxed(sets[path], lambda image: _classes_on(image, names))
    )
    regions = prepared(dataset, additions, folder, recipe, lambda one: by_path[one.path])
    if len(regions.learnt) < 2:
        shown = ", ".join(names[class_id] for class_id in regions.learnt) or "none"
        raise ConfigError(
            f"the maps to learn from in {data} show too few classes ({shown}); mark at least two, each in its level"
        )
    return regions


def _check_keypoints(layout: KeypointLayout, additions: Sequence[Addition]) -> None:
    for addition in additions:
        for image, box in addition.pictures.boxes():
            count = len(box.shape.keypoints) if box.shape else 0
            if count not in (0, len(layout.names)):
                raise ConfigError(
                    f"{image.path} marks {count} keypoints an object, and the data set {len(layout.names)}; add "
                    "pictures with the same keypoints"
                )


def _only_outlined(dataset: Dataset, by: Likeness) -> Dataset:
    """Return a data set whose objects without an outline teach nothing."""
    images = tuple(
        replace(image, boxes=tuple(box if is_marked(box, by) else replace(box, ignore=True) for box in image.boxes))
        for image in dataset.images
    )
    return Dataset(dataset.names, images, dataset.problems)


def as_boxed(pictures: PictureSet[Picture], classes_on: Callable[[Picture], list[int]]) -> Dataset:
    """Return the pictures that can be read, each with a box over all of it for every class: what splits see.

    Those of which ``classes_on`` says that a file is broken are left out, too.
    """
    labelled: list[LabelledImage] = []
    problems = Problems(pictures.problems)
    for image in pictures.images:
        try:
            file = read_picture(image.path)
            classes = classes_on(image)
        except BrokenPictureError as error:
            problems.append(Problem(image.path, str(error), "broken_picture"))
            continue
        box = (0.0, 0.0, float(file.width_px), float(file.height_px))
        boxes = tuple(LabelledBox(class_id, box) for class_id in classes)
        labelled.append(LabelledImage(image.path, file.width_px, file.height_px, boxes, image.split))
    return Dataset(pictures.names, tuple(labelled), tuple(problems))


def prepared(
    dataset: Dataset,
    additions: Sequence[Addition],
    folder: RunFolder,
    recipe: Recipe,
    unboxed: Callable[[LabelledImage], Picture],
    *,
    counted: str = "pictures",
    notes: Sequence[str] = (),
    teaches: Callable[[LabelledImage], bool] = shows_objects,
) -> TrainingData[Picture]:
    """Split pictures with marked objects, or such as :func:`as_boxed` returned; ``unboxed`` turns each back.

    ``counted`` is what the boxes are, ``notes`` are told behind what became of the additions, and ``teaches`` says
    which pictures have something to learn by heart.
    """
    parts: Parts = deal_parts(dataset, additions, folder, recipe, teaches=teaches)
    counts = [_counted_boxes(part) for part in (parts.train, parts.val)]
    told = [*sentences(additions, parts.added, dataset.names, parts.names), *notes]
    train, val, added = (tuple(map(unboxed, part)) for part in (parts.train, parts.val, parts.added.val))
    return TrainingData(
        parts.names,
        train,
        parts.repeats,
        val,
        parts.origin,
        (*dataset.problems, *problems_of(additions)),
        counted,
        *counts,
        held_out_added=added,
        unproven=parts.unproven(counts[1]),
        notes=tuple(told),
    )


def _counted_boxes(images: Sequence[LabelledImage]) -> Counter[int]:
    return Counter(box.class_id for image in images for box in image.boxes if not box.ignore)


def _draw(folder: Path, names: Sequence[str], *, images: int, seed: int) -> tuple[LabelledImage, ...]:
    """Render pictures of the synthetic drive; classes are matched by name.

    Equal seeds give equal pictures, so that a run that goes on sees the same as before.
    """
    sampling = DriveSampling(images=images, seed=seed, cropped=True)
    write_drive_dataset(folder, sampling, format="yolo", split="train", force=True)
    drawn = read_dataset(folder)
    if unknown := set(drawn.names) - set(names):
        raise ConfigError(
            f"the synthetic drive shows {', '.join(sorted(unknown))}, which the data set ({', '.join(names)}) does not "
            "know; leave `generated` out"
        )
    class_id = [names.index(name) for name in drawn.names]
    return tuple(
        replace(image, boxes=tuple(replace(box, class_id=class_id[box.class_id]) for box in image.boxes))
        for image in drawn.images
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
