"""Pictures that are learnt from beside the data set, such as those that were collected from a stream and labelled.

Classes go by their names, and those that the data set lacks stand behind its own. What looks like a held-out picture is
left out, so that the figures stay those of pictures that were not learnt from. Of what has no held-out part of its own
a share is held out where there is much of it, measured by itself, and stays held out in the runs that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.words import counted
from streamvision.datasets import read_dataset, split_dataset
from streamvision.datasets.collection_files import is_collection
from streamvision.datasets.dataset import Dataset, LabelledImage, Problem
from streamvision.datasets.fingerprints import Fingerprint, fingerprint_all, near_pairs
from streamvision.evaluation.class_names import are_placeholders, name_key

LARGE = 100
"""From so many added pictures on, a share of them is held out: of fewer it would show nothing and be missed."""


@dataclass(frozen=True)
class Addition:
    """A set that is added."""

    folder: Path
    """Where it is, as it was given."""
    pictures: Dataset
    """Its pictures, with what is marked on them."""


@dataclass(frozen=True)
class Additions:
    """What became of all that was added; class ids are those of the run."""

    train: tuple[LabelledImage, ...] = ()
    """Pictures to learn from."""
    val: tuple[LabelledImage, ...] = ()
    """Pictures held out of the added sets, measured beside the data set's own."""
    near: int = 0
    """How many were left out as they look like a held-out picture."""


def read_addition(folder: Path, *, shapes: bool = False) -> Addition:
    """Read a set with marked objects; of collected pictures those that somebody has labelled.

    Args:
        folder: where it is.
        shapes: whether outlines and keypoints are read, too.

    Raises:
        ConfigError: when it is no data set, or nothing is labelled yet.
    """
    try:
        option = "the path of its one file in place of the folder"
        return Addition(folder, read_dataset(folder, shapes=shapes, option=option))
    except ConfigError as error:
        if not is_collection(folder):
            raise
        raise ConfigError(
            f"nothing that was collected in {folder} is labelled yet; label some with streamvision label {folder}"
        ) from error


def read_sets(data: Path, add: Sequence[Path], read: Callable[[Path], Dataset]) -> tuple[Dataset, list[Addition]]:
    """Return the data set of a run and what is added to it, each read by the same function."""
    return read(data), [Addition(path, read(path)) for path in add]


def renamed_into(names: tuple[str, ...], additions: Sequence[Addition]) -> tuple[tuple[str, ...], list[Dataset]]:
    """Return the class names of a run, and the added sets under its class ids.

    Names are the same without regard to case, blanks, hyphens and underscores. Only classes of which something is
    marked are appended.

    Raises:
        ConfigError: when an added set does not name its classes.
    """
    known = {name_key(name): class_id for class_id, name in enumerate(names)}
    appended: list[str] = []
    sets = []
    for addition in additions:
        pictures = addition.pictures
        if are_placeholders(pictures.names) and not set(pictures.names) <= set(names):
            raise ConfigError(
                f"{addition.folder} does not name its classes, which are matched by name; write a data.yaml with them"
            )
        used = sorted({box.class_id for _, box in pictures.boxes()})
        for class_id in used:
            name = pictures.names[class_id]
            if name_key(name) not in known:
                known[name_key(name)] = len(names) + len(appended)
                appended.append(name)
        sets.append(_renumbered(pictures, {class_id: known[name_key(pictures.names[class_id])] for class_id in used}))
    return (*names, *appended), sets


def join_additions(
    sets: Sequence[Dataset],
    held_out: Sequence[LabelledImage],
    *,
    written: Mapping[str, Sequence[str]] | None,
    held_out_before: Iterable[str],
    share: float,
    seed: int,
) -> Additions:
    """Return which added pictures are learnt from.

    Args:
        sets: the added sets, under the class ids of the run.
        held_out: the data set's own held-out pictures.
        written: what became of them when this run began, by part; ``None`` where it begins now.
        held_out_before: added pictures that an earlier run held out.
        share: part of many that is held out.
        seed: of that choice.
    """
    by_path = {str(image.path): image for one in sets for image in one.images}
    if written is not None:
        train, val = ([by_path[name] for name in written.get(part, ()) if name in by_path] for part in ("train", "val"))
        return Additions(tuple(train), tuple(val))
    before = set(held_out_before)
    has_parts = any(image.split in ("val", "test") for image in by_path.values())
    kept = {name for name, image in by_path.items() if name in before or image.split in ("val", "test")}
    rest = [image for name, image in by_path.items() if name not in kept]
    if not before and not has_parts and len(rest) >= LARGE:
        dealt = split_dataset(Dataset((), tuple(rest)), fractions={"train": 1 - share, "val": share}, seed=seed)
        kept |= {str(image.path) for image in dealt.part("val").images}
        rest = [image for image in rest if str(image.path) not in kept]
    own = [by_path[name] for name in sorted(kept)]
    prints = fingerprint_all([image.path for image in (*held_out, *own, *rest)])
    first = len(held_out) + len(own)
    near = _like_first(prints, first)
    learnt = tuple(image for index, image in enumerate(rest, first) if index not in near)
    return Additions(learnt, tuple(own), len(near))


def sentences(additions: Sequence[Addition], parts: Additions, own: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return what was added and what was not, for people.

    Args:
        additions: the sets.
        parts: what became of their pictures.
        own: class names of the data set.
        names: those of the run.
    """
    if not additions:
        return []
    where = ", ".join(str(addition.folder) for addition in additions)
    held = f", {len(parts.val)} of the added held out by themselves" if parts.val else ""
    lines = [f"{counted(len(parts.train), 'pictures')} of {where} are learnt from, too{held}."]
    if parts.near:
        lines.append(f"{counted(parts.near, 'added pictures')} left out: they look like held-out ones.")
    if new := names[len(own) :]:
        lines.append(f"New classes, behind those of the data set: {', '.join(new)}.")
    return lines


def problems_of(additions: Sequence[Addition]) -> tuple[Problem, ...]:
    """Return what was wrong with files of the added sets."""
    return tuple(problem for addition in additions for problem in addition.pictures.problems)


def _renumbered(pictures: Dataset, ids: Mapping[int, int]) -> Dataset:
    images = tuple(
        replace(image, boxes=tuple(replace(box, class_id=ids[box.class_id]) for box in image.boxes))
        for image in pictures.images
    )
    return Dataset((), images, pictures.problems)


def _like_first(prints: Sequence[Fingerprint], first: int) -> set[int]:
    """Return the indices from ``first`` on of pictures that are, or look like, one before it."""
    digests = {one.digest for one in prints[:first] if one.digest}
    same = {index for index, one in enumerate(prints[first:], first) if one.digest in digests}
    return same | {second for one, second in near_pairs(prints) if one < first <= second}
