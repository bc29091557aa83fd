from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import detect_format, read_dataset, write_dataset
from support.label_formats import write_kitti
from support.labelled_pictures import make_dataset, reasons, save_picture

CAR = "Car 0.00 0 -1.58 1 2 31.5 22 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
DONT_CARE = "DontCare -1 -1 -10 40 0 60 10 -1 -1 -1 -1000 -1000 -1000 -10"


def labelled(folder: Path, stem: str, *lines: str, labels: str = "label_2", images: str = "image_2") -> Path:
    """Write a picture and its labels; two stems never look alike."""
    save_picture(folder / images / f"{stem}.png", seed=sum(stem.encode()))
    path = folder / labels / f"{stem}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines))
    return path


def test_dont_care_is_a_region_in_which_nothing_counts(tmp_path: Path) -> None:
    labelled(tmp_path / "training", "000000", CAR, DONT_CARE)
    dataset = read_dataset(tmp_path)
    (image,) = dataset.images
    assert dataset.names == ("Car",)
    assert [box.box_xyxy_px for box in image.boxes] == [(1, 2, 31.5, 22)]
    assert image.ignored_xyxy_px == ((40, 0, 60, 10),)
    assert image.split is None


def test_an_empty_file_says_that_the_picture_shows_nothing(tmp_path: Path) -> None:
    labelled(tmp_path, "000000", labels="labels", images="images")
    labelled(tmp_path, "000001", CAR, labels="labels", images="images")
    assert detect_format(tmp_path) == "kitti"
    assert [len(image.boxes) for image in read_dataset(tmp_path).images] == [0, 1]


def test_only_empty_files_are_yolo_as_before(tmp_path: Path) -> None:
    labelled(tmp_path, "000000", labels="labels", images="images")
    assert detect_format(tmp_path) == "yolo"


def test_yolo_and_kitti_in_one_folder_are_not_guessed(tmp_path: Path) -> None:
    labelled(tmp_path, "a", CAR, labels="labels", images="images")
    labelled(tmp_path, "b", "0 0.5 0.5 0.5 0.5", labels="labels", images="images")
    with pytest.raises(ConfigError, match=r"looks like yolo .* and kitti .*; say which with --format"):
        detect_format(tmp_path)


def test_scores_are_passed_over_and_wrong_lines_named(tmp_path: Path) -> None:
    path = labelled(
        tmp_path, "000000", f"{CAR} 0.93", "Car 0.00 0", CAR.replace("31.5", "nan"), CAR.replace("31.5", "x")
    )
    dataset = read_dataset(tmp_path)
    assert len(dataset.images[0].boxes) == 1
    assert [reason.partition(" (")[0] for reason in reasons(dataset, "bad_box")] == [
        f"{path.name}: line {number} is not a class and 14 numbers" for number in (2, 3, 4)
    ]


def test_lists_of_splits(tmp_path: Path) -> None:
    for stem in ("000000", "000001", "000002"):
        labelled(tmp_path / "training", stem, CAR)
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("000000\n000002\n")
    (tmp_path / "ImageSets" / "val.txt").write_text("000001\n")
    assert [image.split for image in read_dataset(tmp_path).images] == ["train", "val", "train"]


def test_folders_of_splits(tmp_path: Path) -> None:
    labelled(tmp_path / "train", "a", CAR)
    labelled(tmp_path / "val", "b", CAR)
    assert [image.split for image in read_dataset(tmp_path).images] == ["train", "val"]


def test_pictures_and_labels_without_the_other_are_named(tmp_path: Path) -> None:
    labelled(tmp_path / "training", "000000", CAR)
    save_picture(tmp_path / "testing" / "image_2" / "000001.png", seed=9)
    (tmp_path / "training" / "label_2" / "000007.txt").write_text(CAR)
    dataset = read_dataset(tmp_path)
    assert reasons(dataset, "unlabelled_picture") == ["000001.png: has no text file; left out"]
    assert reasons(dataset, "missing_picture") == [
        "000007.txt: names the picture 000007.png, which is not there; left out"
    ]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", (CAR.replace("31.5", "9" * 6000)).encode()], ids=["bytes", "digits"]
)
def test_hostile_files_are_named_and_the_rest_is_read(content: bytes, tmp_path: Path) -> None:
    labelled(tmp_path, "000000", CAR)
    labelled(tmp_path, "000001").write_bytes(content)
    dataset = read_dataset(tmp_path, format="kitti")
    assert dataset.problems
    assert sum(len(image.boxes) for image in dataset.images) == 1


def test_converted_without_loss(tmp_path: Path) -> None:
    write_kitti(make_dataset(tmp_path / "in", split=False, count=3, empty=False), tmp_path / "set")
    dataset = read_dataset(tmp_path / "set")
    assert write_dataset(dataset, tmp_path / "out", format="coco") == ()
