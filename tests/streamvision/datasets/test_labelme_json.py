from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import detect_format, read_dataset
from support.labelled_pictures import reasons, save_picture


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def shape(label: str, *points: list[float], kind: str | None = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": list(points), "shape_type": kind, "group_id": None, "flags": {}} | more


def write(path: Path, *shapes: Any, image: str | None = "a.png", **more: Any) -> Path:
    """Write a file as labelme does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": image, "imageData": None}
    path.write_text(json.dumps(document | {"imageHeight": 40, "imageWidth": 60} | more))
    return path


def boxes_of(folder: Path, *shapes: Any) -> list[tuple[float, ...]]:
    save_picture(folder / "set" / "a.png")
    write(folder / "set" / "a.json", *shapes)
    dataset = read_dataset(folder / "set")
    assert dataset.problems == ()
    return [tuple(round(value, 3) for value in box.box_xyxy_px) for box in dataset.images[0].boxes]


TRIANGLE = ([20.5, 3.0], [7.0, 12.0], [33.25, 30.0])


@pytest.mark.parametrize(
    ("one", "box"),
    [
        (shape("car", [30, 5], [10, 15], kind="rectangle"), (10, 5, 30, 15)),
        (shape("car", [30, 5], [10, 5], [10, 15], [30, 15], kind="rectangle"), (10, 5, 30, 15)),
        (shape("car", *TRIANGLE), (7, 3, 33.25, 30)),
        (shape("car", *TRIANGLE, kind=None), (7, 3, 33.25, 30)),
        (shape("car", [20, 20], [23, 24], kind="circle"), (15, 15, 25, 25)),
        (shape("car", [10, 5], [20, 8], kind="mask", mask="iVBORw0KGgo="), (10, 5, 20, 8)),
        (shape("car", [20, 0], [30, 10], [20, 20], [10, 10], kind="rotation"), (10, 0, 30, 20)),
    ],
    ids=["rectangle", "four_corners", "polygon", "old_polygon", "circle", "mask", "rotation"],
)
def test_every_shape_with_an_area_becomes_the_box_around_it(
    one: dict[str, Any], box: tuple[float, ...], tmp_path: Path
) -> None:
    assert boxes_of(tmp_path, one) == [box]


def test_parts_of_one_group_are_one_object(tmp_path: Path) -> None:
    left, right = ([1, 1], [5, 1], [5, 9]), ([20, 1], [25, 1], [25, 9])
    save_picture(tmp_path / "set" / "a.png")
    write(
        tmp_path / "set" / "a.json",
        *(shape("car", *points, group_id=3) for points in (left, right)),
        shape("bus", *left, group_id=3),
        shape("car", *left),
    )
    boxes = read_dataset(tmp_path / "set", shapes=True).images[0].boxes
    assert [(box.class_id, box.box_xyxy_px) for box in boxes] == [
        (1, (1, 1, 25, 9)),
        (0, (1, 1, 5, 9)),
        (1, (1, 1, 5, 9)),
    ]
    assert boxes[0].shape is not None and len(boxes[0].shape.polygons_px) == 2


def test_what_is_ignored(tmp_path: Path) -> None:
    save_picture(tmp_path / "set" / "a.png")
    write(
        tmp_path / "set" / "a.json",
        shape("car", *TRIANGLE, flags={"difficult": True}),
        shape("car", *TRIANGLE, difficult=True),
        shape("car", *TRIANGLE, difficult=False),
        shape("__ignore__", [30, 0], [60, 40], kind="rectangle"),
    )
    (tmp_path / "set" / "labels.txt").write_text("__ignore__\n_background_\nbus\ncar\n")
    dataset = read_dataset(tmp_path / "set")
    assert dataset.names == ("bus", "car")
    assert [box.ignore for box in dataset.images[0].boxes] == [True, True, False]
    assert dataset.images[0].ignored_xyxy_px == ((30, 0, 60, 40),)


@pytest.mark.parametrize(
    "given",
    [
        "a.png",
        "..\\images\\a.png",
        "../images/a.png",
        "C:\\Users\\me\\a.png",
        "/home/me/a.png",
        None,
        7,
        "b/",
        "..",
        ".",
    ],
)
def test_the_picture_is_found_however_it_is_named(given: Any, tmp_path: Path) -> None:
    beside = not isinstance(given, str) or "images" not in given
    picture = save_picture(tmp_path / "set" / ("labels" if beside else "images") / "a.png")
    write(tmp_path / "set" / "labels" / "a.json", shape("car", *TRIANGLE), image=given)
    dataset = read_dataset(tmp_path / "set")
    assert dataset.problems == ()
    assert dataset.images[0].path == picture


def test_pictures_of_one_name_in_two_folders_are_not_mixed(tmp_path: Path) -> None:
    for number, folder in enumerate(("cam1", "cam2"), 1):
        save_picture(tmp_path / "set" / folder / "a.png", seed=number)
        write(tmp_path / "set" / folder / "a.json", *[shape("car", *TRIANGLE)] * number)
    assert [len(image.boxes) for image in read_dataset(tmp_path / "set").images] == [1, 2]


def test_a_path_that_leaves_the_folder_is_not_followed(tmp_path: Path) -> None:
    save_picture(tmp_path / "secret" / "b.png")
    save_picture(tmp_path / "set" / "c.png", seed=2)
    write(tmp_path / "set" / "b.json", shape("car", *TRIANGLE), image="../secret/b.png")
    write(tmp_path / "set" / "c.json", shape("car", *TRIANGLE), image="c.png")
    dataset = read_dataset(tmp_path / "set")
    assert [image.path.name for image in dataset.images] == ["c.png"]
    assert reasons(dataset, "missing_picture") == ["b.json: names the picture b.png, which is not there; left out"]


@pytest.mark.parametrize("name", ["photo.png", "..\\..\\photo", "photo\0.png", "x" * 400 + ".png"])
def test_the_picture_inside_the_file(name: str, tmp_path: Path) -> None:
    content = save_picture(tmp_path / "in" / "a.png").read_bytes()
    write(
        tmp_path / "set" / "a.json", shape("car", *TRIANGLE), image=name, imageData=base64.b64encode(content).decode()
    )
    dataset = read_dataset(tmp_path / "set")
    (image,) = dataset.images
    assert dataset.problems == ()
    assert image.path.read_bytes() == content
    assert image.path.is_relative_to(tmp_path / "cache")
    assert image.path.suffix == ".png"


def test_lines_and_points_are_left_out_and_counted(tmp_path: Path) -> None:
    save_picture(tmp_path / "set" / "a.png")
    write(tmp_path / "set" / "a.json", shape("road", [1, 1], [2, 2], kind="linestrip"), shape("car", *TRIANGLE))
    dataset = read_dataset(tmp_path / "set")
    assert reasons(dataset, "other") == ["a.json: has 1 shapes of type linestrip, which mark no area; left out"]
    assert dataset.names == ("car",)


@pytest.mark.parametrize(
    "bad",
    [
        7,
        {"points": [[1, 2], [3, 4]]},
        shape("car"),
        shape("car", [1, 2], [3, 4]),
        shape("car", [1, 2, 3], [4], [5, 6]),
        shape("car", [1, float("nan")], [3, 4], [5, 6]),
        shape("car", [1, 10**400], [3, 4], [5, 6]),
        shape("car", [1, "2"], [3, 4], [5, 6]),
        shape("car", *TRIANGLE, kind="blob"),
        shape("car", *TRIANGLE, kind=["x"]),
        shape("car", *TRIANGLE) | {"points": {"x": 1}},
    ],
)
def test_shapes_that_are_none_are_named_and_the_rest_is_read(bad: Any, tmp_path: Path) -> None:
    save_picture(tmp_path / "set" / "a.png")
    write(tmp_path / "set" / "a.json", bad, shape("car", *TRIANGLE))
    dataset = read_dataset(tmp_path / "set")
    assert len(dataset.images[0].boxes) == 1
    (problem,) = dataset.problems
    assert problem.path.name == "a.json" and problem.reason.startswith("shape 0")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"shapes": [' + "[" * 100_000, "nested|not valid JSON"),
        ('{"shapes": [], "imageHeight": ' + "9" * 6000 + "}", "digits"),
        ('{"shapes": {}, "imageData": 3}', "no list of shapes"),
        ('{"shapes": [], "imageData": "%%%"}', "not base64"),
        ('{"shapes": [], "imageData": ["x"]}', "not base64"),
        ('{"shapes": [], "imageData": "aGVsbG8="}', "not a picture"),
        ('{"shapes": []}', "names no picture"),
    ],
    ids=["deep", "digits", "no_list", "no_base64", "list", "no_picture", "nothing"],
)
def test_hostile_files_are_one_sentence_with_their_name(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.json").write_text(content)
    with pytest.raises(ConfigError, match=rf"no labelled picture could be read.*({said})"):
        read_dataset(tmp_path / "set", format="labelme")


def test_known_where_the_picture_comes_before_the_shapes(tmp_path: Path) -> None:
    save_picture(tmp_path / "set" / "a.png")
    (tmp_path / "set" / "a.json").write_text('{"flags": {}, "imageData": "' + "A" * 100_000 + '", "shapes": []}')
    assert detect_format(tmp_path / "set") == "labelme"
