"""The drive as a data set: readable in the format asked for, with the truth's boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.masks import decode_rle
from streamvision.datasets import read_dataset
from streamvision.datasets.answer_table import read_answers
from streamvision.datasets.class_labels import read_class_folders, read_class_map, read_class_maps
from streamvision.datasets.dataset import LabelledImage
from streamvision.datasets.drive import DriveSampling, drive_moments, write_drive_dataset
from streamvision.datasets.drive_masks import shows_vehicle
from streamvision.inference.model_card import NumberCard
from streamvision.synthetic.drive.class_planes import PIXEL_CLASSES
from support.command_line import called


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


def test_the_command_draws_the_class_of_every_pixel(tmp_path: Path) -> None:
    arguments = (
        "--task",
        "semantic",
        "--images",
        "3",
        "--val-images",
        "2",
        "--size",
        "160x90",
        "--output",
        tmp_path / "a",
    )
    done = called("data", "synthetic", *arguments, "--json")
    assert done.code == 0, done.stderr
    assert done.report["pictures"] == 5
    pictures = read_class_maps(tmp_path / "a")
    assert not pictures.problems
    assert pictures.names is not None
    assert "road" in pictures.names
    assert [len(pictures.part(part).images) for part in ("train", "val")] == [3, 2]
    for image in pictures.images:
        classes = read_class_map(image.map_path)
        assert classes.shape == (90, 160) == cv2.imread(str(image.path)).shape[:2]
        road = (classes == pictures.names.index("road")).mean()
        assert 0.1 < road < 0.7
        assert set(np.unique(classes).tolist()) <= {*range(len(pictures.names)), 255}
    again = called("data", "synthetic", *arguments)
    assert again.code == 1
    assert "there already" in again.sentence()


def test_the_command_draws_moods_and_boxes(tmp_path: Path) -> None:
    for task in ("classify", "detect"):
        size = ("--images", "12", "--val-images", "6", "--size", "160x90")
        done = called("data", "synthetic", "--task", task, *size, "--output", tmp_path / task)
        assert done.code == 0, done.stderr
    moods = read_class_folders(tmp_path / "classify")
    assert set(moods.names) <= {"day", "dusk", "rain"}
    assert len(moods.names) >= 2
    assert len(moods.part("val").images) == 6
    boxes = read_dataset(tmp_path / "detect")
    assert [len(boxes.part(part).images) for part in ("train", "val")] == [12, 6]


def test_the_command_writes_the_weather_and_the_distance_ahead(tmp_path: Path) -> None:
    size = ("--images", "12", "--val-images", "6", "--size", "160x90", "--seed", "4")
    done = called("data", "synthetic", "--task", "answers", *size, "--output", tmp_path / "answers")
    assert done.code == 0, done.stderr
    found = read_answers(tmp_path / "answers" / "answers.csv")
    assert not found.problems
    assert (found.class_column, found.numbers) == ("weather", (NumberCard(name="distance", unit="m"),))
    assert set(found.names) <= {"day", "dusk", "rain"}
    assert [len(found.part(part).images) for part in ("train", "val")] == [12, 6]
    moments = drive_moments(DriveSampling(12, 4, 160, 90, val_images=6), np.random.default_rng(4))
    for image, moment in zip(found.images, moments, strict=True):
        mood, share = moment.scene.mood_at(moment.index)
        assert (image.class_id is None) == (share < 0.9)
        assert image.class_id is None or found.names[image.class_id] == mood
        ahead = moment.scene.vehicle_ahead_at(moment.index)
        assert ahead is not None
        assert not ahead.is_oncoming
        left, _, right, _ = ahead.box_xyxy_px
        assert 0.2 * 160 < (left + right) / 2 < 0.8 * 160  # straight ahead, give or take a bend
        (distance_m,) = image.numbers
        assert distance_m is None or distance_m == pytest.approx(ahead.distance_m, abs=0.01)


def test_the_command_writes_masks_of_vehicles(tmp_path: Path) -> None:
    size = ("--images", "2", "--val-images", "1", "--size", "160x90", "--seed", "4")
    done = called("data", "synthetic", "--task", "segment", *size, "--output", tmp_path / "vehicles")
    assert done.code == 0, done.stderr
    found = read_dataset(tmp_path / "vehicles", shapes=True)
    assert not found.problems
    assert found.names == ("car", "van", "truck")
    assert [len(found.part(part).images) for part in ("train", "val")] == [2, 1]
    sampling = DriveSampling(2, 4, 160, 90)
    moments = list(drive_moments(sampling, np.random.default_rng(4), accept=shows_vehicle))
    for image, moment in zip(found.part("train").images, moments, strict=True):
        levels = decode_class_map(image)
        assert levels.max() > 0  # each picture shows a vehicle
        # Nothing else than vehicles is in a mask, and all of them are in one.
        assert np.array_equal(levels > 0, moment.scene.class_map_at(moment.index) == PIXEL_CLASSES.index("vehicle"))


def decode_class_map(image: LabelledImage) -> NDArray[np.int64]:
    """Return (H, W) which object each pixel is of, counted from 1; no pixel is of two."""
    levels = np.zeros((image.height_px, image.width_px), np.int64)
    for number, box in enumerate(image.boxes, 1):
        assert box.shape is not None
        assert box.shape.rle_counts is not None
        mask = decode_rle(box.shape.rle_counts, width_px=image.width_px, height_px=image.height_px)
        rows, columns = np.nonzero(mask)
        edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert box.box_xyxy_px == edges
        assert not levels[mask].any()
        levels[mask] = number
    return levels


def test_a_size_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    done = called("data", "synthetic", "--task", "semantic", "--size", "big", "--output", tmp_path / "a")
    assert done.code == 1
    assert "640x360" in done.sentence()
