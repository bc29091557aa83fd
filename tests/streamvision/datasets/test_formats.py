from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import detect_format, read_dataset, write_dataset
from support.labelled_pictures import make_dataset, reasons, save_picture


def test_two_formats_in_one_folder_are_not_guessed(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", count=2)
    write_dataset(dataset, tmp_path / "set" / "one", format="voc")
    write_dataset(dataset, tmp_path / "set" / "two", format="coco")
    with pytest.raises(
        ConfigError, match=r"looks like voc \(one.*xml\) and coco \(two.*json\); say which with --format"
    ):
        detect_format(tmp_path / "set")
    assert len(read_dataset(tmp_path / "set", format="coco").images) == 2
    with pytest.raises(ConfigError, match="say which with --data-format"):
        read_dataset(tmp_path / "set", option="--data-format")


def test_an_unknown_folder_is_told_what_was_seen_and_what_is_accepted(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("0 is the first number")
    (tmp_path / "settings.json").write_text('{"volume": 11}')
    (tmp_path / "prices.csv").write_text("apples,pears\n1,2\n")
    (tmp_path / "page.xml").write_text("<page/>")
    (tmp_path / "model.yaml").write_text("names: [a]\n")
    with pytest.raises(ConfigError, match=r"holds .*1 \.jpg.* is no known data set; accepted are voc .*tfrecord"):
        detect_format(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_nothing_there(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    if kind == "empty":
        folder.mkdir()
    with pytest.raises(ConfigError, match="no data set at" if kind == "missing" else "holds no files"):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("format", "file"),
    [
        ("coco", "annotations/instances_train.json"),
        ("yolo", "data.yaml"),
        ("tfcsv", "train_labels.csv"),
        ("tfrecord", "train.tfrecord"),
    ],
)
def test_one_file_may_stand_for_the_set(format: str, file: str, tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", empty=False), tmp_path / "set", format=format)  # type: ignore[arg-type]
    assert detect_format(tmp_path / "set" / file) == format
    assert len(read_dataset(tmp_path / "set" / file).part("train").images) == 4


def test_a_set_without_readable_pictures_says_why(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", count=1), tmp_path / "set", format="voc")
    (tmp_path / "set" / "JPEGImages" / "shot 0.jpg").write_text("hello")
    with pytest.raises(ConfigError, match=r"shot 0\.jpg is not a picture; left out"):
        read_dataset(tmp_path / "set")


@pytest.mark.parametrize("format", ["voc", "coco", "yolo", "tfcsv", "tfrecord"])
def test_a_file_of_another_kind_given_as_this_format(format: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# notes")
    with pytest.raises(ConfigError):
        read_dataset(path, format=format)  # type: ignore[arg-type]


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", split=False, count=2), tmp_path / "real", format="yolo")
    (tmp_path / "set").mkdir()
    for name in ("images", "labels"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "real" / name)
    (tmp_path / "real" / "images" / "circle").symlink_to(tmp_path / "set")
    assert len(read_dataset(tmp_path / "set").images) == 2


@pytest.mark.parametrize(
    "head",
    [
        '{"images": [{"id": 1}]}',
        '{"info": {}, "licenses": [], "images": []}',
        '\n{ "categories": [ {"id": 1}' + ' {"id": 2}' * 7_000,
    ],
    ids=["images", "info", "long"],
)
def test_json_is_known_by_its_head(head: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(head)
    assert detect_format(tmp_path) == "coco"


@pytest.mark.parametrize(
    "head",
    [
        '{"info": {}, "paths": {}}',
        '{"images": 3}',
        '[{"image_id": 1, "bbox": []}]',
        '{"categories": [{"id": 0, "name": "car"}], "info": {"contributor": "Label Studio"}}',
    ],
)
def test_other_json_is_not(head: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(head)
    with pytest.raises(ConfigError, match="no known data set"):
        detect_format(tmp_path)


def test_links_to_nowhere_are_named(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", split=False, count=2), tmp_path / "set", format="voc")
    for folder, name in (("Annotations", "a.xml"), ("JPEGImages", "b.jpg")):
        (tmp_path / "set" / folder / name).symlink_to(tmp_path / "gone")
    problems = read_dataset(tmp_path / "set").problems
    assert {problem.path.name: problem.reason for problem in problems} == {
        "a.xml": "cannot be read (No such file or directory); left out",
        "b.jpg": "has no XML file; left out",
    }


def test_pictures_of_kinds_that_are_not_read_are_named(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", split=False, count=2), tmp_path / "set", format="yolo")
    for name in ("a.gif", "b.HEIC", "c.jfif"):
        (tmp_path / "set" / "images" / name).write_bytes(b"x")
    dataset = read_dataset(tmp_path / "set")
    assert len(dataset.images) == 2
    assert reasons(dataset, "broken_picture") == [
        "a.gif: is a picture with an ending that is not read, .gif (save it as .jpg or .png); left out",
        "b.HEIC: is a picture with an ending that is not read, .heic (save it as .jpg or .png); left out",
        "c.jfif: is a picture with an ending that is not read, .jfif (call it .jpg); left out",
    ]


def test_pictures_of_such_kinds_that_a_table_names_are_read(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.jpg").rename(tmp_path / "a.jfif")
    (tmp_path / "a.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.jfif"}], "annotations": [], "categories": []}'
    )
    assert read_dataset(tmp_path).problems == ()


def test_a_set_that_gives_nothing_says_how_to_go_on(tmp_path: Path) -> None:
    for index in range(3):
        save_picture(tmp_path / f"{index}.jpg", seed=index)
    with pytest.raises(ConfigError) as refused:
        read_dataset(tmp_path, format="voc")
    assert str(refused.value) == (
        f"no labelled picture could be read from {tmp_path} as voc: {tmp_path}/0.jpg has no XML file; left out; and 2 "
        "problems more; mend these, or give a folder that has both pictures and labels in this format"
    )


def test_pictures_alone_are_called_so(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.jpg")
    with pytest.raises(ConfigError, match=r"holds 1 \.jpg and no labels, which is no known data set"):
        detect_format(tmp_path)
    with pytest.raises(ConfigError, match=r"a\.jpg is one picture, and a data set is asked for; give the folder"):
        detect_format(tmp_path / "a.jpg")
