from __future__ import annotations

import gzip
import os
import sys
import time
from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.datasets import read_dataset, write_dataset
from streamvision.datasets.record_file import (
    DamagedRecordError,
    decode_example,
    encode_example,
    masked_crc32c,
    read_records,
    write_records,
)
from support.labelled_pictures import NAMES, contents, make_dataset, reasons, save_picture


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (bytes([255] * 32), 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_checksums_of_rfc_3720_rotated_and_shifted(data: bytes, expected: int) -> None:
    unmasked = (masked_crc32c(data) - 0xA282EAD8) & 0xFFFFFFFF
    assert ((unmasked << 15) | (unmasked >> 17)) & 0xFFFFFFFF == expected


def test_without_google_crc32c_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    with pytest.raises(MissingDependencyError, match=r"needs google-crc32c, .*pip install 'streamvision-edge\[eval\]'"):
        masked_crc32c(b"")


def test_an_independent_reader_sees_the_same(tmp_path: Path) -> None:
    loader = pytest.importorskip("tfrecord.reader")
    dataset = make_dataset(tmp_path / "in", split=False, empty=False, count=2)
    write_dataset(dataset, tmp_path / "out", format="tfrecord")
    records = list(loader.example_loader(str(tmp_path / "out" / "data.tfrecord"), None))
    assert [record["image/filename"].decode() for record in records] == [image.path.name for image in dataset.images]
    for record, image in zip(records, dataset.images, strict=True):
        assert record["image/encoded"] == image.path.read_bytes()
        right = [box.box_xyxy_px[2] / image.width_px for box in image.boxes]
        assert record["image/object/bbox/xmax"] == pytest.approx(right, abs=1e-6)
        texts = [text.decode() for text in record["image/object/class/text"]]
        assert texts == [NAMES[box.class_id] for box in image.boxes]
        assert list(record["image/object/class/label"]) == [box.class_id + 1 for box in image.boxes]


def test_an_independent_writer_is_read(tmp_path: Path) -> None:
    writer = pytest.importorskip("tfrecord.writer")
    picture = save_picture(tmp_path / "a.jpg", 60, 40)
    (tmp_path / "set").mkdir()
    out = writer.TFRecordWriter(str(tmp_path / "set" / "valid.tfrecord"))
    corners = {"xmin": 0.1, "ymin": 0.25, "xmax": 0.5, "ymax": 0.75}
    boxes = {f"image/object/bbox/{key}": ([value], "float") for key, value in corners.items()}
    names = {"image/encoded": (picture.read_bytes(), "byte"), "image/object/class/text": ("стоп".encode(), "byte")}
    out.write(names | boxes)
    out.close()
    dataset = read_dataset(tmp_path / "set")
    assert (dataset.names, dataset.images[0].split) == (("стоп",), "val")
    assert [box.box_xyxy_px for _, box in dataset.boxes()] == [pytest.approx((6, 10, 30, 30), abs=1e-4)]


def example(picture: Path, **changes: object) -> bytes:
    features: dict[str, object] = {
        "image/encoded": [picture.read_bytes()],
        "image/filename": [picture.name.encode()],
        "image/object/bbox/xmin": [0.1],
        "image/object/bbox/ymin": [0.25],
        "image/object/bbox/xmax": [0.5],
        "image/object/bbox/ymax": [0.75],
        "image/object/class/label": [2],
    }
    return encode_example(features | changes)  # type: ignore[arg-type]


def test_classes_by_number_are_named_by_the_label_map(tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "in" / "a.jpg", 60, 40)
    (tmp_path / "set").mkdir()
    write_records(tmp_path / "set" / "train.record-00000-of-00001", [example(picture)])
    assert read_dataset(tmp_path / "set").names == ("2",)
    (tmp_path / "set" / "map.pbtxt").write_text("item { id: 1 name: 'car' }\nitem {\n name: \"bus's\"\n id: 2\n}\n")
    dataset = read_dataset(tmp_path / "set")
    assert dataset.names == ("car", "bus's")
    assert [(box.class_id, *box.box_xyxy_px) for _, box in dataset.boxes()] == [
        pytest.approx((1, 6, 10, 30, 30), abs=1e-4)
    ]


def test_damage_is_named_and_what_came_before_is_kept(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", split=False)
    write_dataset(dataset, tmp_path / "out", format="tfrecord")
    path = tmp_path / "out" / "data.tfrecord"
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    cut = read_dataset(path)
    assert len(cut.images) == len(dataset.images) - 1
    assert "is cut short in record 5" in reasons(cut, "broken_labels")[0]
    path.write_bytes(whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:])
    with pytest.raises(ConfigError, match="wrong checksum over record 0"):
        read_dataset(path)


def test_gzip_is_read(tmp_path: Path) -> None:
    write_records(tmp_path / "plain", [b"one", b"two"])
    (tmp_path / "zipped").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    assert list(read_records(tmp_path / "zipped")) == [b"one", b"two"]
    (tmp_path / "zipped").write_bytes(gzip.compress((tmp_path / "plain").read_bytes())[:-12])
    with pytest.raises(DamagedRecordError, match="gzip"):
        list(read_records(tmp_path / "zipped"))


@pytest.mark.parametrize("name", ["../../escape.jpg", "/etc/escape.jpg", "..\\..\\escape.jpg"])
def test_a_record_cannot_write_outside_the_cache(name: str, tmp_path: Path, record_cache: Path) -> None:
    picture = save_picture(tmp_path / "in" / "a.jpg")
    (tmp_path / "set").mkdir()
    write_records(tmp_path / "set" / "a.tfrecord", [example(picture, **{"image/filename": [name.encode()]})])
    path = read_dataset(tmp_path / "set").images[0].path
    assert path.name == "escape.jpg"
    assert path.resolve().is_relative_to(record_cache.resolve())


def test_pictures_of_one_name_in_a_record_stay_apart(tmp_path: Path) -> None:
    pictures = [save_picture(tmp_path / part / "a.jpg", seed=seed) for seed, part in enumerate(("n", "s"))]
    (tmp_path / "set").mkdir()
    write_records(tmp_path / "set" / "a.tfrecord", [example(picture) for picture in pictures])
    found = read_dataset(tmp_path / "set").images
    assert sorted(image.path.read_bytes() for image in found) == sorted(p.read_bytes() for p in pictures)


def test_what_was_not_read_for_long_leaves_the_cache(tmp_path: Path, record_cache: Path) -> None:
    dataset = make_dataset(tmp_path / "in", count=2)
    write_dataset(dataset, tmp_path / "out", format="tfrecord")
    old = record_cache / "old"
    old.mkdir(parents=True)
    os.utime(old, (0, time.time() - 31 * 86400))
    assert contents(read_dataset(tmp_path / "out")) == contents(dataset)
    assert not old.exists()
    assert len(list(record_cache.iterdir())) == 1


def test_lists_of_different_length_are_no_boxes(tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "in" / "a.jpg")
    (tmp_path / "set").mkdir()
    write_records(tmp_path / "set" / "a.tfrecord", [example(picture, **{"image/object/bbox/xmin": [0.1, 0.2]})])
    dataset = read_dataset(tmp_path / "set")
    assert [image.boxes for image in dataset.images] == [()]
    assert "different length" in reasons(dataset, "bad_box")[0]


def test_examples_hold_bytes_floats_and_integers() -> None:
    features = {"a": [b"x", b""], "b": [0.5, -1.25], "c": [-3, 2**40], "d": []}
    assert decode_example(encode_example(features)) == features
