"""Labelled pictures and detections for tests of the evaluation, in a few words."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from streamvision.core.detections import Detections
from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.evaluation.predictions import Predictions

Box = tuple[float, float, float, float]
NAMES = ("car", "stop", "tree")
SIDE_PX = 1000


def truth(*objects: tuple[int, Box], ignored: Sequence[tuple[int, Box]] = (), name: str = "a") -> LabelledImage:
    """Return a picture with objects, each a class id and a box."""
    boxes = [LabelledBox(class_id, box) for class_id, box in objects]
    boxes += [LabelledBox(class_id, box, ignore=True) for class_id, box in ignored]
    return LabelledImage(Path(f"{name}.jpg"), SIDE_PX, SIDE_PX, tuple(boxes))


def found(*objects: tuple[int, float, Box]) -> Detections:
    """Return detections, each a class id, a score and a box."""
    return Detections(
        np.array([box for _, _, box in objects], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in objects], np.float32),
        np.array([class_id for class_id, _, _ in objects], np.int32),
    )


def predictions(*pairs: tuple[LabelledImage, Detections], names: tuple[str, ...] = NAMES) -> Predictions:
    """Return predictions of pictures."""
    return Predictions(names, tuple(image for image, _ in pairs), tuple(seen for _, seen in pairs))


def shifted(box: Box, share: float) -> Box:
    """Return a box moved to the right by a share of its width; the overlap is (1 - share) / (1 + share)."""
    left, top, right, bottom = box
    step = share * (right - left)
    return left + step, top, right + step, bottom


def random_predictions(seed: int, *, images: int = 12, ignored: bool = True) -> Predictions:
    """Return random pictures with objects that are found well, badly, twice, under other names or not at all."""
    random = np.random.default_rng(seed)
    pairs = []
    for index in range(images):
        corner = random.uniform(0, 700, (8, 2))
        size = np.exp(random.uniform(np.log(10), np.log(280), (8, 2)))
        boxes = np.concatenate([corner, corner + size], axis=1)
        class_id = random.integers(0, len(NAMES), 8)
        marked = [(int(c), tuple(b)) for c, b in zip(class_id, boxes.tolist(), strict=True)]
        seen = []
        for c, box in marked[1:] * 2 + marked[:3]:
            jitter = random.normal(0, random.choice([0.04, 0.3]), 4) * np.tile(np.subtract(box[2:], box[:2]), 2)
            left, top, right, bottom = np.add(box, jitter)
            said = c if random.random() < 0.7 else int(random.integers(0, len(NAMES)))
            if right > left and bottom > top and random.random() < 0.7:
                seen.append((said, float(random.choice([random.random(), 0.5])), (left, top, right, bottom)))
        seen += [(0, float(random.random()), (20.0 * n, 900.0, 20.0 * n + 15, 940.0)) for n in range(5)]
        crowd = [marked.pop()] if ignored and index % 3 == 0 else []
        pairs.append((truth(*marked, ignored=crowd, name=f"p{index}"), found(*seen)))
    return predictions(*pairs)


def coco_subset(data_dir: Path, folder: Path, *, count: int) -> Path:
    """Make a YOLO data set without names out of the first pictures of the COCO validation set."""
    for kind, ending in (("images", ".jpg"), ("labels", ".txt")):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for image in sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[:count]:
            source = data_dir / "coco_val" / kind / (image.stem + ending)
            if source.is_file():
                shutil.copyfile(source, folder / kind / source.name)
    return folder
