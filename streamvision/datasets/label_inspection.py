"""What is worth knowing of pictures with a class each, or with a class for each pixel, before training on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from streamvision.core.errors import SourceError
from streamvision.datasets.bias import Bias, find_bias
from streamvision.datasets.bias_facts import Shown
from streamvision.datasets.class_labels import UNKNOWN, read_class_map
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import MappedPicture, MappedPictures, NamedPictures, Picture, PictureSet, Problem
from streamvision.datasets.fingerprints import Fingerprint, exact_groups, fingerprint_all
from streamvision.datasets.inspection import Alike, InspectionJson, alike_pictures, count_by_split, undecodable
from streamvision.datasets.picture_files import BrokenPictureError, PictureFile, read_picture
from streamvision.datasets.problems import Problems


@dataclass(frozen=True)
class LabelSummary:
    """One class in figures."""

    name: str
    """Class name."""
    pictures: int
    """Pictures of it, or that show it."""
    splits: dict[str, int]
    """Those by split."""
    pixels: float | None
    """Its share of the pixels whose class is known; ``None`` where whole pictures have classes."""


@dataclass(frozen=True)
class LabelInspection(InspectionJson):
    """What was found."""

    pictures: int
    """Readable pictures."""
    splits: dict[str, int]
    """Pictures by split; ``none`` for those without."""
    classes: tuple[LabelSummary, ...]
    """In the order of class ids."""
    unknown_pixels: float | None
    """Share of all pixels whose class is not known; ``None`` where whole pictures have classes."""
    picture_sizes: tuple[tuple[int, int, int], ...]
    """Width, height and number of pictures, the commonest first."""
    problems: tuple[Problem, ...]
    """What is wrong with files."""
    alike: tuple[Alike, ...]
    """Groups of pictures that are the same or nearly so."""
    bias: Bias
    """What goes with what, and what of it is suspicious."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What is marked on one picture."""

    size_px: tuple[int, int]
    """Width and height of the picture."""
    pixels: dict[int, int]
    """Pixels by class id; of a picture that has one class, all are of it."""
    unknown: int = 0
    """Pixels whose class is not known."""


def labels_of_folders(pictures: NamedPictures) -> tuple[NamedPictures, list[Labels]]:
    """Return the pictures that can be read, with the class of each; others become problems."""
    kept, labels, problems = [], [], Problems(pictures.problems)
    for image in pictures.images:
        file = _read(image.path)
        if isinstance(file, Problem):
            problems.append(file)
            continue
        kept.append(image)
        labels.append(Labels((file.width_px, file.height_px), {image.class_id: file.width_px * file.height_px}))
    return replace(pictures, images=tuple(kept), problems=tuple(problems)), labels


def labels_of_maps(
    pictures: MappedPictures, *, progress: Progress = no_progress
) -> tuple[MappedPictures, list[Labels]]:
    """Return the pictures whose maps can be used, with the classes on each; others become problems."""
    kept, labels, problems = [], [], Problems(pictures.problems)
    for done, image in enumerate(pictures.images):
        progress("maps read", done, len(pictures.images))
        one = _labels_of_map(image, pictures.names)
        if isinstance(one, Problem):
            problems.append(one)
            continue
        kept.append(image)
        labels.append(one)
    return replace(pictures, images=tuple(kept), problems=tuple(problems)), labels


def names_of(pictures: PictureSet[Picture], labels: Sequence[Labels]) -> tuple[str, ...]:
    """Return the class names by class id; where the set does not say them, the numbers."""
    highest = max((class_id for one in labels for class_id in one.pixels), default=-1)
    return pictures.names or tuple(str(class_id) for class_id in range(highest + 1))


