"""Data sets whose masks, keypoints or oriented boxes ultralytics reads itself, from a ``data.yaml`` of its own form."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.core.reading import UnreadableError, read_yaml
from streamvision.core.redaction import short
from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.datasets.picture_files import read_picture
from streamvision.datasets.yolo_yaml import DataYaml, entry_places, missing_reason, read_data_yaml
from streamvision.training.data import TrainingData
from streamvision.training.run_folder import RunFolder

ORIGIN = "the data set's own"
_SPLIT_NAMES = ("train", "val", "valid", "validation", "test", "minival")


def prepare_own_labels(data: Path, folder: RunFolder, *, task: str) -> Path:
    """Write the ``data.yaml`` that ultralytics will read into the run folder, and return it.

    Names and places are read as those of detection's data sets are. What a data set's file would have downloaded or
    executed (``download``) is left out.

    Raises:
        ConfigError: when the file is not such a one, or pictures or the keys that the task needs are missing.
    """
    if data.suffix not in {".yaml", ".yml"}:
        raise ConfigError(f"a model for {task!r} needs its own labels; give --data the data.yaml of a YOLO data set")
    description = read_data_yaml(data)
    known: dict[str, Any] = {"names": description.classes.lines, "kpt_shape": description.keypoints}
    known |= {str(split): entries for split, entries in description.entries.items()}
    needed = ["train", "val", "names", *(["kpt_shape"] if task == "pose" else [])]
    if missing := [key for key in needed if not known[key]]:
        raise ConfigError(f"{data} does not say {', '.join(missing)}, which a model for {task!r} needs; add it")
    try:
        document = read_yaml(data)  # its other keys have YAML's own types
    except UnreadableError as error:
        raise ConfigError(f"{data} {error}; give a data.yaml as ultralytics reads it") from error
    kept = {key: value for key, value in document.items() if key not in ("download", "path", *_SPLIT_NAMES)}
    kept["names"] = dict(enumerate(description.classes.names))
    parts = _places(description)
    path = folder.data / "data.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, yaml.safe_dump(kept | parts, sort_keys=False))
    return path


def as_training_data(
    names: Mapping[int, str], train: Sequence[dict[str, Any]], val: Sequence[dict[str, Any]], folder: RunFolder
) -> TrainingData[LabelledImage]:
    """Return what ultralytics has read, and write down which picture belongs to which part.

    Args:
        names: class names by class id.
        train: its labels of the pictures to learn from.
        val: its labels of those that are held out.
        folder: of the run.
    """
    parts = [tuple(map(_image, labels)) for labels in (train, val)]
    counts = [Counter(box.class_id for image in part for box in image.boxes) for part in parts]
    record = {
        "origin": ORIGIN,
        **{name: [str(i.path) for i in part] for name, part in zip(("train", "val"), parts, strict=True)},
    }
    write_whole(folder.split, json.dumps(record, indent=1))
    learnt, held_out = parts
    in_order = tuple(names[class_id] for class_id in sorted(names))
    return TrainingData(in_order, learnt, (1,) * len(learnt), held_out, ORIGIN, (), "objects", *counts)


def _places(description: DataYaml) -> dict[str, list[str]]:
    """Return the absolute paths of what is learnt from and held out."""
    places: dict[str, list[str]] = {"train": [], "val": []}
    for split, entry, place in entry_places(description):
        if place is None and split in places:
            reason = missing_reason(entry, description.path.parent)
            raise ConfigError(
                f"{description.path} says {split}: {short(entry)}, which {reason}; correct its path, train or val"
            )
        if place is not None and split in places:
            places[split].append(str(place.resolve()))
    return places


def _image(label: dict[str, Any]) -> LabelledImage:
    file = read_picture(Path(label["im_file"]))
    width, height = file.width_px, file.height_px
    centre, size = np.split(
        np.asarray(label["bboxes"], float).reshape(-1, 4) * [width, height, width, height], 2, axis=1
    )
    corners = np.concatenate([centre - size / 2, centre + size / 2], axis=1).tolist()
    classes = np.asarray(label["cls"]).reshape(-1).astype(int).tolist()
    boxes = tuple(LabelledBox(class_id, tuple(box)) for class_id, box in zip(classes, corners, strict=True))
    return LabelledImage(Path(label["im_file"]), width, height, boxes)
