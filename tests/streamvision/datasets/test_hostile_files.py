"""Label files that somebody wrote to do harm, or that were damaged: a data set or one sentence comes of each, soon."""

from __future__ import annotations

import gzip
import json
import os
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from streamvision.core.errors import ConfigError, SourceError
from streamvision.datasets import read_dataset, write_dataset
from streamvision.datasets.dataset import Dataset, DatasetFormat
from streamvision.datasets.files import PICTURE_SUFFIXES, class_name, files_below
from streamvision.datasets.formats import FORMATS
from streamvision.datasets.pascal_voc import is_annotation
from streamvision.datasets.picture_files import BrokenPictureError, decode, open_image
from streamvision.datasets.record_file import DamagedRecordError, encode_example, masked_crc32c, read_records
from streamvision.evaluation.predictions import read_bgr
from support.label_formats import ONLY_READ
from support.labelled_pictures import contents, make_dataset, reasons, save_picture

IMAGE = {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}
BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
CLASS = {"id": 1, "name": "car"}


def coco(folder: Path, **changed: Any) -> Dataset:
    """Read a picture and a JSON file with a box, parts of which are other values."""
    save_picture(folder / "a.jpg", 64, 48)
    parts = {"images": [IMAGE], "annotations": [BOX], "categories": [CLASS]} | changed
    (folder / "c.json").write_text(json.dumps(parts))
    return read_dataset(folder, format="coco")


@pytest.mark.parametrize(
    "changed",
    [
        {"annotations": 5},
        {"annotations": {"a": 1}},
        {"annotations": [5, None, [BOX]]},
        {"annotations": [BOX | {"image_id": [1]}]},
        {"annotations": [BOX | {"category_id": {"a": 1}}]},
        {"annotations": [BOX | {"category_id": 1 << 70}]},
        {"annotations": [BOX | {"bbox": [1, 1, 10**400, 5]}]},
        {"annotations": [BOX | {"bbox": [float("nan")] * 4}]},
        {"annotations": [BOX | {"bbox": {"x": 1}}]},
        {"annotations": [BOX | {"bbox": [1, 1, 1e308, 1e308]}, BOX | {"bbox": 7}]},
        {"categories": 7},
        {"categories": [CLASS, {"id": [2], "name": "b"}, {"id": 3, "name": ["b"]}, 7]},
        {"images": [IMAGE, IMAGE | {"id": [2], "file_name": "b.jpg"}, 7]},
        {"images": [IMAGE | {"width": float("nan")}]},
        {"images": [IMAGE | {"width": 10**400, "height": [1]}]},
        {"images": [IMAGE, IMAGE | {"id": 2, "file_name": "\0"}, IMAGE | {"id": 3, "file_name": "x/" * 5000}]},
        {"images": [IMAGE, IMAGE | {"id": 4, "file_name": "x" * 5000}]},
    ],
    ids=range(17),
)
def test_a_wrong_value_of_coco_is_told_and_the_rest_is_read(tmp_path: Path, changed: dict[str, Any]) -> None:
    dataset = coco(tmp_path, **changed)
    assert [image.path.name for image in dataset.images] == ["a.jpg"]
    assert dataset.problems
    for problem in dataset.problems:
        assert problem.path.name == "c.json" or problem.path.name.startswith(("x", "a"))
        assert problem.reason.isprintable() and len(problem.reason) < 700


def test_outlines_of_coco_that_are_none_are_left_out(tmp_path: Path) -> None:
    odd = [{"counts": [1, float("nan")]}, {"counts": ["a"]}, [[10**400] * 6], 7, {"counts": [-1]}]
    boxes = [BOX | {"segmentation": outline, "keypoints": [10**400, 1, 1], "area": 10**400} for outline in odd]
    save_picture(tmp_path / "a.jpg", 64, 48)
    (tmp_path / "c.json").write_text(json.dumps({"images": [IMAGE], "annotations": boxes, "categories": [CLASS]}))
    found = read_dataset(tmp_path, format="coco", shapes=True)
    assert [box.shape for _, box in found.boxes()] == [None] * len(odd)


@pytest.mark.parametrize(
    "content", [b'{"images": ' + b"[" * 200_000, b'{"images": [' + b"9" * 6000 + b"]}", b'{"images": ["\\ud800"]}']
)
def test_json_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    save_picture(tmp_path / "a.jpg", 64, 48)
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.json (is nested|has a whole number|has half)"):
        read_dataset(tmp_path, format="coco")


