"""The drive as a data set: readable in the format asked for, with the truth's boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from streamvision.errors import ConfigError, OutputError
from streamvision.training.datasets import read_dataset
from streamvision.training.synthetic import DriveSampling, write_drive_dataset


def test_pictures_and_boxes_come_back(tmp_path: Path) -> None:
    sampling = DriveSampling(6, seed=1, width_px=320, height_px=180)
    assert write_drive_dataset(tmp_path / "voc", sampling, format="voc", split="test") == ()
    dataset = read_dataset(tmp_path / "voc")
    assert set(dataset.names) <= {"speedlimit", "crosswalk", "trafficlight", "stop"}
    assert len(dataset.images) == 6
    assert all(cv2.imread(str(image.path)).shape == (180, 320, 3) for image in dataset.images)
    assert sum(1 for _ in dataset.boxes()) > 0
    with pytest.raises(OutputError, match="there already"):
        write_drive_dataset(tmp_path / "voc", sampling, format="voc")


def test_windows_keep_their_boxes_inside_and_mark_small_ones(tmp_path: Path) -> None:
    sampling = DriveSampling(8, seed=2, width_px=640, height_px=360, cropped=True, ignore_below_px=16)
    write_drive_dataset(tmp_path / "coco", sampling, format="coco")
    dataset = read_dataset(tmp_path / "coco")
    assert len({image.width_px for image in dataset.images}) > 3
    for image, box in dataset.boxes():
        left, top, right, bottom = box.box_xyxy_px
        assert 0 <= left < right <= image.width_px + 0.01
        assert 0 <= top < bottom <= image.height_px + 0.01
        assert box.ignore == (bottom - top < 16)


def test_a_sampling_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 picture"):
        DriveSampling(0)
