from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import detect_format, read_dataset
from streamvision.datasets.dataset import Dataset
from support.labelled_pictures import reasons, save_picture

BOX = '<box label="car" occluded="0" xtl="10.00" ytl="5.00" xbr="30.00" ybr="15.00"{0}>{1}</box>'


def write(folder: Path, *content: str, meta: str = "") -> Path:
    """Write ``annotations.xml``."""
    path = folder / "annotations.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><meta>{meta}</meta>{"".join(content)}</annotations>'
    )
    return path


def image(*shapes: str, name: str = "a.png", more: str = "") -> str:
    return f'<image id="0" name="{name}" width="60" height="40"{more}>{"".join(shapes)}</image>'


def one_box(folder: Path, shape: str, *, shapes: bool = False) -> tuple[float, ...]:
    save_picture(folder / "images" / "a.png")
    write(folder, image(shape))
    dataset = read_dataset(folder, shapes=shapes)
    assert dataset.problems == ()
    (box,) = dataset.images[0].boxes
    return tuple(round(value, 3) for value in box.box_xyxy_px)


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        (BOX.format("", ""), (10, 5, 30, 15)),
        (BOX.format(' rotation="90.00"', ""), (15, 0, 25, 20)),
        (BOX.format(' rotation="30.0"', ""), (8.84, 0.67, 31.16, 19.33)),
        ('<polygon label="car" points="20.5,3.0;7.0,12.0;33.25,30.0" z_order="0"/>', (7, 3, 33.25, 30)),
        ('<ellipse label="car" cx="20" cy="20" rx="10" ry="4"/>', (10, 16, 30, 24)),
        ('<ellipse label="car" cx="20" cy="20" rx="10" ry="4" rotation="90"/>', (16, 10, 24, 30)),
        ('<mask label="car" rle="1, 4, 1" left="7" top="9" width="3" height="2"/>', (7, 9, 10, 11)),
        (
            '<cuboid label="car" xtl1="10" ytl1="8" xbl1="10" ybl1="20" xtr1="22" ytr1="8" xbr1="22" ybr1="20"'
            ' xtl2="14" ytl2="4" xbl2="14" ybl2="16" xtr2="26" ytr2="4" xbr2="26" ybr2="16"/>',
            (10, 4, 26, 20),
        ),
    ],
    ids=["box", "quarter", "turned", "polygon", "ellipse", "turned_ellipse", "mask", "cuboid"],
)
def test_every_shape_with_an_area_becomes_the_box_around_it(shape: str, box: tuple[float, ...], tmp_path: Path) -> None:
    assert one_box(tmp_path, shape) == box


def test_outlines(tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "a.png")
    polygon = '<polygon label="car" points="20,3;7,12;33,30"/>'
    mask = '<mask label="car" rle="1, 4, 1" left="7" top="9" width="3" height="2"/>'
    write(tmp_path, image(BOX.format("", ""), polygon, mask))
    upright, outline, run_lengths = (box.shape for box in read_dataset(tmp_path, shapes=True).images[0].boxes)
    assert upright is None
    assert outline is not None and outline.polygons_px == ((20, 3, 7, 12, 33, 30),)
    assert run_lengths is not None and isinstance(run_lengths.rle_counts, tuple)
    decoded = np.repeat(np.arange(len(run_lengths.rle_counts)) % 2, run_lengths.rle_counts).reshape(60, 40).T
    expected = np.zeros((40, 60), int)
    expected[9:11, 7:10] = [[0, 1, 1], [1, 1, 0]]
    assert np.array_equal(decoded, expected)


@pytest.mark.parametrize(
    ("rle", "left", "top", "width", "height"),
    [("0, 120", 4, 0, 3, 40), ("1, 80, 1, 38", 57, 0, 3, 40), ("0, 2400", 0, 0, 60, 40), ("2, 1, 1, 2", 0, 38, 3, 2)],
    ids=["columns", "last", "everything", "bottom"],
)
def test_masks_that_reach_the_edges(rle: str, left: int, top: int, width: int, height: int, tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "a.png")
    place = f'left="{left}" top="{top}" width="{width}" height="{height}"'
    write(tmp_path, image(f'<mask label="car" rle="{rle}" {place}/>'))
    (box,) = read_dataset(tmp_path, shapes=True).images[0].boxes
    assert box.shape is not None and isinstance(box.shape.rle_counts, tuple)
    runs = [int(run) for run in rle.split(",")]
    expected = np.zeros((40, 60), int)
    expected[top : top + height, left : left + width] = np.repeat(np.arange(len(runs)) % 2, runs).reshape(height, width)
    counts = box.shape.rle_counts
    assert np.array_equal(np.repeat(np.arange(len(counts)) % 2, counts).reshape(60, 40).T, expected)
    assert all(counts[1:-1])


def test_a_mask_on_a_picture_of_a_size_that_none_has_is_left_out(tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "a.png")
    mask = '<mask label="car" rle="0, 1" left="0" top="0" width="1" height="1"/>'
    write(tmp_path, image(mask).replace('height="40"', f'height="{10**15}"'))
    assert [box.shape for box in read_dataset(tmp_path, shapes=True).images[0].boxes] in ([None], [])