def test_a_deep_entry_is_shown_shortly(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    (problem,) = coco(tmp_path, annotations=[BOX, deep]).problems
    assert "annotation without" in problem.reason and len(problem.reason) < 200


@pytest.mark.parametrize("name", ["../outside/secret.jpg", "{tmp}/outside/secret.jpg", "x/../../outside/secret.jpg"])
def test_a_picture_outside_of_the_set_is_not_read(tmp_path: Path, name: str) -> None:
    save_picture(tmp_path / "outside" / "secret.jpg", 64, 48)
    (tmp_path / "set").mkdir()
    given = name.format(tmp=tmp_path)
    dataset = coco(tmp_path / "set", images=[IMAGE, IMAGE | {"id": 2, "file_name": given}])
    assert [image.path.name for image in dataset.images] == ["a.jpg"]
    assert any("outside of" in problem.reason for problem in dataset.problems)

    (tmp_path / "csv").mkdir()
    save_picture(tmp_path / "csv" / "a.jpg", 64, 48)
    rows = "".join(f"{one},64,48,car,1,1,9,9\n" for one in ("a.jpg", given))
    (tmp_path / "csv" / "train.csv").write_text("filename,width,height,class,xmin,ymin,xmax,ymax\n" + rows)
    assert [image.path.name for image in read_dataset(tmp_path / "csv").images] == ["a.jpg"]


def yolo(folder: Path, data_yaml: str) -> Dataset:
    """Read a picture with a box and a ``data.yaml``."""
    save_picture(folder / "images" / "a.jpg", 64, 48)
    (folder / "labels").mkdir(exist_ok=True)
    (folder / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "data.yaml").write_text(data_yaml)
    return read_dataset(folder)


@pytest.mark.parametrize("entry", ["../outside", "{tmp}/outside", "../outside/list.txt", "a\\0b", "x" * 5000])
def test_pictures_of_yolo_outside_of_the_set_are_not_read(tmp_path: Path, entry: str) -> None:
    save_picture(tmp_path / "outside" / "secret.jpg", 64, 48)
    (tmp_path / "outside" / "list.txt").write_text(f"{tmp_path}/outside/secret.jpg\n")
    given = entry.format(tmp=tmp_path)
    dataset = yolo(tmp_path / "set", f'train: images\nval: "{given}"\nnames: [car]\n')
    assert [image.path.name for image in dataset.images] == ["a.jpg"]
    assert [problem.path.name for problem in dataset.problems] == ["data.yaml"]


def test_a_list_of_yolo_leads_nowhere_else(tmp_path: Path) -> None:
    save_picture(tmp_path / "outside" / "secret.jpg", 64, 48)
    (tmp_path / "set").mkdir()
    lines = ["images/a.jpg", "../outside/secret.jpg", f"{tmp_path}/outside/secret.jpg", "a\0b.jpg", "x/" * 5000]
    (tmp_path / "set" / "train.txt").write_text("\n".join(lines))
    dataset = yolo(tmp_path / "set", "train: train.txt\nnames: [car]\n")
    assert [image.path.name for image in dataset.images] == ["a.jpg"]
    assert sum("outside of the data set" in problem.reason for problem in dataset.problems) == 1


def test_a_set_elsewhere_is_named_by_path(tmp_path: Path) -> None:
    yolo(tmp_path / "set", "train: images\nnames: [car]\n")
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "data.yaml"
    for path in ("../set", str(tmp_path / "set")):
        file.write_text(f"path: {path}\ntrain: images\nnames: [car]\n")
        assert [image.path.name for image in read_dataset(file).images] == ["a.jpg"]


LISTS = ("classes.txt", "labels.txt", "data.yaml", "label_map.pbtxt", "class-descriptions-boxable.csv")


@pytest.mark.parametrize("format", FORMATS)
def test_links_to_elsewhere_are_followed_to_pictures_and_told_where_they_are_labels(
    tmp_path: Path, format: DatasetFormat
) -> None:
    folder = tmp_path / "set"
    written = make_dataset(tmp_path / "in", count=4, split=False, empty=False)
    if format in ONLY_READ:
        ONLY_READ[format](written, folder)
    else:
        write_dataset(written, folder, format=format)
    plain = contents(read_dataset(folder))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in LISTS]
    pictures = [path for path in files if path.suffix in PICTURE_SUFFIXES]
    labels = [path for path in files if path not in pictures]
    (tmp_path / "elsewhere").mkdir()
    for at, path in enumerate([*pictures, labels[0]]):
        place = tmp_path / "elsewhere" / f"{at}{path.suffix}"
        path.rename(place)
        path.symlink_to(place)
    if len(labels) == 1:
        with pytest.raises(ConfigError, match="1 link out of it not followed"):
            read_dataset(folder)
        return
    dataset = read_dataset(folder)
    assert [problem.path for problem in dataset.problems if "link that leads out of" in problem.reason] == [labels[0]]
    assert len(dataset.images) == 3 and all(plain[name] == of for name, of in contents(dataset).items())


