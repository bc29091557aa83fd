"""Labelled pictures, checked, split, and laid out in the run folder as the trainers read them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic

import numpy as np
import yaml

from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.files import write_whole
from streamvision.core.words import counted
from streamvision.datasets import read_dataset, split_dataset
from streamvision.datasets.class_labels import UNKNOWN, read_class_folders, read_class_map, read_class_maps
from streamvision.datasets.dataset import (
    Dataset,
    LabelledBox,
    LabelledImage,
    MappedPicture,
    NamedPicture,
    Picture,
    PictureSet,
    Problem,
)
from streamvision.datasets.drive import DriveSampling, write_drive_dataset
from streamvision.datasets.files import SPLITS
from streamvision.datasets.picture_files import BrokenPictureError, read_picture
from streamvision.datasets.splitting import hold_out_fold
from streamvision.datasets.yolo_txt import label_line
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder


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

    def describe(self) -> list[str]:
        """Return what will be learnt from, and what was wrong with it, in sentences."""
        shown = sum(self.repeats)
        more = f" (shown {shown} times an epoch, rare classes more often)" if shown > len(self.train) else ""
        lines = [
            f"{counted(len(self.train), 'pictures')} to learn from{more}, {len(self.val)} held out; the split is "
            f"{self.split_origin}.",
            f"{counted(len(self.names), 'classes')}: {', '.join(self.names)}.",
        ]
        if self.problems:
            first = self.problems[0]
            lines.append(f"{len(self.problems)} problems with files, the first: {first.path}: {first.reason}")
        return lines


def prepare_objects(folder: RunFolder, recipe: Recipe) -> TrainingData[LabelledImage]:
    """Read pictures with marked objects; the pictures that the recipe generates are added to those to learn from.

    The split is written to ``split.json``; where that file is there already (a resumed run), it decides.

    Raises:
        ConfigError: when there is nothing to learn from.
    """
    dataset = read_dataset(recipe.data, format=recipe.format)
    train, val, repeats, origin = _parts(dataset, folder, recipe)
    if not any(image.boxes for image in train):
        raise ConfigError(
            f"{recipe.data}: none of {len(train)} pictures to learn from has an object marked on it; mark some, or see "
            f"what is wrong with streamvision data inspect {recipe.data}"
        )
    if recipe.generated:
        drawn = _draw(folder.root / "generated", dataset.names, images=recipe.generated, seed=recipe.seed)
        train, repeats = (*train, *drawn), (*repeats, *(1,) * len(drawn))
    counts = [Counter(box.class_id for i in part for box in i.boxes if not box.ignore) for part in (train, val)]
    return TrainingData(dataset.names, train, repeats, val, origin, dataset.problems, "objects", *counts)


def prepare_classes(folder: RunFolder, recipe: Recipe) -> TrainingData[NamedPicture]:
    """Read a folder of pictures for each class; the split as for :func:`prepare_objects`.

    Raises:
        ConfigError: when there is nothing to learn from, or one class only.
    """
    pictures = read_class_folders(recipe.data)
    if len(pictures.names) < 2:
        raise ConfigError(
            f"{recipe.data} has one class only ({pictures.names[0]}), which leaves nothing to tell apart; give a "
            "folder of pictures for each of two classes or more"
        )
    return _prepared(pictures, lambda image: [image.class_id], folder, recipe)


def prepare_regions(folder: RunFolder, recipe: Recipe) -> TrainingData[MappedPicture]:
    """Read pictures with maps of classes, every map to its last pixel; the split as for :func:`prepare_objects`.

    Raises:
        ConfigError: when there is nothing to learn from, classes have no names, or a map does not fit its picture or
            the names.
        SourceError: when a map cannot be read.
    """
    pictures, data = read_class_maps(recipe.data), recipe.data
    names = pictures.names
    if not names:
        raise ConfigError(
            f"{data} does not name its classes; write their names into {data / 'classes.txt'}, a line each"
        )
    if len(names) < 2:
        raise ConfigError(
            f"{data / 'classes.txt'} names one class only ({names[0]}), which leaves nothing to tell apart; what is "
            "not of it needs a name too, such as background"
        )
    prepared = _prepared(pictures, lambda image: _classes_on(image, names), folder, recipe)
    if len(prepared.learnt) < 2:
        shown = ", ".join(names[class_id] for class_id in prepared.learnt) or "none"
        raise ConfigError(
            f"the maps to learn from in {data} show too few classes ({shown}); mark at least two, each in its level"
        )
    return prepared


def write_yolo_layout(data: TrainingData[LabelledImage], root: Path) -> Path:
    """Lay pictures out as ultralytics reads them, as links, and return the ``data.yaml``.

    A picture that is shown several times an epoch is listed as often. Objects marked as crowds or difficult teach
    nothing and are left out.
    """
    document: dict[str, object] = {"path": str(root), "names": dict(enumerate(data.names))}
    for part, images, repeats in (("train", data.train, data.repeats), ("val", data.val, (1,) * len(data.val))):
        for kind in ("images", "labels"):
            (root / kind / part).mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        for number, (image, times) in enumerate(zip(images, repeats, strict=True)):
            # Two folders may hold pictures of one name.
            link = _link(image.path, root / "images" / part / f"{number:06}_{image.path.name}")
            labels = "".join(label_line(box, image) for box in image.boxes if not box.ignore)
            (root / "labels" / part / f"{link.stem}.txt").write_text(labels, encoding="utf-8")
            lines += [str(link)] * times
        write_whole(root / f"{part}.txt", "\n".join(lines) + "\n")
        document[part] = f"{part}.txt"
    path = root / "data.yaml"
    write_whole(path, yaml.safe_dump(document, sort_keys=False))
    return path


def link_class_folders(data: TrainingData[NamedPicture], root: Path) -> Path:
    """Lay pictures out as ultralytics reads them, ``train/CLASS/picture`` and so on, as links; return the folder."""
    for part, images, repeats in (("train", data.train, data.repeats), ("val", data.val, (1,) * len(data.val))):
        for name in data.names:
            (root / part / name).mkdir(parents=True, exist_ok=True)
        for number, (image, times) in enumerate(zip(images, repeats, strict=True)):
            for again in range(times):
                _link(image.path, root / part / data.names[image.class_id] / f"{number:06}_{again}_{image.path.name}")
    return root


def repeats_for_rare_classes(images: Sequence[LabelledImage], *, most: int) -> tuple[int, ...]:
    """Return how often to show each picture: the repeat factors of LVIS (Gupta et al. 2019), rounded.

    A picture's factor is the largest of its classes', sqrt(t / share of pictures with the class), where t is the
    share of the commonest class; at least 1, at most ``most``.
    """
    present = [{box.class_id for box in image.boxes} for image in images]
    counts = Counter(class_id for ids in present for class_id in ids)
    commonest = max(counts.values(), default=1)
    factor = {class_id: math.sqrt(commonest / count) for class_id, count in counts.items()}
    return tuple(min(most, round(max((factor[class_id] for class_id in ids), default=1.0))) for ids in present)


def _prepared(
    pictures: PictureSet[Picture], classes_on: Callable[[Picture], list[int]], folder: RunFolder, recipe: Recipe
) -> TrainingData[Picture]:
    """Check and split pictures; the split sees each class of a picture as a box over all of it."""
    labelled: list[LabelledImage] = []
    broken: list[Problem] = []
    for image in pictures.images:
        try:
            file = read_picture(image.path)
        except BrokenPictureError as error:
            broken.append(Problem(image.path, str(error), "broken_picture"))
            continue
        box = (0.0, 0.0, float(file.width_px), float(file.height_px))
        boxes = tuple(LabelledBox(class_id, box) for class_id in classes_on(image))
        labelled.append(LabelledImage(image.path, file.width_px, file.height_px, boxes, image.split))
    train, val, repeats, origin = _parts(Dataset(pictures.names, tuple(labelled)), folder, recipe)
    by_path = {image.path: image for image in pictures.images}
    return TrainingData(
        pictures.names,
        tuple(by_path[image.path] for image in train),
        repeats,
        tuple(by_path[image.path] for image in val),
        origin,
        (*pictures.problems, *broken),
        "pictures",
        *(Counter(box.class_id for image in part for box in image.boxes) for part in (train, val)),
    )


def _parts(
    dataset: Dataset, folder: RunFolder, recipe: Recipe
) -> tuple[tuple[LabelledImage, ...], tuple[LabelledImage, ...], tuple[int, ...], str]:
    """Return the pictures to learn from, those held out, how often to show the former, and where the split is from."""
    dataset, origin = _with_split(dataset, folder.split, recipe)
    train, val = dataset.part("train").images, dataset.part("val").images
    if not train or not val:
        raise ConfigError(
            f"{recipe.data} has {len(train)} pictures to learn from and {len(val)} held out; both parts need at least "
            "one: add pictures, or change the share that is held out (--val-share)"
        )
    most = recipe.oversample_most if recipe.balance == "oversample" else 1
    return train, val, repeats_for_rare_classes(train, most=most), origin


def _with_split(dataset: Dataset, record: Path, recipe: Recipe) -> tuple[Dataset, str]:
    val_share, seed = recipe.val_share, recipe.seed
    if record.exists():
        written = json.loads(record.read_text(encoding="utf-8"))
        split_of = {name: split for split in SPLITS for name in written.get(split, ())}
        images = tuple(replace(image, split=split_of.get(str(image.path))) for image in dataset.images)
        return Dataset(dataset.names, images, dataset.problems), written["origin"]
    if recipe.fold:
        fold, folds = recipe.fold_numbers()
        dataset = hold_out_fold(dataset, fold=fold, folds=folds, seed=seed)
        origin = f"part {fold} of {folds} held out, stratified by class, seed {seed}"
    elif dataset.part("train").images and dataset.part("val").images:
        origin = "the data set's own"
    else:
        dataset = split_dataset(dataset, fractions={"train": 1 - val_share, "val": val_share}, seed=seed)
        origin = f"stratified by class, {val_share:.0%} held out, seed {seed}"
    parts = {split: [str(image.path) for image in dataset.part(split).images] for split in SPLITS}
    write_whole(record, json.dumps({"origin": origin, "seed": seed, **parts}, indent=1))
    return dataset, origin


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


def _link(picture: Path, link: Path) -> Path:
    link.unlink(missing_ok=True)
    link.symlink_to(picture.resolve())
    return link
