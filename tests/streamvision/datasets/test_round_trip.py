"""A data set keeps its boxes, classes, splits and picture names on the way through any format."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import OutputError
from streamvision.datasets import detect_format, read_dataset, write_dataset
from streamvision.datasets.dataset import Dataset, DatasetFormat
from streamvision.datasets.formats import WRITABLE
from support.labelled_pictures import NAMES, contents, make_dataset


def through(dataset: Dataset, folder: Path, format: DatasetFormat) -> Dataset:
    assert write_dataset(dataset, folder, format=format) == ()
    assert detect_format(folder) == format
    return read_dataset(folder)


@pytest.mark.parametrize("split", [True, False], ids=["split", "unsplit"])
@pytest.mark.parametrize("format", WRITABLE)
def test_one_format_and_back(format: DatasetFormat, split: bool, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", split=split, empty=format != "tfcsv")
    again = through(dataset, tmp_path / "out", format)
    assert contents(again) == contents(dataset)
    assert again.names == NAMES
    assert again.problems == ()


def test_the_long_way_around(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in")
    steps: tuple[DatasetFormat, ...] = ("voc", "coco", "yolo", "tfrecord", "voc")
    again = dataset
    for number, format in enumerate(steps):
        again = through(again, tmp_path / f"{number}-{format}", format)
    assert contents(again) == contents(dataset)
    assert again.names == NAMES


def test_real_road_signs_the_long_way_around(data_dir: Path, tmp_path: Path) -> None:
    whole = read_dataset(data_dir / "roadsigns")
    assert whole.problems == ()
    dataset = Dataset(whole.names, whole.images[::20])
    again = dataset
    for number, format in enumerate(("coco", "yolo", "tfrecord", "voc")):
        again = through(again, tmp_path / f"{number}-{format}", format)
    assert contents(again) == contents(dataset)
    before = {image.path.name: image.path.read_bytes() for image in dataset.images}
    assert {image.path.name: image.path.read_bytes() for image in again.images} == before


@pytest.mark.parametrize("format", ["voc", "coco", "tfrecord"])
def test_ignored_objects_stay_ignored(format: DatasetFormat, tmp_path: Path) -> None:
    dataset = with_ignored(make_dataset(tmp_path / "in"))
    again = through(dataset, tmp_path / "out", format)
    assert [box.ignore for _, box in again.boxes()] == [box.ignore for _, box in dataset.boxes()]


@pytest.mark.parametrize("format", ["yolo", "tfcsv"])
def test_what_a_format_cannot_say_is_reported(format: DatasetFormat, tmp_path: Path) -> None:
    dataset = with_ignored(make_dataset(tmp_path / "in", count=2, empty=False))
    lost = write_dataset(dataset, tmp_path / "out", format=format)
    assert ["crowd or difficult" in problem.reason for problem in lost] == [True, True]
    assert len(list(read_dataset(tmp_path / "out").boxes())) == len(list(dataset.boxes()))


def test_pictures_of_one_name_are_told_apart_and_reported(tmp_path: Path) -> None:
    first, second = (make_dataset(tmp_path / part, count=1, split=False, empty=False) for part in ("north", "south"))
    dataset = Dataset(NAMES, first.images + second.images)
    lost = write_dataset(dataset, tmp_path / "out", format="voc")
    assert [problem.kind for problem in lost] == ["renamed"]
    assert sorted(image.path.name for image in read_dataset(tmp_path / "out").images) == [
        "shot 0.jpg",
        "south-shot 0.jpg",
    ]


def test_links_point_to_the_pictures(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", count=2)
    write_dataset(dataset, tmp_path / "out", format="yolo", pictures="link")
    assert [image.path.resolve() for image in read_dataset(tmp_path / "out").images] == [
        image.path.resolve() for image in dataset.images
    ]


def test_a_folder_with_something_in_it_is_replaced_by_force_only(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", count=2)
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("three years")
    with pytest.raises(OutputError, match="--force"):
        write_dataset(dataset, out, format="coco")
    assert (out / "thesis.txt").read_text() == "three years"
    write_dataset(dataset, out, format="coco", force=True)
    assert not (out / "thesis.txt").exists()


def test_a_data_set_is_never_written_over_its_own_pictures(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", count=2)
    with pytest.raises(ValueError, match="holds the pictures"):
        write_dataset(dataset, tmp_path, format="voc", force=True)
    assert all(image.path.exists() for image in dataset.images)


def with_ignored(dataset: Dataset) -> Dataset:
    from dataclasses import replace

    images = (
        replace(image, boxes=tuple(replace(box, ignore=at == 1) for at, box in enumerate(image.boxes)))
        for image in dataset.images
    )
    return replace(dataset, images=tuple(images))
