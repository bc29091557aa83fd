"""Labelled pictures of any format, laid out in the run folder as the trainers read them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset, LabelledImage, Problem
from streamvision.training.run_folder import RunFolder, write_atomically


@dataclass(frozen=True)
class TrainingData:
    """What a trainer sees."""

    names: tuple[str, ...]
    """Class names by class id."""
    train: tuple[LabelledImage, ...]
    """Pictures to learn from, once each."""
    repeats: tuple[int, ...]
    """How often each of ``train`` is shown in an epoch."""
    val: tuple[LabelledImage, ...]
    """Pictures held out."""
    split_origin: str
    """Where the split comes from, in words."""
    problems: tuple[Problem, ...]
    """What was wrong with the files."""
    yaml: Path
    """The same as a YOLO ``data.yaml``; pictures are links."""

    counted = "objects"
    """What the two counters count."""

    @property
    def learnt(self) -> Counter[int]:
        """Objects to learn from, by class."""
        return _objects(self.train)

    @property
    def held_out(self) -> Counter[int]:
        """Objects on pictures held out, by class."""
        return _objects(self.val)


def prepare(
    folder: RunFolder, *, data: Path, val_share: float, seed: int, oversample_most: int, generated: int = 0
) -> TrainingData:
    """Read a data set, split it if it is not split, and lay it out in the run folder.

    ``generated`` pictures of the synthetic drive are added to those to learn from.
    ``oversample_most`` above 1 repeats pictures of rare classes at most so many times. The split is written to
    ``split.json``; where that file is there already (a resumed run), it decides.

    Raises:
        ConfigError: when there is nothing to learn from.
    """
    from streamvision.datasets import read_dataset

    dataset = read_dataset(data)
    dataset, origin = with_split(dataset, folder.split, val_share=val_share, seed=seed)
    train, val = dataset.part("train").images, dataset.part("val").images
    if not train or not val:
        raise ConfigError(
            f"{data} has {len(train)} pictures to learn from and {len(val)} held out; both parts need at least one"
        )
    if not any(image.boxes for image in train):
        raise ConfigError(f"{data}: no picture to learn from has an object marked on it")
    repeats = repeats_for_rare_classes(train, classes=len(dataset.names), most=oversample_most)
    if generated:
        drawn = _draw(folder.root / "generated", dataset.names, images=generated, seed=seed)
        train, repeats = (*train, *drawn), (*repeats, *(1,) * len(drawn))
    path = _write_yolo(folder.data, dataset.names, {"train": (train, repeats), "val": (val, (1,) * len(val))})
    return TrainingData(dataset.names, train, repeats, val, origin, dataset.problems, path)


def _objects(images: tuple[LabelledImage, ...]) -> Counter[int]:
    return Counter(box.class_id for image in images for box in image.boxes if not box.ignore)


def repeats_for_rare_classes(images: Sequence[LabelledImage], *, classes: int, most: int) -> tuple[int, ...]:
    """Return how often to show each picture: the repeat factors of LVIS (Gupta et al. 2019), rounded.

    A picture's factor is the largest of its classes', sqrt(t / share of pictures with the class), where t is the
    share of the commonest class; at least 1, at most ``most``.
    """
    present = [{box.class_id for box in image.boxes} for image in images]
    counts = Counter(class_id for ids in present for class_id in ids)
    if not counts:
        return (1,) * len(images)
    commonest = max(counts.values())
    factor = {class_id: math.sqrt(commonest / counts[class_id]) for class_id in range(classes) if counts[class_id]}
    return tuple(min(most, round(max((factor[i] for i in ids), default=1.0))) for ids in present)


def with_split(dataset: Dataset, record: Path, *, val_share: float, seed: int) -> tuple[Dataset, str]:
    """Return the data set with every picture in a part, and where that is from, in words.

    The split is written to ``record``; where that file is there already (a resumed run), it decides.
    """
    from streamvision.datasets import split_dataset

    if record.exists():
        written = json.loads(record.read_text(encoding="utf-8"))
        part_of = {name: part for part in ("train", "val", "test") for name in written.get(part, ())}
        images = tuple(_moved(image, part_of.get(str(image.path))) for image in dataset.images)
        return Dataset(dataset.names, images, dataset.problems), written["origin"]
    if dataset.part("train").images and dataset.part("val").images:
        origin = "the data set's own"
    else:
        fractions = {"train": 1 - val_share, "val": val_share}
        dataset = split_dataset(dataset, fractions=fractions, seed=seed)
        origin = f"stratified by class, {val_share:.0%} held out, seed {seed}"
    parts = {
        part: [str(image.path) for image in dataset.images if image.split == part] for part in ("train", "val", "test")
    }
    write_atomically(record, json.dumps({"origin": origin, "seed": seed, **parts}, indent=1))
    return dataset, origin


def _draw(folder: Path, names: Sequence[str], *, images: int, seed: int) -> tuple[LabelledImage, ...]:
    """Render pictures of the synthetic drive; classes are matched by name.

    Equal seeds give equal pictures, so that a run that goes on sees the same as before.
    """
    from streamvision.datasets import read_dataset
    from streamvision.datasets.drive import DriveSampling, write_drive_dataset

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


def _moved(image: LabelledImage, part: str | None) -> LabelledImage:
    return replace(image, split=part)  # type: ignore[arg-type]  # the record holds no other words


def _write_yolo(
    root: Path, names: Sequence[str], parts: dict[str, tuple[Sequence[LabelledImage], Sequence[int]]]
) -> Path:
    document: dict[str, object] = {"path": str(root), "names": dict(enumerate(names))}
    for part, (images, repeats) in parts.items():
        for kind in ("images", "labels"):
            (root / kind / part).mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        for number, (image, times) in enumerate(zip(images, repeats, strict=True)):
            # Two folders may hold pictures of one name.
            link = root / "images" / part / f"{number:06}_{image.path.name}"
            link.unlink(missing_ok=True)
            link.symlink_to(image.path.resolve())
            (root / "labels" / part / f"{link.stem}.txt").write_text(yolo_lines(image), encoding="utf-8")
            lines += [str(link)] * times
        write_atomically(root / f"{part}.txt", "\n".join(lines) + "\n")
        document[part] = f"{part}.txt"
    path = root / "data.yaml"
    write_atomically(path, yaml.safe_dump(document, sort_keys=False))
    return path


def yolo_lines(image: LabelledImage) -> str:
    """Return the objects as YOLO text; objects marked as crowds or difficult teach nothing and are left out."""
    rows = []
    for box in image.boxes:
        if box.ignore:
            continue
        x1, y1, x2, y2 = box.box_xyxy_px
        x1, x2 = (min(max(x, 0.0), image.width_px) for x in (x1, x2))
        y1, y2 = (min(max(y, 0.0), image.height_px) for y in (y1, y2))
        w, h = image.width_px, image.height_px
        rows.append(
            f"{box.class_id} {(x1 + x2) / 2 / w:.7f} {(y1 + y2) / 2 / h:.7f} {(x2 - x1) / w:.7f} {(y2 - y1) / h:.7f}\n"
        )
    return "".join(rows)
