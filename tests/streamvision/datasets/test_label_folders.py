"""Pictures with a class each and with maps of classes: told apart, inspected, split and written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamvision.core.errors import ConfigError
from streamvision.datasets import write_dataset
from streamvision.datasets.class_labels import read_class_folders, read_class_maps
from streamvision.datasets.label_folders import detect_labels, write_class_folders, write_class_maps
from streamvision.datasets.label_inspection import inspect_labels, labels_of_folders, labels_of_maps
from support.command_line import called
from support.labelled_pictures import make_dataset, save_picture


def save_map(path: Path, *levels: int, width: int = 60, height: int = 40) -> Path:
    """Write a map of stripes, one a level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stripes = np.repeat(np.array(levels, np.uint8), -(-width // len(levels)))[:width]
    Image.fromarray(np.tile(stripes, (height, 1))).save(path)
    return path


def mapped(folder: Path, name: str, *levels: int, seed: int) -> None:
    save_picture(folder / "images" / f"{name}.png", seed=seed)
    save_map(folder / "masks" / f"{name}.png", *levels)


def class_folders(folder: Path, count: int = 6) -> Path:
    for at, name in enumerate(("cat", "dog")):
        for number in range(count):
            save_picture(folder / name / f"{number}.png", seed=100 * at + number)
    return folder


def test_told_apart(tmp_path: Path) -> None:
    assert detect_labels(class_folders(tmp_path / "plain")) == "classes"
    for split in ("train", "val"):
        class_folders(tmp_path / "split" / split, count=1)
    (tmp_path / "split" / "README.md").write_text("moods")
    assert detect_labels(tmp_path / "split") == "classes"
    mapped(tmp_path / "regions", "a", 0, 1, seed=1)
    assert detect_labels(tmp_path / "regions") == "masks"
    write_dataset(make_dataset(tmp_path / "in", count=2), tmp_path / "boxes", format="voc")
    assert detect_labels(tmp_path / "boxes") == "voc"


def test_boxes_and_maps_in_one_folder_are_not_guessed(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", count=2, split=False), tmp_path / "set", format="voc")
    save_map(tmp_path / "set" / "SegmentationClass" / "shot 0.png", 0, 1)
    with pytest.raises(ConfigError, match=r"looks like voc .* and masks \(SegmentationClass.*say which with --format"):
        detect_labels(tmp_path / "set")


@pytest.mark.parametrize("kind", ["one class", "pictures", "unknown labels", "nothing"])
def test_what_may_be_something_else_is_not_taken_for_classes(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    if kind == "one class":
        save_picture(folder / "cat" / "a.png")
    if kind == "pictures":
        save_picture(folder / "images" / "a.png")
        save_picture(folder / "more" / "b.png")
    if kind == "unknown labels":
        (class_folders(folder) / "cat" / "0.xml").write_text("<page/>")
    with pytest.raises(ConfigError, match=r"is no known data set; accepted are voc .*, classes .*, masks"):
        detect_labels(folder)


def test_inspection_of_class_folders(tmp_path: Path) -> None:
    for split in ("train", "val"):
        class_folders(tmp_path / split, count=1 if split == "val" else 3)
    shutil.copyfile(tmp_path / "train" / "cat" / "2.png", tmp_path / "val" / "dog" / "copy.png")
    for path in tmp_path.glob("val/*/0.png"):
        save_picture(path, seed=500 + len(path.parent.name) + ord(path.parent.name[0]))
    (tmp_path / "train" / "dog" / "torn.jpg").write_text("hello")
    save_picture(tmp_path / "lonely.png", seed=77)
    pictures, labels = labels_of_folders(read_class_folders(tmp_path))
    found = inspect_labels(pictures, labels, by_pixel=False)
    assert [(one.name, one.pictures, one.splits, one.pixels) for one in found.classes] == [
        ("cat", 4, {"train": 3, "val": 1}, None),
        ("dog", 5, {"train": 3, "val": 2}, None),
    ]
    assert (found.pictures, found.splits, found.unknown_pixels) == (9, {"train": 6, "val": 3}, None)
    (leak,) = found.leaks
    assert [Path(path).name for path in leak.pictures] == ["2.png", "copy.png"]
    assert {problem.path.name: problem.kind for problem in found.problems} == {
        "torn.jpg": "broken_picture",
        "lonely.png": "unlabelled_picture",
        "copy.png": "contradiction",
    }
    assert "with other classes (cat and dog)" in found.problems[-1].reason


def test_inspection_of_maps(tmp_path: Path) -> None:
    mapped(tmp_path, "half", 0, 1, seed=1)
    mapped(tmp_path, "unknown", 0, 0, 1, 255, seed=2)
    mapped(tmp_path, "beyond", 0, 7, seed=3)
    save_picture(tmp_path / "images" / "small.png", seed=4)
    save_map(tmp_path / "masks" / "small.png", 0, width=30, height=20)
    save_picture(tmp_path / "images" / "colours.png", seed=5)
    save_picture(tmp_path / "masks" / "colours.png", seed=6)
    save_picture(tmp_path / "images" / "lonely.png", seed=8)
    (tmp_path / "classes.txt").write_text("road\nsky\n")
    pictures, labels = labels_of_maps(read_class_maps(tmp_path))
    found = inspect_labels(pictures, labels, by_pixel=True)
    shares = [(one.name, one.pictures, one.pixels) for one in found.classes]
    assert shares == [("road", 2, pytest.approx(4 / 7)), ("sky", 2, pytest.approx(3 / 7))]
    assert found.unknown_pixels == pytest.approx(1 / 8)
    assert {problem.path.name: problem.kind for problem in found.problems} == {
        "beyond.png": "bad_class",
        "small.png": "wrong_size",
        "colours.png": "broken_labels",
        "lonely.png": "unlabelled_picture",
    }


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    mapped(tmp_path, "a", 0, 2, seed=1)
    pictures, labels = labels_of_maps(read_class_maps(tmp_path))
    assert [one.name for one in inspect_labels(pictures, labels, by_pixel=True).classes] == ["0", "1", "2"]


def test_a_class_is_called_what_can_be_printed(tmp_path: Path) -> None:
    """A model's card takes nothing else, so that its classes would not be those of the data set."""
    for name in ("red\x1b[2J", "blue"):
        save_picture(tmp_path / name / "0.png")
    pictures = read_class_folders(tmp_path)
    assert pictures.names == ("blue", "red\\x1b[2J")
    assert {one.path.parent.name for one in pictures.images if one.class_id == 1} == {"red\x1b[2J"}


def test_class_folders_are_split_evenly_and_look_alikes_stay_together(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", count=10)
    for name in ("cat", "dog"):
        for twin in range(3):
            shutil.copyfile(folder / name / "0.png", folder / name / f"twin{twin}.png")
    done = called(
        *("data", "split", folder, "--fractions", "0.5,0.5", "--output", tmp_path / "out", "--link", "--json")
    )
    assert done.code == 0, done.stderr
    assert (done.report["format"], done.report["classes"], done.report["pictures"]) == ("classes", ["cat", "dog"], 26)
    again = read_class_folders(tmp_path / "out")
    counts = {(image.split, again.names[image.class_id]) for image in again.images}
    assert counts == {(split, name) for split in ("train", "val") for name in ("cat", "dog")}
    for name in ("cat", "dog"):
        of_class = [image for image in again.images if again.names[image.class_id] == name]
        assert abs(sum(image.split == "train" for image in of_class) - 6.5) <= 1
        assert len({image.split for image in of_class if image.path.name.startswith(("0", "twin"))}) == 1
    assert all(image.path.is_symlink() for image in again.images)
    report = called("data", "inspect", tmp_path / "out")
    assert report.code == 0, report.stderr
    assert "26 pictures, 2 classes" in report.stdout
    assert "leaks       none" in report.stdout


def test_maps_are_split_with_their_pictures(tmp_path: Path) -> None:
    for number in range(8):
        mapped(tmp_path / "set", f"day/{number}", 0, 1 + number % 2, seed=number)
        mapped(tmp_path / "set", f"night/{number}", 0, 1 + number % 2, seed=100 + number)
    (tmp_path / "set" / "classes.txt").write_text("road\nsky\ncar\n")
    done = called("data", "split", tmp_path / "set", "--fractions", "0.75,0.25", "--output", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert "16 pictures, 3 classes as maps of classes (train 12, val 4)" in done.stdout
    again = read_class_maps(tmp_path / "out")
    assert again.names == ("road", "sky", "car")
    assert again.problems == ()
    by_pixels = {
        image.path.read_bytes(): image.map_path.read_bytes() for image in read_class_maps(tmp_path / "set").images
    }
    assert {image.path.read_bytes(): image.map_path.read_bytes() for image in again.images} == by_pixels
    report = called("data", "inspect", tmp_path / "out", "--json")
    assert (report.report["format"], report.report["splits"]) == ("masks", {"train": 12, "val": 4})


def test_options_for_boxes_are_refused(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", count=1)
    done = called("data", "split", folder, "--to", "coco", "--output", tmp_path / "out")
    assert done.code == 1
    assert "--to coco is for boxes" in done.sentence()
    assert not (tmp_path / "out").exists()


def test_never_written_over_their_own_pictures(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", count=1)
    with pytest.raises(ConfigError, match="holds the pictures"):
        write_class_folders(read_class_folders(folder), folder, force=True)
    mapped(tmp_path / "maps", "a", 0, 1, seed=1)
    with pytest.raises(ConfigError, match="holds the pictures"):
        write_class_maps(read_class_maps(tmp_path / "maps"), tmp_path / "maps", force=True)


def test_the_contact_sheet_shows_classes_and_maps(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", count=2)
    mapped(tmp_path / "maps", "a", 0, 255, seed=1)
    for name, data in (("classes", folder), ("masks", tmp_path / "maps")):
        done = called("data", "inspect", data, "--sheet", tmp_path / f"{name}.png", "--json")
        assert done.code == 0, done.stderr
        assert done.report["sheet"] == str(tmp_path / f"{name}.png")
    with Image.open(tmp_path / "masks.png") as sheet, Image.open(tmp_path / "maps" / "images" / "a.png") as picture:
        pixels, original = (np.asarray(image.convert("RGB"), float) for image in (sheet, picture))
    rows, columns = np.nonzero(np.abs(pixels - (20, 23, 28)).sum(axis=2) > 3)
    bottom, left = rows.max(), columns.min()
    scale = 400 * 1.15 / 40
    at = [(bottom - 30 * scale, left + x * scale, 10, x) for x in (15, 45)]
    shown = [pixels[int(y), int(x)] for y, x, _, _ in at]
    own = [original[y, x] for _, _, y, x in at]
    assert np.abs(shown[0] - (own[0] * 105 + np.array([255, 153, 0]) * 150) / 255).max() < 25
    assert np.abs(shown[1] - own[1]).max() < 25
