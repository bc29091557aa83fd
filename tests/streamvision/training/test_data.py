"""The layout that trainers read, the split that stays, and rare classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.evaluation.coco_shapes import Likeness
from streamvision.training.data import TrainingData, prepare_objects
from streamvision.training.layouts import write_yolo_layout
from streamvision.training.parts import repeats_for_rare_classes
from streamvision.training.recipe import Recipe, load_recipe
from streamvision.training.run_folder import RunFolder
from support.label_formats import ONLY_READ
from support.labelled_pictures import make_dataset, save_picture
from support.sign_pictures import draw_signs


def recipe(data: Path, **more: Any) -> Recipe:
    return load_recipe(None, {"data": data, "model": "m.pt", "val_share": 0.25} | more)


def prepared(root: Path, data: Path, **more: Any) -> TrainingData[LabelledImage]:
    root.mkdir(exist_ok=True)
    return prepare_objects(RunFolder(root), recipe(data, **more))


def test_the_split_is_written_down_and_kept(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=12)
    first = prepared(tmp_path / "run", data, seed=1)
    again = prepared(tmp_path / "run", data, seed=2)
    other = prepared(tmp_path / "other", data, seed=1)
    assert {image.path for image in first.val} == {image.path for image in again.val}
    assert {image.path for image in first.val} == {image.path for image in other.val}
    assert len(first.train) + len(first.val) == 12
    written = json.loads((tmp_path / "run" / "split.json").read_text(encoding="utf-8"))
    assert len(written["val"]) == len(first.val)
    assert "seed 1" in again.split_origin


def test_the_format_is_given_where_the_files_leave_it_open(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=8)
    (data / "also.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(ConfigError, match="say which with --format"):
        prepared(tmp_path / "run", data)
    assert len(prepared(tmp_path / "run", data, format="voc").train) == 6


@pytest.mark.parametrize("by", ["box", "mask", "oriented", "keypoints"])
def test_pictures_to_learn_by_heart_have_something_marked(by: Likeness, tmp_path: Path) -> None:
    """Of twelve pictures ten show nothing, or what does not teach; two are to be learnt, and so are those that are."""
    shape = {"segmentation": [[5, 5, 40, 5, 40, 30, 5, 30]], "keypoints": [5, 5, 2, 40, 30, 2], "num_keypoints": 2}
    box = {"category_id": 1, "bbox": [5, 5, 35, 25], "area": 875, "iscrowd": 0}
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "sign"}]}
    document["categories"][0]["keypoints"] = ["left", "right"]
    for number in range(12):
        save_picture(tmp_path / "data" / f"{number}.jpg", 64, 48, seed=number)
        document["images"].append({"id": number, "file_name": f"{number}.jpg", "width": 64, "height": 48})
        taught, crowd, bare = shape, {"iscrowd": 1}, {} if by != "box" else {"iscrowd": 1}
        for own in [taught] if number in (3, 7) else [crowd] if number == 5 else [bare] if number == 6 else []:
            document["annotations"].append({"id": number + 1, "image_id": number, **box, **own})
    (tmp_path / "data" / "instances_train.json").write_text(json.dumps(document))
    (tmp_path / "data" / "instances_val.json").write_text(json.dumps(document | {"images": [], "annotations": []}))
    (tmp_path / "run").mkdir()
    few = prepare_objects(
        RunFolder(tmp_path / "run"), recipe(tmp_path / "data", overfit=4, seed=1, val_share=0.1), by=by
    )
    assert {image.path.name for image in few.train} <= {"3.jpg", "7.jpg"}
    assert few.train == few.val and sum(few.learnt.values()) == len(few.train) > 0


@pytest.mark.parametrize("format", ONLY_READ)
def test_what_labelling_tools_write_is_trained_on(format: str, tmp_path: Path) -> None:
    ONLY_READ[format](make_dataset(tmp_path / "in", split=False, count=8, empty=False), tmp_path / "set")
    ready = prepared(tmp_path / "run", tmp_path / "set")
    assert (len(ready.train), len(ready.val), sum(ready.learnt.values())) == (6, 2, 18)
    assert len(list(read_dataset(write_yolo_layout(ready, tmp_path / "run" / "data")).boxes())) == 24


def test_the_layout_is_read_as_the_same_data_set(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=8)
    ready = prepared(tmp_path / "run", data)
    read = read_dataset(write_yolo_layout(ready, tmp_path / "run" / "data"))
    assert read.names == ready.names
    assert len(read.part("val").images) == len(ready.val)
    ours = sorted(box.box_xyxy_px for image in (*ready.train, *ready.val) for box in image.boxes)
    theirs = sorted(box.box_xyxy_px for _, box in read.boxes())
    assert [pytest.approx(box, abs=0.1) for box in ours] == theirs


def test_pictures_are_links_not_copies(tmp_path: Path) -> None:
    ready = prepared(tmp_path / "run", draw_signs(tmp_path / "signs", count=8))
    layout = write_yolo_layout(ready, tmp_path / "run" / "data").parent
    assert all(path.is_symlink() for path in (layout / "images" / "train").iterdir())


def test_pictures_of_rare_classes_are_shown_more_often(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=20, rare_every=5)
    ready = prepared(tmp_path / "run", data, balance="oversample", oversample_most=4)
    rare = ready.names.index("square")
    shown = {times for image, times in zip(ready.train, ready.repeats, strict=True) if image.boxes[0].class_id == rare}
    usual = {times for image, times in zip(ready.train, ready.repeats, strict=True) if image.boxes[0].class_id != rare}
    assert shown == {2}
    assert usual == {1}
    layout = write_yolo_layout(ready, tmp_path / "run" / "data").parent
    listed = (layout / "train.txt").read_text(encoding="utf-8").splitlines()
    assert len(listed) == sum(ready.repeats)


def test_generated_pictures_are_learnt_from_under_the_data_sets_own_classes(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=8)
    for file in (data / "annotations").iterdir():
        text = file.read_text(encoding="utf-8").replace(">disc<", ">trafficlight<").replace(">square<", ">stop<")
        file.write_text(text, encoding="utf-8")
    extra = {"crosswalk": "sign001", "speedlimit": "sign003"}
    for name, stem in extra.items():
        file = data / "annotations" / f"{stem}.xml"
        file.write_text(file.read_text(encoding="utf-8").replace("trafficlight", name), encoding="utf-8")
    ready = prepared(tmp_path / "run", data, seed=3, balance="oversample", oversample_most=2, generated=6)
    drawn = [image for image in ready.train if "generated" in image.path.parts]
    assert len(drawn) == 6
    assert len(ready.repeats) == len(ready.train)
    assert not [image for image in ready.val if "generated" in image.path.parts]
    assert ready.names == ("crosswalk", "speedlimit", "stop", "trafficlight")


def test_generated_pictures_of_unknown_classes_are_refused(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=8)
    with pytest.raises(ConfigError, match="does not know"):
        prepared(tmp_path / "run", data, generated=6)


def test_repeats_have_a_ceiling_and_spare_empty_pictures() -> None:
    repeats = repeats_for_rare_classes([{0}] * 100 + [{0, 1}, set()], most=3)
    assert repeats[:100] == (1,) * 100
    assert repeats[100:] == (3, 1)
    assert repeats_for_rare_classes([set()], most=3) == (1,)


def test_ignored_objects_teach_nothing(tmp_path: Path) -> None:
    boxes = (LabelledBox(0, (1, 1, 3, 3)), LabelledBox(0, (5, 5, 8, 8), ignore=True))
    image = LabelledImage(Path("x.jpg"), 10, 10, boxes)
    write_yolo_layout(TrainingData(("a",), (image,), (1,), (), "", ()), tmp_path)
    assert (tmp_path / "labels" / "train" / "000000_x.txt").read_text(encoding="utf-8").count("\n") == 1


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=2)
    for file in (data / "annotations").iterdir():
        file.write_text(file.read_text(encoding="utf-8").split("<object>")[0] + "</annotation>", encoding="utf-8")
    with pytest.raises(ConfigError):
        prepared(tmp_path / "run", data)
