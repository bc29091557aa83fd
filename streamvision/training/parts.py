"""Which pictures are learnt from and which are held out, and how often each is shown; written down, and then kept."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.core.reading import MIB, UnreadableError, read_json
from streamvision.core.words import counted
from streamvision.datasets import split_dataset
from streamvision.datasets.contact_sheet import choose_pictures
from streamvision.datasets.dataset import Dataset, LabelledImage
from streamvision.datasets.files import SPLITS
from streamvision.datasets.splitting import hold_out_fold
from streamvision.training.additions import Addition, Additions, join_additions, renamed_into
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

MAX_RECORD_BYTES = 256 * MIB
OVERFIT_STEPS = 10
"""Of an epoch in which a few pictures are learnt by heart; fewer would not be worth measuring."""


@dataclass(frozen=True)
class Parts:
    """The parts of all that a run is given."""

    names: tuple[str, ...]
    """Class names by class id; those that only added pictures show stand at the end."""
    train: tuple[LabelledImage, ...]
    """Pictures to learn from, once each."""
    repeats: tuple[int, ...]
    """How often each of ``train`` is shown in an epoch."""
    val: tuple[LabelledImage, ...]
    """Pictures held out."""
    origin: str
    """Where the split comes from, in words."""
    added: Additions
    """What came from added sets."""

    def unproven(self, held_out: Counter[int]) -> tuple[str, ...]:
        """Return the classes of added pictures that are on no held-out picture, by how often each is held out."""
        shown = {box.class_id for image in self.added.train for box in image.boxes}
        return tuple(name for class_id, name in enumerate(self.names) if class_id in shown and not held_out[class_id])


def shows_objects(image: LabelledImage) -> bool:
    """Say whether a picture has an object that counts."""
    return any(not box.ignore for box in image.boxes)


def deal_parts(
    dataset: Dataset,
    additions: Sequence[Addition],
    folder: RunFolder,
    recipe: Recipe,
    *,
    teaches: Callable[[LabelledImage], bool] = shows_objects,
) -> Parts:
    """Return the parts of a run; what is added is learnt from, and never held out with the data set's own.

    ``teaches`` says of which pictures few are chosen, where these are to be learnt by heart.

    The parts are written to ``split.json``; where that file is there already (a resumed run), it decides. Where the
    recipe names that of an earlier run, what that held out stays held out.

    Raises:
        ConfigError: when a part has no pictures, or what is there does not fit what was written.
    """
    record = _read_record(folder.split) if folder.split.exists() else None
    earlier = _read_record(recipe.split) if recipe.split is not None and record is None else None
    how = "stratified by class" if len(dataset.names) > 1 else "at random"
    if record is not None or earlier is not None:
        dataset, origin = _as_written(dataset, record or earlier or {}, recipe.split or folder.split)
    elif recipe.fold:
        fold, folds = recipe.fold_numbers()
        dataset = hold_out_fold(dataset, fold=fold, folds=folds, seed=recipe.seed)
        origin = f"part {fold} of {folds} held out, {how}, seed {recipe.seed}"
    elif dataset.part("train").images and dataset.part("val").images:
        origin = "the data set's own"
    else:
        share = recipe.val_share
        dataset = split_dataset(dataset, fractions={"train": 1 - share, "val": share}, seed=recipe.seed)
        origin = f"{how}, {share:.0%} held out, seed {recipe.seed}"
    train, val = dataset.part("train").images, dataset.part("val").images
    if not train or not val:
        raise ConfigError(
            f"{recipe.data} has {len(train)} pictures to learn from and {len(val)} held out; both parts need at least "
            "one: add pictures, or change the share that is held out (--val-share)"
        )
    names, sets = renamed_into(dataset.names, additions)
    written = None if record is None else record.get("added")
    if record is not None and written is not None and tuple(record["names"]) != names:
        raise ConfigError(
            f"the pictures of {', '.join(str(path) for path in recipe.add)} have other classes than when the run in "
            f"{folder.root} began ({', '.join(record['names'])}); start a new run"
        )
    held_out_before = () if earlier is None else earlier.get("added", {}).get("val", ())
    added = join_additions(
        sets, val, written=written, held_out_before=held_out_before, share=recipe.val_share, seed=recipe.seed
    )
    if record is None:
        _write_record(folder.split, dataset, added, names, origin, recipe)
    train = (*train, *added.train)
    if recipe.overfit:
        return few_parts(names, tuple(filter(teaches, train)), recipe, count=recipe.overfit)
    most = recipe.oversample_most if recipe.balance == "oversample" else 1
    present = [{box.class_id for box in image.boxes} for image in train]
    return Parts(names, train, repeats_for_rare_classes(present, most=most), val, origin, added)


def few_parts(names: tuple[str, ...], train: tuple[LabelledImage, ...], recipe: Recipe, *, count: int) -> Parts:
    """Return so many pictures, of all classes as evenly as possible, both to learn from and held out.

    Raises:
        ConfigError: when there is none.
    """
    if not train:
        raise ConfigError(
            f"{recipe.data} has no picture to learn by heart, since nothing is marked on those to learn from; see "
            f"streamvision data inspect {recipe.data}"
        )
    few = tuple(choose_pictures(Dataset(names, train), count, seed=recipe.seed))
    times = math.ceil(OVERFIT_STEPS * recipe.batch / len(few))
    return Parts(names, few, (times,) * len(few), few, "none", Additions())


def repeats_for_rare_classes(present: Sequence[Collection[Hashable]], *, most: int) -> tuple[int, ...]:
    """Return how often to show each picture, by the classes on it: the repeat factors of LVIS (Gupta et al. 2019).

    A picture's factor is the largest of its classes', sqrt(t / share of pictures with the class), where t is the
    share of the commonest class; at least 1, at most ``most``.
    """
    counts = Counter(class_id for ids in present for class_id in ids)
    commonest = max(counts.values(), default=1)
    factor = {class_id: math.sqrt(commonest / count) for class_id, count in counts.items()}
    return tuple(min(most, round(max((factor[class_id] for class_id in ids), default=1.0))) for ids in present)


def parts_as_written(dataset: Dataset, record: Path) -> Dataset:
    """Return the data set of a run with the parts that the run has written down.

    Raises:
        ConfigError: when the record cannot be read, or is of other pictures.
    """
    return _as_written(dataset, _read_record(record), record)[0]


def _as_written(dataset: Dataset, record: dict[str, Any], path: Path) -> tuple[Dataset, str]:
    """Return the data set with the parts of a record, and where these come from, what has come since among it."""
    split_of = {name: split for split in SPLITS for name in record.get(split, ())}
    images = tuple(replace(image, split=split_of.get(str(image.path))) for image in dataset.images)
    origin = str(record["origin"])
    since = sum(image.split is None for image in images)
    if since == len(images):
        raise ConfigError(
            f"none of the pictures that were read is in the split of the earlier run ({path}); begin in the folder "
            "where that run did, or give other --data"
        )
    if since:
        origin += f" ({counted(since, 'pictures')} that came since are left out; give them with --add)"
    return Dataset(dataset.names, images, dataset.problems), origin


def _write_record(
    path: Path, dataset: Dataset, added: Additions, names: Sequence[str], origin: str, recipe: Recipe
) -> None:
    parts: dict[str, Any] = {split: [str(image.path) for image in dataset.part(split).images] for split in SPLITS}
    if recipe.add:
        own = {"train": added.train, "val": added.val}
        parts["added"] = {part: [str(image.path) for image in images] for part, images in own.items()}
        parts["names"] = list(names)
    write_whole(path, json.dumps({"origin": origin, "seed": recipe.seed, **parts}, indent=1))


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = read_json(path, limit=MAX_RECORD_BYTES)
    except UnreadableError as error:
        raise ConfigError(f"{path} {error}; give the split.json of a run, or start a new run") from error
    if not _is_record(record):
        raise ConfigError(f"{path} is not the split.json of a run; give one, or start a new run")
    return dict(record)


def _is_record(record: object) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("origin"), str):
        return False
    added = record.get("added", {})
    lists = [record.get(split, []) for split in SPLITS]
    if not isinstance(added, dict) or ("added" in record and "names" not in record):
        return False
    lists += [added.get("train", []), added.get("val", []), record.get("names", [])]
    return all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in lists)
