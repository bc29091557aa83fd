"""Pictures and labels laid out in the run folder as ultralytics reads them, as links."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.core.masks import BoxMask, decode_rle, outlines
from streamvision.datasets.class_labels import has_palette, read_class_map
from streamvision.datasets.dataset import LabelledBox, LabelledImage, LabelledShape, MappedPicture, NamedPicture
from streamvision.datasets.yolo_txt import keypoints_line, label_line
from streamvision.evaluation.coco_shapes import Likeness, oriented_box
from streamvision.training.data import TrainingData

LabelLine = Callable[[LabelledBox, LabelledImage], str]
OUTLINE_TOLERANCE_PX = 0.5
"""By how much the outline of a mask of pixels is simplified."""
_CORNERS = 4


def write_yolo_layout(data: TrainingData[LabelledImage], root: Path, *, by: Likeness = "box") -> Path:
    """Lay pictures out as ultralytics reads them, as links, and return the ``data.yaml``.

    A picture that is shown several times an epoch is listed as often. Objects marked as crowds or difficult teach
    nothing and are left out.

    Args:
        data: what is learnt from and held out.
        root: folder to write.
        by: what the labels say of an object: its box, outline (``mask``), keypoints or oriented box.
    """
    document: dict[str, object] = {"path": str(root), "names": dict(enumerate(data.names))}
    line: LabelLine = {"box": label_line, "mask": outline_line, "oriented": corners_line}.get(by, label_line)
    if (layout := data.keypoints) is not None:
        line = partial(keypoints_line, values=layout.values, count=len(layout.names))
        document["kpt_shape"] = [len(layout.names), layout.values]
        document["kpt_names"] = {class_id: list(layout.names) for class_id in range(len(data.names))}
        if layout.mirrored is not None:
            document["flip_idx"] = list(layout.mirrored)
    for part, images, repeats in (("train", data.train, data.repeats), ("val", data.val, (1,) * len(data.val))):
        for kind in ("images", "labels"):
            (root / kind / part).mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        for number, (image, times) in enumerate(zip(images, repeats, strict=True)):
            # Two folders may hold pictures of one name.
            link = _link(image.path, root / "images" / part / f"{number:06}_{image.path.name}")
            labels = "".join(line(box, image) for box in image.boxes if not box.ignore)
            (root / "labels" / part / f"{link.stem}.txt").write_text(labels, encoding="utf-8")
            lines += [str(link)] * times
        write_whole(root / f"{part}.txt", "\n".join(lines) + "\n")
        document[part] = f"{part}.txt"
    path = root / "data.yaml"
    write_whole(path, yaml.safe_dump(document, sort_keys=False))
    return path


def write_map_layout(data: TrainingData[MappedPicture], root: Path) -> Path:
    """Lay pictures and their maps out as ultralytics reads them and return the ``data.yaml``.

    A picture that is shown several times an epoch is listed as often. Maps are links, or where they have a palette,
    whose colours ultralytics would look at, files of their levels.
    """
    document: dict[str, object] = {"path": str(root), "names": dict(enumerate(data.names)), "masks_dir": "masks"}
    for part, images, repeats in (("train", data.train, data.repeats), ("val", data.val, (1,) * len(data.val))):
        for kind in ("images", "masks"):
            (root / kind / part).mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        for number, (image, times) in enumerate(zip(images, repeats, strict=True)):
            link = _link(image.path, root / "images" / part / f"{number:06}_{image.path.name}")
            levels = root / "masks" / part / f"{link.stem}.png"
            if has_palette(image.map_path):
                cv2.imwrite(str(levels), read_class_map(image.map_path))
            else:
                _link(image.map_path, levels)
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


def outline_line(box: LabelledBox, image: LabelledImage) -> str:
    """Return an object as a line with one polygon; parts of an object are joined by a bridge without width."""
    parts = _outlines(box.shape or LabelledShape(), image)
    if not parts:
        return ""
    start = parts[0][:1]
    ring = np.concatenate([parts[0], *(np.concatenate([start, part, part[:1], start]) for part in parts[1:])])
    return _line(box.class_id, _shares(ring, image))


def corners_line(box: LabelledBox, image: LabelledImage) -> str:
    """Return an object as a line with the four corners of its oriented box."""
    parts = _outlines(box.shape or LabelledShape(), image)
    if not parts:
        return ""
    corners = parts[0]
    if len(parts) > 1 or len(corners) != _CORNERS:
        x, y, width, height, radians = oriented_box([part.reshape(-1).tolist() for part in parts])
        corners = cv2.boxPoints(((x, y), (width, height), float(np.degrees(radians))))
    return _line(box.class_id, _shares(corners, image))


def _outlines(shape: LabelledShape, image: LabelledImage) -> list[NDArray[np.float64]]:
    """Return the outlines of an object, each (N, 2) in pixels; those of run lengths are traced.

    Raises:
        ConfigError: when its run lengths are not those of the picture.
    """
    if shape.polygons_px or shape.rle_counts is None:
        return [np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in shape.polygons_px]
    try:
        bits = decode_rle(shape.rle_counts, width_px=image.width_px, height_px=image.height_px)
    except ValueError as error:
        raise ConfigError(
            f"{image.path} is marked by run lengths, but {error}; mark it anew, or leave it out"
        ) from error
    rings = outlines(BoxMask(0, 0, np.ascontiguousarray(bits)), tolerance_px=OUTLINE_TOLERANCE_PX)
    return [np.asarray(ring, np.float64).reshape(-1, 2) + 0.5 for ring in rings if len(ring) >= 2 * 3]


def _shares(points: NDArray[np.floating], image: LabelledImage) -> NDArray[np.float64]:
    """Return points in shares of the picture, those beyond its edges on them."""
    return np.clip(points / (image.width_px, image.height_px), 0, 1)


def _line(class_id: int, points: NDArray[np.float64]) -> str:
    return f"{class_id} {' '.join(f'{value:.8g}' for value in points.reshape(-1))}\n"


def _link(picture: Path, link: Path) -> Path:
    link.unlink(missing_ok=True)
    link.symlink_to(picture.resolve())
    return link
