from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageEnhance

from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage, Split
from streamvision.datasets.inspection import inspect_dataset
from support.labelled_pictures import save_picture

CAR = LabelledBox(0, (5, 5, 25, 25))


def labelled(path: Path, *boxes: LabelledBox, split: Split | None = None) -> LabelledImage:
    with Image.open(path) as image:
        return LabelledImage(path, *image.size, boxes, split)


def test_classes_and_sizes_are_counted(tmp_path: Path) -> None:
    first = labelled(save_picture(tmp_path / "a.png", 300, 200), CAR, LabelledBox(1, (0, 0, 50, 50), ignore=True))
    second = labelled(save_picture(tmp_path / "b.png", 300, 200, seed=1), LabelledBox(1, (0, 0, 200, 100)))
    third = labelled(save_picture(tmp_path / "c.png", 200, 300, seed=2))
    found = inspect_dataset(Dataset(("car", "bus", "tram"), (first, second, third)))
    car, bus, tram = found.classes
    assert (found.pictures, found.boxes, found.empty_pictures) == (3, 3, 1)
    assert (car.boxes, car.pictures, car.small, car.medium, car.large) == (1, 1, 1, 0, 0)
    assert (bus.boxes, bus.pictures, bus.small, bus.medium, bus.large, bus.ignored) == (2, 2, 0, 1, 1, 1)
    assert tram.boxes == 0
    assert found.picture_sizes == ((300, 200, 2), (200, 300, 1))
    assert found.side_percentiles_px["p50"] == 50
    assert (found.problems, found.alike, found.leaks) == ((), (), ())
    json.dumps(found.to_json())


def test_copies_across_splits_leak(tmp_path: Path) -> None:
    first = labelled(save_picture(tmp_path / "a.png", 200, 200), CAR, split="train")
    copy = labelled(Path(shutil.copy(first.path, tmp_path / "b.png")), CAR, split="val")
    with Image.open(first.path) as image:
        ImageEnhance.Brightness(image.resize((150, 150))).enhance(0.8).save(tmp_path / "c.jpg", quality=50)
    near = labelled(tmp_path / "c.jpg", CAR, split="test")
    other = labelled(save_picture(tmp_path / "d.png", 200, 200, seed=5), CAR, split="val")
    (group,) = inspect_dataset(Dataset(("car",), (first, copy, near, other))).leaks
    assert [Path(path).name for path in group.pictures] == ["a.png", "b.png", "c.jpg"]
    assert group.splits == ("train", "val", "test")
    assert not group.exact
    (twins,) = inspect_dataset(Dataset(("car",), (first, copy, other))).leaks
    assert twins.exact
    assert inspect_dataset(Dataset(("car",), (first, replace(copy, split="train"), other))).leaks == ()


def test_boxes_that_are_odd_are_named(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "a.png", 100, 100)
    shifted = LabelledBox(1, (5.2, 5, 25, 25))
    tiny = LabelledBox(1, (50, 50, 53, 90))
    copy = Path(shutil.copy(path, tmp_path / "b.png"))
    images = (labelled(path, CAR, shifted, tiny), labelled(copy, CAR))
    problems = inspect_dataset(Dataset(("car", "bus"), images)).problems
    assert [(problem.path.name, problem.kind) for problem in problems] == [
        ("a.png", "double_box"),
        ("a.png", "tiny_box"),
        ("b.png", "contradiction"),
    ]
    assert "car and bus" in problems[0].reason


def test_damage_in_the_middle_of_a_picture_is_found(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "a.png", 100, 100)
    image = labelled(path, CAR)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))
    (problem,) = inspect_dataset(Dataset(("car",), (image,))).problems
    assert problem.kind == "broken_picture"
    assert "cannot be decoded" in problem.reason


def test_real_road_signs(data_dir: Path) -> None:
    whole = read_dataset(data_dir / "roadsigns")
    chosen = [
        image for image in whole.images if image.path.stem in {"road24", "road46", "road100", "road300", "road63"}
    ]
    found = inspect_dataset(Dataset(whole.names, tuple(chosen)))
    assert found.problems == ()
    assert [{Path(path).stem for path in group.pictures} for group in found.alike] == [{"road24", "road46"}]
