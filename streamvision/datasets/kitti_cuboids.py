"""KITTI's objects in space: the columns of its labels behind the box, and the cameras in ``calib/``.

Of ``calib/NAME.txt`` the line ``P2`` counts, the (3, 4) projection of the left colour camera, whose pictures KITTI
labels: its frame lies a few centimetres beside that of the labels, which is undone here. Its focal lengths must agree,
as those of rectified pictures do. A label's place is the middle of an object's lower face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamvision.core.cuboid import Cuboid, Pinhole
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.reading import UnreadableError, read_text
from streamvision.datasets.collector import Collector
from streamvision.datasets.dataset import CuboidPicture, LabelledCuboid, PictureSet
from streamvision.datasets.files import class_name, find_pictures, is_there, leads_out, read_class_list, root_of
from streamvision.datasets.kitti_txt import (
    DONT_CARE,
    LABEL_FOLDERS,
    find_kitti,
    numbers_of,
    picture_of,
    read_splits,
    split_of,
)

NOT_IN_SPACE = -1000.0
"""KITTI's place of regions that are not objects."""
_CAMERA = "P2"
_HIDDEN_SHARES = (0.0, 0.1, 0.5)
"""From which share hidden on KITTI's steps 0 (fully visible), 1 (partly) and 2 (largely hidden) hold."""


@dataclass(frozen=True)
class _Label:
    name: str
    object: LabelledCuboid


def read_cuboids(path: Path) -> PictureSet[CuboidPicture]:
    """Read pictures with objects in space from a folder with labels, pictures and ``calib/``.

    Objects that have no place in space (KITTI's DontCare) are left out.

    Raises:
        ConfigError: when there is no such data.
        SourceError: when a picture has no camera, or that cannot be read.
    """
    files = find_kitti(path)
    if not files:
        raise ConfigError(
            f"{path} has no labels in KITTI's form; give a folder with image_2/, label_2/ and calib/, as streamvision "
            "data synthetic --task cuboid writes it"
        )
    collector = Collector()
    folder = root_of(path, labels_in=tuple(LABEL_FOLDERS))
    pictures = {picture.with_suffix(""): picture for picture in find_pictures(folder)}
    splits = dict(read_splits(folder, collector))
    found = []
    for file in files:
        split = splits.get(file.stem) if splits else split_of(file, folder)
        place = picture_of(file, pictures)
        if collector.taken_before(place, split) or (picture := collector.open(place, labels=file)) is None:
            continue
        camera, shift_m = _read_camera(file, folder)
        if (labels := _read_labels(file, shift_m, collector)) is None:
            continue
        found.append((picture, camera, labels, split))
    listed = read_class_list(folder)
    names = tuple(listed or sorted({label.name for _, _, labels, _ in found for label in labels}))
    images = tuple(
        CuboidPicture(
            picture.path,
            picture.width_px,
            picture.height_px,
            camera,
            tuple(label.object.of_class(names.index(label.name)) for label in labels if label.name in names),
            split,
        )
        for picture, camera, labels, split in found
    )
    return PictureSet(names, tuple(sorted(images, key=lambda image: image.path)), collector.problems)


def label_line(name: str, one: LabelledCuboid) -> str:
    """Return the line of a label file for an object, whose camera's frame is that of the labels."""
    x_m, y_m, z_m = one.cuboid.center_m
    length, width, height = one.cuboid.size_lwh_m
    alpha_rad = math.remainder(one.cuboid.yaw_rad - one.cuboid.ray_rad - math.pi / 2, 2 * math.pi)
    rotation_rad = math.remainder(one.cuboid.yaw_rad - math.pi / 2, 2 * math.pi)
    numbers = (*one.box_xyxy_px, height, width, length, x_m, y_m + height / 2, z_m, rotation_rad)
    values = " ".join(f"{value:.4f}" for value in numbers)
    return f"{name} {one.truncated:.2f} {one.occluded} {alpha_rad:.4f} {values}\n"


