"""Which class of a model is which class of a data set: they are matched by name, not by number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import class_index
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset

_PLACEHOLDER = re.compile(r"(class)?[ _-]?(\d+)", re.IGNORECASE)
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class ClassMatch:
    """The model's classes in terms of the data set's."""

    names: tuple[str, ...]
    """The data set's class names, or the model's where the data set has none."""
    data_id: np.ma.MaskedArray[tuple[int, ...], np.dtype[np.int32]]
    """(model classes,) the data set's class id of each model class, masked where the data set does not have it."""
    measured: tuple[int, ...]
    """The data set's class ids that are measured."""
    notes: tuple[str, ...]
    """What was assumed or left out, one sentence each."""


def match_classes(dataset: Dataset, model_names: Sequence[str], *, only: Sequence[str] = ()) -> ClassMatch:
    """Match the classes of a model to those of a data set of marked objects; see :func:`match_names`."""
    return match_names(dataset.names, {box.class_id for _, box in dataset.boxes()}, model_names, only=only)


def match_names(
    names: tuple[str, ...],
    used: set[int],
    model_names: Sequence[str],
    *,
    only: Sequence[str] = (),
    called: str = "model",
) -> ClassMatch:
    """Match the classes of a model to those of a data set.

    Names are compared without regard to case, blanks, hyphens and underscores. A data set whose names are mere
    numbers (YOLO text files without data.yaml) takes the model's names in the same order.

    Args:
        names: the data set's class names.
        used: which of them occur in it.
        model_names: the model's class names, by class id.
        only: names of the classes to measure; empty for all that the data set has.
        called: what sentences call the model.

    Raises:
        ConfigError: when a class to be measured is not one of the model's.
    """
    notes: list[str] = []
    if are_placeholders(names) and not set(names) <= set(model_names):
        if max(used, default=0) >= len(model_names):
            raise ConfigError(
                f"the data set has no class names and marks class {max(used)}, but the model has only "
                f"{len(model_names)} classes; add a data.yaml with the names, or give the model they belong to"
            )
        names = tuple(model_names)
        notes.append("The data set has no class names; its numbers were taken for the model's classes, in their order.")
    ids = {name_key(name): class_id for class_id, name in enumerate(names)}
    data_id = np.ma.MaskedArray(np.zeros(len(model_names), np.int32), mask=True)
    for model_id, name in enumerate(model_names):
        if (class_id := ids.get(name_key(name))) is not None:
            data_id[model_id] = class_id
            if names[class_id] != name:
                notes.append(f"The model's class {name!r} was taken for the data set's {names[class_id]!r}.")
    known = set(data_id.compressed().tolist())
    measured = _measured(names, used, only)
    if missing := [names[class_id] for class_id in measured if class_id in used and class_id not in known]:
        raise ConfigError(
            f"the data set's {_listed(missing)} {'is' if len(missing) == 1 else 'are'} not among the {called}'s "
            f"classes ({_listed(model_names)}); give a {called} that has them, or name the classes to measure "
            "with --class"
        )
    if strangers := [name for name, class_id in zip(model_names, data_id.tolist(), strict=True) if class_id is None]:
        notes.append(f"The data set does not mark {_listed(strangers)}: what the model finds of these is not counted.")
    if left_out := [name for class_id, name in enumerate(names) if class_id in used and class_id not in measured]:
        notes.append(f"Not measured: {_listed(left_out)}.")
    return ClassMatch(names, data_id, tuple(measured), tuple(notes))


def are_placeholders(names: Sequence[str]) -> bool:
    """Say whether class names are only their own numbers, as readers number classes that nobody has named."""
    matches = [_PLACEHOLDER.fullmatch(name) for name in names]
    return all(match and int(match[2]) == class_id for class_id, match in enumerate(matches))


def translate(class_id: NDArray[np.int32], match: ClassMatch) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Return (N,) whether each object of a model class is measured, and the data set's class ids of those that are."""
    measured = np.isin(match.data_id.filled(len(match.names)), match.measured)
    keep = measured[class_id]
    return keep, match.data_id.data[class_id[keep]]


def _measured(names: tuple[str, ...], used: set[int], only: Sequence[str]) -> list[int]:
    if not only:
        return list(range(len(names)))
    keys = tuple(name_key(name) for name in names)
    ids = {name: class_index(name_key(name), keys) for name in only}
    if unknown := [name for name, class_id in ids.items() if class_id is None]:
        raise ConfigError(f"--class {_listed(unknown)}: not a class of the data set, which has {_listed(names)}")
    if not used & (chosen := {class_id for class_id in ids.values() if class_id is not None}):
        raise ConfigError(
            f"no picture that is measured shows {_listed(only)}; name classes that are marked there, or measure "
            "another part (--split)"
        )
    return sorted(chosen)


def name_key(name: str) -> str:
    """Return what two names of one class have in common: letters and digits, in small letters."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
