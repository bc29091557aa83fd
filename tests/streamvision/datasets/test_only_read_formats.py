"""Formats of labelling tools that are read and not written: each is known by itself and gives the same data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import detect_format, read_dataset, write_dataset
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage
from support.label_formats import ONLY_READ
from support.labelled_pictures import NAMES, contents, make_dataset, save_picture


@pytest.mark.parametrize("format", ONLY_READ)
def test_known_by_itself_and_read_as_it_was(format: str, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", split=False, empty=format != "openimages")
    ONLY_READ[format](dataset, tmp_path / "set")
    assert detect_format(tmp_path / "set") == format
    again = read_dataset(tmp_path / "set")
    assert again.problems == ()
    names = tuple(name.replace(" ", "_") for name in NAMES) if format == "kitti" else NAMES
    assert again.names == names
    renamed = Dataset(names, dataset.images)
    assert contents(again) == contents(renamed)


@pytest.mark.parametrize("format", ONLY_READ)
def test_not_written(format: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is read and not written; write one of voc, coco"):
        write_dataset(make_dataset(tmp_path / "in", count=1), tmp_path / "out", format=format)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ONLY_READ)
def test_a_file_of_another_kind_given_as_this_format(format: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# notes")
    with pytest.raises(ConfigError, match=f"could be read from .*notes.md as {format}"):
        read_dataset(path, format=format)


@pytest.mark.parametrize("format", ONLY_READ)
def test_beside_another_format_it_is_not_guessed(format: str, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", split=False, count=2, empty=False)
    ONLY_READ[format](dataset, tmp_path / "set" / "one")
    write_dataset(dataset, tmp_path / "set" / "two", format="tfrecord")
    with pytest.raises(
        ConfigError, match=rf"looks like tfrecord \(two.*\) and {format} \(one.*\); say which with --fo"
    ):
        detect_format(tmp_path / "set")


def test_ignored_regions_go_along_as_crowds_of_every_class(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "in" / "a.png")
    region = (30.0, 0.0, 60.0, 40.0)
    dataset = Dataset(
        ("car", "bus"), (LabelledImage(path, 60, 40, (LabelledBox(0, (1, 2, 11, 12)),), None, (region,)),)
    )
    assert write_dataset(dataset, tmp_path / "coco", format="coco") == ()
    boxes = read_dataset(tmp_path / "coco").images[0].boxes
    assert {(box.class_id, box.box_xyxy_px, box.ignore) for box in boxes} == {
        (0, (1, 2, 11, 12), False),
        (0, region, True),
        (1, region, True),
    }
    (lost,) = write_dataset(dataset, tmp_path / "yolo", format="yolo")
    assert "1 ignored region, which YOLO cannot say" in lost.reason
    assert len(read_dataset(tmp_path / "yolo").images[0].boxes) == 1
