"""KITTI in space: the drawn drive is read as it was painted, other cameras are undone, faults are said."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.errors import ConfigError, SourceError, StreamVisionError
from streamvision.core.reading import MAX_TEXT_BYTES
from streamvision.datasets.drive import DriveSampling
from streamvision.datasets.drive_cuboids import write_drive_cuboids
from streamvision.datasets.kitti_cuboids import occlusion_step, read_cuboids
from streamvision.datasets.kitti_txt import read_kitti

CAR = "Car 0.00 1 1.55 614.24 181.78 727.31 284.77 1.57 1.73 4.15 1.00 1.75 13.22 1.62\n"
"""A line as KITTI's devkit describes it: a car that comes towards the camera."""
P2 = "P2: 721.5377 0 609.5593 44.85728 0 721.5377 172.854 0.2163791 0 0 1 0.002745884\n"


def folder(path: Path, *, labels: str = CAR, calib: str = P2) -> Path:
    for name in ("image_2", "label_2", "calib"):
        (path / name).mkdir(parents=True)
    cv2.imwrite(str(path / "image_2" / "000001.png"), np.zeros((375, 1242, 3), np.uint8))
    (path / "label_2" / "000001.txt").write_text(labels, encoding="utf-8")
    (path / "calib" / "000001.txt").write_text(f"P0: 1 2 3\n{calib}", encoding="utf-8")
    return path


def test_a_label_of_kitti_stands_where_the_devkit_says(tmp_path: Path) -> None:
    data = read_cuboids(folder(tmp_path, labels=f"{CAR}DontCare -1 -1 -10 5 5 9 9 -1 -1 -1 -1000 -1000 -1000 -10\n"))
    (image,) = data.images
    (one,) = image.objects
    assert data.names == ("Car",)
    assert one.cuboid.size_lwh_m == (4.15, 1.73, 1.57)
    assert one.occluded == 1
    # The devkit's projection of the middle, by the whole matrix, is that of our camera in its own frame.
    projection = np.array(P2.split()[1:], float).reshape(3, 4)
    u, v, w = projection @ [1.0, 1.75 - 1.57 / 2, 13.22, 1.0]
    assert image.camera.project(np.array([one.cuboid.center_m]))[0] == pytest.approx([u / w, v / w])
    # rotation_y 1.62 is a front that points towards the camera and a little to the left.
    assert one.cuboid.yaw_rad == pytest.approx(math.remainder(1.62 + math.pi / 2, 2 * math.pi))
    assert one.cuboid.corners_m[:2, 2].mean() < one.cuboid.center_m[2]
    alpha = math.remainder(one.cuboid.yaw_rad - one.cuboid.ray_rad - math.pi / 2, 2 * math.pi)
    assert alpha == pytest.approx(1.55, abs=0.01)


def test_the_drive_is_read_as_it_was_painted(tmp_path: Path) -> None:
    write_drive_cuboids(tmp_path / "drive", DriveSampling(6, seed=3, width_px=640, height_px=360, val_images=2))
    data = read_cuboids(tmp_path / "drive")
    assert data.names == ("car", "van", "truck")
    assert [image.split for image in data.images] == ["train"] * 6 + ["val"] * 2
    assert not data.problems
    objects = [(image, one) for image in data.images for one in image.objects]
    assert len(objects) >= 8
    for image, one in objects:
        assert image.camera.focal_px == pytest.approx(0.9 * 640)
        _, y_m, z_m = one.cuboid.center_m
        # All stand on the road, against which the car pitches by up to 0.1 degrees.
        assert y_m + one.cuboid.size_lwh_m[2] / 2 == pytest.approx(1.4, abs=0.0022 * z_m + 1e-3)
        assert image.camera.center_y_px == pytest.approx(0.46 * 360)
        if one.truncated == 0 and z_m > 8:  # the box lies within the cuboid's, and is not much smaller
            corners = image.camera.project(one.cuboid.corners_m)
            outer = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
            inner = np.array(one.box_xyxy_px)
            assert ((inner - outer) * [1, 1, -1, -1] > -1.0).all()
            assert (inner[2:] - inner[:2] > 0.75 * (outer[2:] - outer[:2])).all()
    boxes = read_kitti(tmp_path / "drive")  # the same folder is a data set of boxes
    assert sum(len(image.boxes) for image in boxes.images) == len(objects)


def test_hidden_shares_are_kitti_s_steps() -> None:
    assert [occlusion_step(share) for share in (0.0, 0.1, 0.3, 0.5, 0.6)] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("calib", "fault"),
    [
        ("", "no line P2"),
        ("P2: 1 2 3\n", "12 numbers"),
        ("P2: 700 0 600 0 0 900 170 0 0 0 1 0\n", "focal lengths"),
        ("P2: nan 0 600 0 0 900 170 0 0 0 1 0\n", "no line P2"),
    ],
)
def test_a_camera_that_is_none_is_said(tmp_path: Path, calib: str, fault: str) -> None:
    with pytest.raises(SourceError, match=fault):
        read_cuboids(folder(tmp_path, calib=calib))


def test_a_missing_camera_and_a_folder_of_something_else_are_said(tmp_path: Path) -> None:
    data = folder(tmp_path / "data")
    (data / "calib" / "000001.txt").unlink()
    with pytest.raises(SourceError, match="000001\\.txt is missing"):
        read_cuboids(data)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no labels in KITTI's form"):
        read_cuboids(tmp_path / "empty")


@pytest.mark.parametrize(
    ("labels", "problems"),
    [(f"{CAR}Car 1 2 3\n", 1), (CAR.replace("1.57 1.73 4.15", "0 1.73 4.15") + CAR, 1), (f"{CAR}Car x{CAR[3:]}", 1)],
)
def test_lines_that_make_no_sense_are_noted_and_left_out(tmp_path: Path, labels: str, problems: int) -> None:
    data = read_cuboids(folder(tmp_path, labels=labels))
    assert len(data.images[0].objects) == 1
    assert len(data.problems) == problems


def test_random_bytes_are_a_sentence_or_a_problem(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(20):
        place = tmp_path / str(number)
        data = folder(place)
        (data / "label_2" / "000001.txt").write_bytes(CAR.encode() + random.bytes(60))
        (data / "calib" / "000001.txt").write_bytes(P2.encode()[: int(random.integers(0, 90))] + random.bytes(8))
        try:
            read_cuboids(data)
        except StreamVisionError as error:
            assert str(error)


def test_labels_that_cannot_be_read_and_cameras_elsewhere_are_not_used(tmp_path: Path) -> None:
    (folder(tmp_path / "a") / "label_2" / "000001.txt").write_bytes(CAR.encode() + b" " * MAX_TEXT_BYTES)
    data = read_cuboids(tmp_path / "a")
    assert not data.images and "left out" in data.problems[0].reason
    camera = folder(tmp_path / "b") / "calib" / "000001.txt"
    camera.rename(tmp_path / "camera.txt")
    camera.symlink_to(tmp_path / "camera.txt")
    with pytest.raises(SourceError, match="is missing or leads elsewhere"):
        read_cuboids(tmp_path / "b")
