from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import detect_format, read_dataset
from support.labelled_pictures import reasons, save_picture

HEADER = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
ROW = "{0},xclick,{1},1,0.5,0.75,0.25,0.5,0,0,{2},0,0"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_shares_groups_and_names(tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "0a1b.jpg")
    write(tmp_path / "boxes.csv", ROW.format("0a1b", "/m/0k4j", 0), ROW.format("0a1b", "/m/01bjv", 1))
    (tmp_path / "class-descriptions-boxable.csv").write_text("/m/011k07,Tortoise\n/m/0k4j,Car\n/m/01bjv,Bus\n")
    assert detect_format(tmp_path) == "openimages"
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("Car", "Bus")
    assert [(box.class_id, box.box_xyxy_px, box.ignore) for _, box in dataset.boxes()] == [
        (0, (30, 10, 45, 20), False),
        (1, (30, 10, 45, 20), True),
    ]


def test_the_newer_descriptions_have_a_header(tmp_path: Path) -> None:
    save_picture(tmp_path / "0a1b.jpg")
    write(tmp_path / "oidv7-train-annotations-bbox.csv", ROW.format("0a1b", "/m/0k4j", 0))
    (tmp_path / "oidv7-class-descriptions-boxable.csv").write_text('LabelName,DisplayName\n/m/0k4j,"Car, big"\n')
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("Car, big",)
    assert dataset.images[0].split == "train"


def test_the_folders_of_fiftyone(tmp_path: Path) -> None:
    save_picture(tmp_path / "train" / "data" / "0a1b.jpg")
    write(tmp_path / "train" / "labels" / "detections.csv", ROW.format("0a1b", "/m/0k4j", 0))
    (tmp_path / "train" / "metadata").mkdir()
    (tmp_path / "train" / "metadata" / "classes.csv").write_text("/m/0k4j,Car\n/m/011k07,Tortoise\n")
    dataset = read_dataset(tmp_path)
    assert (dataset.names, dataset.problems, dataset.images[0].split) == (("Car",), (), "train")


def test_without_descriptions_classes_keep_their_ids(tmp_path: Path) -> None:
    save_picture(tmp_path / "0a1b.jpg")
    write(tmp_path / "boxes.csv", ROW.format("0a1b", "/m/0k4j", 0))
    assert read_dataset(tmp_path).names == ("/m/0k4j",)


def test_a_class_that_the_descriptions_lack_is_said(tmp_path: Path) -> None:
    save_picture(tmp_path / "0a1b.jpg")
    write(tmp_path / "boxes.csv", ROW.format("0a1b", "/m/0k4j", 0), ROW.format("0a1b", "/m/new", 0))
    (tmp_path / "class-descriptions.csv").write_text("/m/0k4j,Car\n")
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("Car", "/m/new")
    assert "(/m/new); they keep their ids" in reasons(dataset, "bad_class")[0]


def test_the_tables_of_all_pictures_with_a_few_of_them(tmp_path: Path) -> None:
    for seed, place in enumerate(("train/0a.jpg", "validation/0b.jpg", "test/0c.jpg")):
        save_picture(tmp_path / place, seed=seed)
    for split, own in (("train", "0a"), ("validation", "0b")):
        others = [ROW.format(f"{split}{number:06}", "/m/0k4j", 0) for number in range(2_000)]
        write(tmp_path / f"{split}-annotations-bbox.csv", *others, ROW.format(own, "/m/0k4j", 0))
    dataset = read_dataset(tmp_path)
    assert [(image.path.name, image.split) for image in dataset.images] == [("0a.jpg", "train"), ("0b.jpg", "val")]
    assert reasons(dataset, "missing_picture") == [
        f"{split}-annotations-bbox.csv: has 2,000 rows of pictures that are not in {tmp_path}; passed over"
        for split in ("train", "validation")
    ]
    assert reasons(dataset, "unlabelled_picture") == ["0c.jpg: is named in no row; left out"]


@pytest.mark.parametrize(
    "row",
    [
        "0a1b,xclick,,1,0.5,0.75,0.25,0.5",
        "0a1b,xclick,/m/0k4j,1,0.5",
        "0a1b,xclick,/m/0k4j,1,30,45,10,20",
        "0a1b,xclick,/m/0k4j,1,nan,0.75,0.25,0.5",
        "0a1b,xclick,/m/0k4j,1,0.5,1e400,0.25,0.5",
        "0a1b,xclick,/m/0k4j,1,x,0.75,0.25,0.5",
    ],
)
def test_rows_that_are_none_are_named_and_the_rest_is_read(row: str, tmp_path: Path) -> None:
    save_picture(tmp_path / "0a1b.jpg")
    write(tmp_path / "boxes.csv", row, ROW.format("0a1b", "/m/0k4j", 0))
    dataset = read_dataset(tmp_path)
    assert len(dataset.images[0].boxes) == 1
    assert dataset.problems[0].reason.startswith("row 2 (0a1b)")


def test_hostile_tables_are_one_sentence_with_their_name(tmp_path: Path) -> None:
    save_picture(tmp_path / "0a1b.jpg")
    write(tmp_path / "boxes.csv", "x" * 200_000 + ",", ROW.format("0a1b", "/m/0k4j", 0))
    with pytest.raises(ConfigError, match=r"boxes\.csv is not valid CSV \(a line is longer than 65,536"):
        read_dataset(tmp_path)


def test_the_same_picture_in_two_tables_is_counted_once_and_said(tmp_path: Path) -> None:
    save_picture(tmp_path / "0a1b.jpg")
    write(tmp_path / "one.csv", ROW.format("0a1b", "/m/0k4j", 0))
    write(tmp_path / "two.csv", ROW.format("0a1b", "/m/0k4j", 0))
    dataset = read_dataset(tmp_path)
    assert len(list(dataset.boxes())) == 1
    assert reasons(dataset, "broken_labels") == ["two.csv: names 0a1b again, in 1 row; left out"]


def test_pictures_of_one_id_that_nothing_tells_apart_are_not_guessed(tmp_path: Path) -> None:
    for seed, place in enumerate(("cam1/0a.jpg", "cam2/0a.jpg", "cam2/0b.jpg")):
        save_picture(tmp_path / place, seed=seed)
    write(tmp_path / "boxes.csv", ROW.format("0a", "/m/0k4j", 0), ROW.format("0b", "/m/0k4j", 0))
    dataset = read_dataset(tmp_path)
    assert [image.path.name for image in dataset.images] == ["0b.jpg"]
    assert reasons(dataset, "missing_picture") == [
        "boxes.csv: names the picture 0a, which may be cam1/0a.jpg or cam2/0a.jpg; left out"
    ]


def test_the_table_is_read_line_by_line_however_large_it_is(tmp_path: Path) -> None:
    save_picture(tmp_path / "0a1b.jpg")
    table = write(tmp_path / "boxes.csv", ROW.format("0a1b", "/m/0k4j", 0))
    rows = "".join(f"{ROW.format(f'{number:016x}', '/m/0k4j', 0)}\n" for number in range(40_000))
    with table.open("a") as file:
        file.write(rows)
    tracemalloc.start()
    dataset = read_dataset(table, format="openimages")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(list(dataset.boxes())) == 1
    assert "has 40,000 rows of pictures that are not in" in reasons(dataset, "missing_picture")[0]
    assert most < table.stat().st_size / 4