def inspect_labels(
    pictures: PictureSet[Picture], labels: Sequence[Labels], *, by_pixel: bool, progress: Progress = no_progress
) -> LabelInspection:
    """Look at every picture, to its last pixel, and at what is marked on it.

    Args:
        pictures: as :func:`labels_of_folders` or :func:`labels_of_maps` returned them.
        labels: what these returned beside them.
        by_pixel: whether each pixel has a class.
        progress: called for every picture.
    """
    prints: list[Fingerprint] = fingerprint_all([image.path for image in pictures.images], progress=progress)
    names: tuple[str, ...] = names_of(pictures, labels)
    sizes = Counter(one.size_px for one in labels)
    known, unknown = sum(sum(one.pixels.values()) for one in labels), sum(one.unknown for one in labels)
    return LabelInspection(
        pictures=len(pictures.images),
        splits=count_by_split(image.split for image in pictures.images),
        classes=tuple(_summarise(pictures, labels, names, known if by_pixel else None)),
        unknown_pixels=unknown / max(known + unknown, 1) if by_pixel else None,
        picture_sizes=tuple((width, height, count) for (width, height), count in sizes.most_common()),
        problems=tuple(
            Problems(chain(pictures.problems, undecodable(prints), _contradictions(pictures, labels, names, prints)))
        ),
        alike=tuple(alike_pictures(pictures.images, prints)),
        bias=find_bias(
            names,
            [
                Shown(image.path, image.split, tuple(one.pixels), (), two.brightness, one.size_px)
                for image, one, two in zip(pictures.images, labels, prints, strict=True)
            ],
            folders_are_classes=not by_pixel,
        ),
    )


def _summarise(
    pictures: PictureSet[Picture], labels: Sequence[Labels], names: Sequence[str], known: int | None
) -> Iterator[LabelSummary]:
    for class_id, name in enumerate(names):
        shown = [image for image, one in zip(pictures.images, labels, strict=True) if class_id in one.pixels]
        pixels = None if known is None else sum(one.pixels.get(class_id, 0) for one in labels) / max(known, 1)
        yield LabelSummary(name, len(shown), count_by_split(image.split for image in shown), pixels)


def _contradictions(
    pictures: PictureSet[Picture], labels: Sequence[Labels], names: Sequence[str], prints: Sequence[Fingerprint]
) -> Iterator[Problem]:
    for group in exact_groups(prints):
        first = group[0]
        for index in group[1:]:
            if labels[index].pixels != labels[first].pixels:
                said = " and ".join(_named(names, labels[at]) for at in (first, index))
                reason = f"is the same picture as {pictures.images[first].path}, with other classes ({said})"
                yield Problem(pictures.images[index].path, reason, "contradiction")


def _named(names: Sequence[str], labels: Labels) -> str:
    return ", ".join(names[class_id] for class_id in sorted(labels.pixels)) or "none"


def _labels_of_map(image: MappedPicture, names: Sequence[str]) -> Labels | Problem:
    file = _read(image.path)
    if isinstance(file, Problem):
        return file
    try:
        classes = read_class_map(image.map_path)
    except SourceError as error:
        return Problem(image.map_path, f"cannot be used ({error}); left out", "broken_labels")
    size, own = (file.width_px, file.height_px), (classes.shape[1], classes.shape[0])
    if size != own:
        reason = f"is {own[0]}x{own[1]} px, but its picture is {size[0]}x{size[1]} px; left out"
        return Problem(image.map_path, reason, "wrong_size")
    counts = np.bincount(classes.ravel(), minlength=UNKNOWN + 1)
    pixels = {int(level): int(counts[level]) for level in np.flatnonzero(counts[:UNKNOWN])}
    if names and (highest := max(pixels, default=0)) >= len(names):
        reason = f"marks class {highest}, but there are names for {len(names)} (0 to {len(names) - 1}); left out"
        return Problem(image.map_path, reason, "bad_class")
    return Labels(size, pixels, int(counts[UNKNOWN]))


def _read(path: Path) -> PictureFile | Problem:
    try:
        return read_picture(path)
    except (BrokenPictureError, OSError) as error:
        reason = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
        return Problem(path, f"{reason}; left out", "broken_picture")