def calibration(camera: Pinhole) -> str:
    """Return the file of a camera."""
    f = camera.focal_px
    rows = (f, 0, camera.center_x_px, 0, 0, f, camera.center_y_px, 0, 0, 0, 1, 0)
    return f"{_CAMERA}: {' '.join(f'{value:.6f}' for value in rows)}\n"


def occlusion_step(hidden_share: float) -> int:
    """Return KITTI's step for the share of an object that is hidden: 0, 1 or 2."""
    return sum(hidden_share > share for share in _HIDDEN_SHARES[1:])


def _read_camera(labels: Path, folder: Path) -> tuple[Pinhole, tuple[float, float, float]]:
    """Return the camera of a picture, and how far its frame lies from that of the labels."""
    places = [parent / "calib" / f"{labels.stem}.txt" for parent in labels.parents if parent.is_relative_to(folder)]
    path = next((place for place in places if is_there(place) and not leads_out(place, folder)), None)
    if path is None:
        raise SourceError(
            f"{labels} has no camera: {places[0]} is missing or leads elsewhere; each picture needs a file with "
            f"a line {_CAMERA}: and the 12 numbers of its projection, as KITTI's calib/ has"
        )
    try:
        lines = read_text(path).split("\n")
    except UnreadableError as error:
        raise SourceError(f"{path} cannot be read: {error}; take its picture out") from error
    fields = next((line.split()[1:] for line in lines if line.startswith(f"{_CAMERA}:")), [])
    values = numbers_of(fields)
    if len(values) != 12:
        raise SourceError(f"{path} has no line {_CAMERA}: with 12 numbers; give the projection of the picture's camera")
    projection = np.array(values).reshape(3, 4)
    focal_x, focal_y = projection[0, 0], projection[1, 1]
    if not (focal_x > 1 and abs(focal_x - focal_y) <= 0.01 * focal_x and projection[2, 2] == 1):
        raise SourceError(
            f"{path}: the focal lengths of {_CAMERA} are {focal_x:g} and {focal_y:g} px; give those of rectified "
            "pictures, which are equal"
        )
    camera = Pinhole(float(focal_x), float(projection[0, 2]), float(projection[1, 2]))
    z_m = float(projection[2, 3])
    shift_m = (
        float(projection[0, 3] - camera.center_x_px * z_m) / camera.focal_px,
        float(projection[1, 3] - camera.center_y_px * z_m) / camera.focal_px,
        z_m,
    )
    return camera, shift_m


def _read_labels(path: Path, shift_m: tuple[float, float, float], collector: Collector) -> list[_Label] | None:
    labels = []
    try:
        lines = read_text(path).split("\n")
    except UnreadableError as error:
        collector.note(path, "broken_labels", f"{error}; left out")
        return None
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0] == DONT_CARE:
            continue
        values = numbers_of(fields[1:])
        if len(values) not in (14, 15):
            reason = f"line {number} is not a class and 14 numbers ({line!r:.80}); left out"
            collector.note(path, "bad_box", reason)
            continue
        truncated, occluded, _, left, top, right, bottom, height, width, length, x_m, y_m, z_m, rotation_rad = values[
            :14
        ]
        if z_m <= NOT_IN_SPACE or x_m <= NOT_IN_SPACE:
            continue
        if min(height, width, length) <= 0 or right <= left or bottom <= top:
            collector.note(path, "bad_box", f"line {number} has a box or a size without extent; left out")
            continue
        center_m = (x_m + shift_m[0], y_m + shift_m[1] - height / 2, z_m + shift_m[2])
        yaw_rad = math.remainder(rotation_rad + math.pi / 2, 2 * math.pi)
        cuboid = Cuboid(center_m, (length, width, height), yaw_rad)
        box = (left, top, right, bottom)
        step = min(max(int(occluded), 0), 3)
        labels.append(
            _Label(class_name(fields[0]), LabelledCuboid(0, box, cuboid, min(max(truncated, 0.0), 1.0), step))
        )
    return labels