def test_links_within_a_set_that_lies_elsewhere_are_followed(tmp_path: Path) -> None:
    yolo(tmp_path / "set", "train: images\nnames: [car]\n")
    labels = tmp_path / "set" / "labels" / "a.txt"
    labels.rename(tmp_path / "set" / "labels" / "kept.txt")
    labels.symlink_to("kept.txt")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data.yaml").write_text("path: ../set\ntrain: images\nnames: [car]\n")
    (image,) = read_dataset(tmp_path / "mine").images
    assert len(image.boxes) == 1


def test_a_description_that_is_a_link_to_elsewhere_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("a secret\n")
    yolo(tmp_path / "set", "train: images\nnames: [car]\n")
    for name in ("data.yaml", "dataset.yml"):
        (tmp_path / "set" / name).unlink(missing_ok=True)
        (tmp_path / "set" / name).symlink_to("../secret.json")
    said = " ".join(problem.reason for problem in read_dataset(tmp_path / "set", format="yolo").problems)
    assert "has no data.yaml" in said and "secret" not in said


def test_a_list_with_endless_or_odd_names_is_told_shortly_and_soon(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    lines = ["images/a.jpg", "a/" * 80_000, "b\tc\x1b[31m\x85d.jpg", "images/" + "x" * 5000 + ".jpg"]
    (tmp_path / "set" / "train.txt").write_text("\n".join(lines))
    begin_s = time.thread_time()
    dataset = yolo(tmp_path / "set", "train: train.txt\nnames: [car]\n")
    assert time.thread_time() - begin_s < 20, "where each of these folders is left out in turn, this took ten minutes"
    assert all(problem.reason.isprintable() for problem in dataset.problems)
    (tmp_path / "set" / "images" / "a.jpg").unlink()
    with pytest.raises(ConfigError, match="no labelled picture could be read") as refused:
        read_dataset(tmp_path / "set", format="yolo")
    assert len(str(refused.value)) < 2000 and str(refused.value).isprintable()


def test_a_picture_that_asks_for_all_memory_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_image: Image.Image) -> None:
        raise MemoryError

    path = save_picture(tmp_path / "a.png", 64, 48)
    with open_image(path) as image:
        monkeypatch.setattr(type(image), "load", load)
        with pytest.raises(BrokenPictureError, match="cannot be decoded"):
            decode(image)


def test_links_to_folders_end(tmp_path: Path) -> None:
    save_picture(tmp_path / "set" / "a.jpg", 64, 48)
    for name, target in {"up": "..", "root": "/", "self": ".", "loop": "loop"}.items():
        (tmp_path / "set" / name).symlink_to(target)
    assert [path.name for path in files_below(tmp_path / "set", {".jpg"})] == ["a.jpg"]


def test_pipes_and_devices_keep_nobody_waiting(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.jpg", 64, 48)
    for suffix in (".xml", ".json", ".txt", ".yaml", ".csv", ".tfrecord", ".pbtxt"):
        os.mkfifo(tmp_path / f"a{suffix}")
    for format in ("voc", "coco", "tfrecord", "labelme", "createml", "cvat", "openimages"):
        with pytest.raises(ConfigError, match=f"no labelled picture could be read from {tmp_path}"):
            read_dataset(tmp_path, format=format)
    (yolo,) = read_dataset(tmp_path).images  # a text that is no file: a picture without objects
    assert yolo.path.name == "a.jpg" and not yolo.boxes


def test_the_beginning_of_xml_is_seen_in_one_go(tmp_path: Path) -> None:
    begun_s = time.thread_time()
    for content, is_voc in {b"<!---->" * 500 + b"<other/>": False, b"<!-- -->" * 300 + b"<annotation/>": True}.items():
        (tmp_path / "a.xml").write_bytes(content)
        assert is_annotation(tmp_path / "a.xml") == is_voc
    assert time.thread_time() - begun_s < 10, "tried in all ways, this took for ever"


def test_lists_of_splits_with_blanks_are_read_in_one_go(tmp_path: Path) -> None:
    for name in ("a", "b 1"):
        save_picture(tmp_path / "JPEGImages" / f"{name}.jpg", 64, 48)
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "Annotations" / f"{name}.xml").write_text("<annotation/>")
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a" + " " * 100_000 + "x\na  -1\nb 1\n")
    begun_s = time.thread_time()
    dataset = read_dataset(tmp_path)
    assert [image.split for image in dataset.images] == ["train", "train"]
    assert time.thread_time() - begun_s < 20, "each blank with each, this took minutes"