def test_beside_turned_boxes_upright_ones_have_their_corners(tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "a.png")
    write(tmp_path, image(BOX.format("", ""), BOX.format(' rotation="90"', "")))
    shapes = [box.shape for box in read_dataset(tmp_path, shapes=True).images[0].boxes]
    assert [[round(value, 6) for value in one.polygons_px[0]] for one in shapes if one] == [
        [10, 5, 30, 5, 30, 15, 10, 15],
        [25, 0, 25, 20, 15, 20, 15, 0],
    ]


def test_classes_are_the_labels_of_the_task_in_their_order(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    labels = "<label><name>tram</name><type>any</type></label><label><name>car</name></label>"
    labels += "<label><name>wheel</name><type>points</type><parent>car</parent></label>"
    labels += "<label><name>rainy</name><type>tag</type></label>"
    for place in ("task", "job", "project"):
        write(tmp_path, image(BOX.format("", "")), meta=f"<{place}><labels>{labels}</labels></{place}>")
        assert read_dataset(tmp_path).names == ("tram", "car")


def test_lines_points_and_tags_are_left_out_and_counted(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    lines = '<polyline label="road" points="1,1;2,2"/><polyline label="road" points="1,1;2,2"/>'
    skeleton = '<skeleton label="man"><points label="1" outside="0" points="3,4"/></skeleton><tag label="rainy"/>'
    write(tmp_path, image(BOX.format("", ""), lines, skeleton))
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("car",)
    assert [reason.partition(": ")[2] for reason in reasons(dataset, "other")] == [
        "has 2 <polyline> on a.png, which mark no area; left out",
        "has 1 <skeleton> on a.png, which mark no area; left out",
        "has 1 <tag> on a.png, which mark no area; left out",
    ]


@pytest.mark.parametrize("name", ["difficult", "is_crowd", "Ignore"])
def test_attributes_that_say_ignore(name: str, tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    flags = [f'<attribute name="{name}">{value}</attribute>' for value in ("true", "false")]
    write(tmp_path, image(*(BOX.format("", flag) for flag in flags)))
    assert [box.ignore for box in read_dataset(tmp_path).images[0].boxes] == [True, False]


def test_a_project_with_subsets_and_subfolders(tmp_path: Path) -> None:
    for place, seed in (("Train/cam1/a.png", 1), ("Train/cam2/a.png", 2), ("Validation/cam1/a.png", 3)):
        save_picture(tmp_path / "images" / place, seed=seed)
    write(
        tmp_path,
        image(BOX.format("", ""), name="cam1/a.png", more=' subset="Train" task_id="1"'),
        image(name="cam2/a.png", more=' subset="Train" task_id="1"'),
        image(BOX.format("", "") * 2, name="cam1/a.png", more=' subset="Validation" task_id="2"'),
    )
    dataset = read_dataset(tmp_path)
    assert dataset.problems == ()
    assert {str(one.path.relative_to(tmp_path / "images")): (one.split, len(one.boxes)) for one in dataset.images} == {
        "Train/cam1/a.png": ("train", 1),
        "Train/cam2/a.png": ("train", 0),
        "Validation/cam1/a.png": ("val", 2),
    }


def test_several_tasks_beside_each_other(tmp_path: Path) -> None:
    for task in ("task_1", "task_2"):
        save_picture(tmp_path / task / "images" / "a.png", seed=len(task) + int(task[-1]))
    write(tmp_path / "task_1", image(BOX.format("", "")))
    write(tmp_path / "task_2", image())
    assert [len(one.boxes) for one in read_dataset(tmp_path).images] == [1, 0]
    assert len(read_dataset(tmp_path / "task_1" / "annotations.xml").images) == 1


TRACK = '<track id="0" label="car">{}</track>'


def at(frame: int, left: float, *, outside: int = 0, more: str = "") -> str:
    return (
        f'<box frame="{frame}" keyframe="1" outside="{outside}" occluded="0" '
        f'xtl="{left}" ytl="5" xbr="{left + 10}" ybr="15"{more}/>'
    )


def lefts(dataset: Dataset) -> list[list[float]]:
    return [[round(box.box_xyxy_px[0], 3) for box in one.boxes] for one in dataset.images]


def save_frames(folder: Path, numbers: range, *, suffix: str = ".PNG") -> None:
    for number in numbers:
        save_picture(folder / "images" / f"frame_{number:06}{suffix}", seed=number)


def test_tracks_until_they_are_outside(tmp_path: Path) -> None:
    save_frames(tmp_path, range(5))
    first = TRACK.format(at(1, 10) + at(2, 12) + at(3, 12, outside=1))
    second = TRACK.format(at(2, 40) + at(3, 38) + at(4, 36))
    write(tmp_path, first, second)
    assert lefts(read_dataset(tmp_path)) == [[], [10], [12, 40], [38], [36]]


def test_frames_that_are_left_out_are_interpolated_as_cvat_does_it(tmp_path: Path) -> None:
    save_frames(tmp_path, range(6), suffix=".jpg")
    write(tmp_path, TRACK.format(at(0, 10) + at(3, 16) + at(4, 16, outside=1)))
    assert lefts(read_dataset(tmp_path)) == [[10], [12], [14], [16], [], []]


def test_turned_boxes_turn_the_short_way(tmp_path: Path) -> None:
    save_frames(tmp_path, range(3))
    write(tmp_path, TRACK.format(at(0, 10, more=' rotation="350"') + at(2, 10, more=' rotation="10"')))
    assert [round(value, 3) for value in read_dataset(tmp_path).images[1].boxes[0].box_xyxy_px] == [10, 5, 20, 15]


def test_a_polygon_that_is_not_said_is_left_out(tmp_path: Path) -> None:
    save_frames(tmp_path, range(3))
    polygon = '<polygon frame="{}" outside="0" points="1,1;9,1;9,9"/>'
    write(tmp_path, TRACK.format(polygon.format(0) + polygon.format(2)))
    dataset = read_dataset(tmp_path)
    assert [len(one.boxes) for one in dataset.images] == [1, 0, 1]
    assert "car <polygon> of frame 1 (track 0) is not said there" in reasons(dataset, "bad_box")[0]


@pytest.mark.parametrize("first", [1, 0], ids=["from_one", "from_zero"])
def test_frames_that_are_counted_otherwise_are_not_guessed(first: int, tmp_path: Path) -> None:
    save_frames(tmp_path, range(first, first + 4))
    meta = "<task><size>4</size><start_frame>0</start_frame><stop_frame>3</stop_frame></task>"
    write(tmp_path, TRACK.format(at(0, 10)), meta=meta)
    if first:
        with pytest.raises(ConfigError, match=r"has frames 0 to 3, and there is a picture frame_000004\.PNG"):
            read_dataset(tmp_path)
    else:
        assert lefts(read_dataset(tmp_path)) == [[10]] * 4


def test_pictures_of_a_video_that_have_other_names_are_not_guessed(tmp_path: Path) -> None:
    save_picture(tmp_path / "000001.png")
    write(tmp_path, TRACK.format(at(0, 10)))
    with pytest.raises(ConfigError, match="no picture beside it is called frame_000000"):
        read_dataset(tmp_path)


def test_tracks_of_several_tasks_are_not_mixed(tmp_path: Path) -> None:
    save_frames(tmp_path, range(2))
    meta = "<project><tasks><task><id>1</id></task><task><id>2</id></task></tasks></project>"
    write(tmp_path, TRACK.format(at(0, 10)), meta=meta)
    with pytest.raises(ConfigError, match="tracks of 2 tasks"):
        read_dataset(tmp_path)


BOMB = "".join(f'<!ENTITY {name} "{text * 1000}">' for name, text in (("b", "x"), ("c", "&b;"), ("d", "&c;")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"<!DOCTYPE a [{BOMB}]><annotations><meta>&d;</meta></annotations>", "document type"),
        ("<annotations><image", "is not valid XML"),
        (f"<annotations>{'<a>' * 100_000}", "nested deeper"),
        (
            "<annotations><track id='0' label='car'><box frame='1000000000000' xtl='1'/></track></annotations>",
            "no picture",
        ),
    ],
    ids=["entities", "cut", "deep", "frame"],
)
def test_hostile_files_are_one_sentence_with_their_name(content: str, said: str, tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    (tmp_path / "annotations.xml").write_text(content)
    with pytest.raises(ConfigError, match=rf"annotations\.xml.*{said}"):
        read_dataset(tmp_path, format="cvat")


@pytest.mark.parametrize(
    "shape",
    [
        BOX.format("", "").replace("10.00", "nan"),
        BOX.format("", "").replace("10.00", "9" * 6000),
        BOX.format("", "").replace('xtl="10.00"', ""),
        BOX.format("", "").replace("10.00", "-1e300"),
        BOX.format(' rotation="inf"', ""),
        '<polygon label="car" points="1,2;3,4"/>',
        '<polygon label="car" points="1;3,4,5;8,8"/>',
        '<polygon label="car"/>',
        '<mask label="car" rle="1, 4" left="7" top="9" width="3" height="2"/>',
        '<mask label="car" rle="6" left="7" top="9" width="1e9" height="1e9"/>',
        '<mask label="car" rle="-6, 12" left="7" top="9" width="3" height="2"/>',
        '<ellipse label="car" cx="20" cy="x" rx="10" ry="4"/>',
    ],
)
def test_shapes_that_are_none_are_named_and_the_rest_is_read(shape: str, tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write(tmp_path, image(shape, BOX.format("", "")))
    dataset = read_dataset(tmp_path)
    assert len(dataset.images[0].boxes) == 1
    (reason,) = reasons(dataset, "bad_box")
    assert reason.startswith("annotations.xml: car <") and "on a.png" in reason


def test_comments_before_the_root_do_not_hide_it(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    path = write(tmp_path, image(BOX.format("", "")))
    path.write_text(path.read_text().replace("<annotations>", f"<!-- {'-> ' * 500} --><annotations>", 1))
    assert detect_format(tmp_path) == "cvat"
