"""Objects that are cut out, a folder for each class."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from streamvision.cli.data import data
from streamvision.core.errors import ConfigError
from streamvision.datasets.class_labels import read_class_folders
from streamvision.datasets.crops import write_crops
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage

RED, BLUE = (0, 0, 255), (255, 0, 0)


def drawn(folder: Path, split: str, name: str = "a.png") -> LabelledImage:
    """A grey picture with a red square of 40 px, a blue one of 20, one of 6, and a difficult one."""
    pixels = np.full((100, 200, 3), 128, np.uint8)
    pixels[20:60, 30:70] = RED
    pixels[30:50, 150:170] = BLUE
    path = folder / split / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)
    boxes = (
        LabelledBox(0, (30, 20, 70, 60)),
        LabelledBox(1, (150, 30, 170, 50)),
        LabelledBox(1, (0, 0, 6, 60)),
        LabelledBox(0, (100, 0, 140, 40), ignore=True),
    )
    return LabelledImage(path, 200, 100, boxes, split)  # type: ignore[arg-type]


def test_crops_hold_their_object_and_stay_in_their_part(tmp_path: Path) -> None:
    dataset = Dataset(("red", "../blue"), (drawn(tmp_path / "in", "train"), drawn(tmp_path / "in", "val")))
    written = write_crops(dataset, tmp_path / "out", margin=0.1)
    found = read_class_folders(tmp_path / "out")
    assert found.names == ("__blue", "red")
    assert sorted((found.names[one.class_id], one.split) for one in found.images) == [
        ("__blue", "train"),
        ("__blue", "val"),
        ("red", "train"),
        ("red", "val"),
    ]
    assert len(written.images) == 4
    crop = cv2.imread(str(tmp_path / "out" / "train" / "red" / "a-1.jpg"))
    assert crop is not None
    assert crop.shape == (48, 48, 3)  # a tenth of 40 px on each side
    assert np.abs(crop[24, 24].astype(int) - RED).max() < 10
    assert np.abs(crop[1, 1].astype(int) - 128).max() < 10


def test_a_class_called_like_a_part_keeps_its_pictures(tmp_path: Path) -> None:
    dataset = Dataset(("train", "train"), (drawn(tmp_path / "in", "train"),))
    write_crops(dataset, tmp_path / "out")
    assert read_class_folders(tmp_path / "out").names == ("train-0", "train-1")


def test_nothing_large_enough_is_refused(tmp_path: Path) -> None:
    dataset = Dataset(("red", "blue"), (drawn(tmp_path / "in", "val"),))
    with pytest.raises(ConfigError, match="an object of 90 px"):
        write_crops(dataset, tmp_path / "out", least_px=90)


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    image = drawn(folder, "images")
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text("0 0.25 0.4 0.2 0.4\n1 0.8 0.4 0.1 0.2\n", encoding="utf-8")
    (folder / "data.yaml").write_text("train: images\nnames: [red, blue]\n", encoding="utf-8")
    assert image.path.is_file()
    done = CliRunner().invoke(data, ["crops", str(folder), "--output", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["crops"] == {"red": 1, "blue": 1}


def test_every_class_has_a_folder_of_its_own_and_a_box_outside_is_told(tmp_path: Path) -> None:
    image = drawn(tmp_path / "in", "train")
    boxes = (*(LabelledBox(class_id, (30, 20, 70, 60)) for class_id in range(3)), LabelledBox(0, (230, 20, 260, 60)))
    written = write_crops(
        Dataset(("a_b", "a_b-2", "a/b"), (replace(image, width_px=300, boxes=boxes),)), tmp_path / "out", margin=0
    )
    assert len({one.path.parent for one in written.images}) == len(written.images) == 3
    assert [one.kind for one in written.problems] == ["box_outside"]
