"""What the keypoints of a data set are: how many, what they are called, and which change places in a mirror.

YOLO says it in ``data.yaml`` (``kpt_shape``, ``flip_idx``, ``kpt_names``), COCO in the categories of its JSON file
(``keypoints``). Other formats say it by their labels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.reading import UnreadableError, read_json
from streamvision.datasets.coco_json import find_tables
from streamvision.datasets.dataset import Dataset
from streamvision.datasets.yolo_yaml import choose_yaml, read_data_yaml

MOST_KEYPOINTS = 1000
_SIDES = ("left", "right")


@dataclass(frozen=True)
class KeypointLayout:
    """The keypoints of every object of a data set."""

    names: tuple[str, ...]
    """What each is called."""
    mirrored: tuple[int, ...] | None
    """For each the one that it is in a mirror; ``None`` where nothing says so."""
    values: int = 3
    """Values of each in a YOLO label: 2 (x, y) or 3 (visibility too)."""


def read_keypoint_layout(path: Path, dataset: Dataset) -> KeypointLayout:
    """Return what the keypoints of a data set are, which was read from ``path`` with its shapes.

    Raises:
        ConfigError: when its objects have none, or not all as many.
    """
    count = _count(dataset)
    names: tuple[str, ...] | None = None
    mirrored, values = None, 3
    # A table of COCO may be huge, and is no YAML to look into.
    if path.suffix.lower() != ".json" and (described := choose_yaml(path)) is not None:
        said = read_data_yaml(described)
        if said.keypoints is not None and said.keypoints[0] == count:
            names, mirrored, values = said.keypoint_names, said.mirrored, said.keypoints[1]
    else:
        names = _coco_names(path, count)
    mirrored = mirrored or (mirrored_by_name(names) if names else None)
    return KeypointLayout(names or tuple(f"point {index}" for index in range(count)), mirrored, values)


def mirrored_by_name(names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return which keypoint each becomes in a mirror, by ``left`` and ``right``; ``None`` where no name has these."""
    place = {name: index for index, name in enumerate(names)}
    others = [_other_side(name) for name in names]
    if len(place) < len(names) or others == list(names) or any(other not in place for other in others):
        return None
    return tuple(place[other] for other in others)


def _other_side(name: str) -> str:
    for side, other in (_SIDES, _SIDES[::-1]):
        if side in name:
            return name.replace(side, other)
    return name


def _count(dataset: Dataset) -> int:
    counts = {len(box.shape.keypoints): image.path for image, box in dataset.boxes() if box.shape}
    counts.pop(0, None)
    if len(counts) > 1:
        (few, first), (more, second), *_ = sorted(counts.items())
        raise ConfigError(
            f"{first} marks {few} keypoints an object and {second} {more}; all must have as many, those that are not "
            "seen with visibility 0"
        )
    count = next(iter(counts), 0)
    if not 0 < count <= MOST_KEYPOINTS:
        raise ConfigError(f"the objects have {count} keypoints; 1 to {MOST_KEYPOINTS} can be learnt")
    return count


def _coco_names(path: Path, count: int) -> tuple[str, ...] | None:
    """Return the names that COCO's categories give the keypoints; ``None`` where the set is not COCO or gives none."""
    for table in find_tables(path):
        try:
            document = read_json(table)
        except (UnreadableError, OSError):
            continue
        categories = document.get("categories") if isinstance(document, dict) else None
        for category in categories if isinstance(categories, list) else ():
            names = category.get("keypoints") if isinstance(category, dict) else None
            if isinstance(names, list) and len(names) == count and all(isinstance(name, str) for name in names):
                return tuple(names)
    return None