def framed(data: bytes) -> bytes:
    length = len(data).to_bytes(8, "little")
    head, foot = (masked_crc32c(part).to_bytes(4, "little") for part in (length, data))
    return length + head + data + foot


def record(folder: Path, **changed: Any) -> Dataset:
    """Read a record file of two pictures, in one of which features are others."""
    jpeg = save_picture(folder / "source.jpg", 64, 48).read_bytes()
    (folder / "source.jpg").unlink()
    corners = {f"image/object/bbox/{key}": [value] for key, value in zip(("xmin", "ymin"), (0.1, 0.2), strict=True)}
    corners |= {f"image/object/bbox/{key}": [0.6] for key in ("xmax", "ymax")}
    right = {"image/encoded": [jpeg], "image/filename": [b"a.jpg"], "image/object/class/text": [b"car"]} | corners
    odd = right | {key.replace("_", "/", 1): value for key, value in changed.items()}
    (folder / "train.tfrecord").write_bytes(framed(encode_example(right)) + framed(encode_example(odd)))
    return read_dataset(folder)


@pytest.mark.parametrize(
    "name", [b"a\0b.jpg", b"x" * 5000 + b".jpg", b"../../up.jpg", b"\xff\xfe", b"\x1b[31m.png", b".."]
)
def test_names_of_pictures_in_records_may_be_anything(tmp_path: Path, name: bytes) -> None:
    dataset = record(tmp_path, image_filename=[name])
    assert len(dataset.images) == 2 and not dataset.problems
    assert all(image.path.is_relative_to(tmp_path / "cache") for image in dataset.images)


@pytest.mark.parametrize(
    "changed", [{"image_encoded": [1]}, {"image_encoded": [0.5]}, {"image_filename": [7]}, {"image_width": [b"x"]}]
)
def test_features_of_a_wrong_type_are_told(tmp_path: Path, changed: dict[str, Any]) -> None:
    dataset = record(tmp_path, **changed)
    assert reasons(dataset, "broken_labels") == [
        f"train.tfrecord: record 1 has {next(iter(changed)).replace('_', '/')} of a wrong type; left out"
    ]


def test_a_compressed_record_file_may_not_unfold_for_ever(tmp_path: Path) -> None:
    zeros = framed(bytes(1 << 26))
    with gzip.open(tmp_path / "train.tfrecord", "wb", compresslevel=9) as file:
        for _ in range(3):
            file.write(zeros)
    with pytest.raises(DamagedRecordError, match="unfolds to more than 100 times its size"):
        list(read_records(tmp_path / "train.tfrecord"))


def test_a_label_map_with_an_endless_number(tmp_path: Path) -> None:
    (tmp_path / "label_map.pbtxt").write_text("item { id: " + "9" * 6000 + " name: 'a' } item { id: 1 name: 'car' }")
    assert record(tmp_path).names == ("car",)


def test_classes_are_called_what_can_be_printed() -> None:
    assert class_name("Ampel, rot") == "Ampel, rot"
    assert class_name("a\x1b[31m\0") == r"a\x1b[31m\x00"
    assert class_name(" ") == "' '"
    first, second = class_name("x" * 5000), class_name("x" * 5001)
    assert first != second and len(first) < 300


def test_a_picture_of_more_than_a_billion_pixels_is_one_sentence(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    side = (40_000).to_bytes(4, "big")
    rows = zlib.compress(b"\0" * 1000)
    parts = chunk(b"IHDR", side + side + b"\x08\0\0\0\0"), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert cv2.imencode(".png", np.zeros((1, 1), np.uint8))[0]
    with pytest.raises(SourceError, match=r"a\.png has more pixels than are read"):
        read_bgr(tmp_path / "a.png")
