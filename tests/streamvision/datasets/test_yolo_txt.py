from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset, write_dataset
from support.labelled_pictures import NAMES, contents, make_dataset, reasons, save_picture


def write_set(folder: Path, *, labels: dict[str, str], names: object = ("car", "bus"), **keys: object) -> None:
    for seed, (stem, text) in enumerate(labels.items()):
        save_picture(folder / "images" / f"{stem}.jpg", 100, 50, seed=seed)
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{stem}.txt").write_text(text)
    listed = list(names) if isinstance(names, tuple) else names
    document = {"train": "images", "val": "images", "names": listed} | keys
    (folder / "data.yaml").write_text(yaml.safe_dump(document))


def test_boxes_and_polygons(tmp_path: Path) -> None:
    write_set(tmp_path, labels={"a": "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.3 0.2 0.2 0.6\n"})
    boxes = [(box.class_id, *map(float, box.box_xyxy_px)) for _, box in read_dataset(tmp_path).boxes()]
    assert boxes[0] == pytest.approx((0, 40, 15, 60, 35))
    assert boxes[1] == pytest.approx((1, 10, 10, 30, 30))


def test_bad_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    good = "0 0.5 0.5 0.2 0.4"
    bad = ("car 0.5 0.5 0.2 0.4", "0 0.5 0.5 0.2", "7 0.5 0.5 0.1 0.1", "0 0.5 nan 0.1 0.1")
    write_set(tmp_path, labels={"a": "\n".join((good, *bad, "1 0.99 0.5 0.1 0.1"))})
    dataset = read_dataset(tmp_path)
    assert len(list(dataset.boxes())) == 2
    assert [reason.split(" is ")[0] for reason in reasons(dataset, "bad_box")] == [
        "a.txt: line 2",
        "a.txt: line 3",
        "a.txt: line 5",
    ]
    assert reasons(dataset, "bad_class") == ["a.txt: line 4 has class 7, known are 0 to 1; left out"]
    assert "cut there" in reasons(dataset, "box_outside")[0]


def test_lost_labels_and_lost_pictures_are_named(tmp_path: Path) -> None:
    write_set(tmp_path, labels={"a": "0 0.5 0.5 0.2 0.4", "b": ""})
    save_picture(tmp_path / "images" / "c.jpg", seed=9)
    (tmp_path / "labels" / "d.txt").write_text("0 0.5 0.5 0.2 0.4")
    dataset = read_dataset(tmp_path)
    assert [len(image.boxes) for image in dataset.images] == [1, 0, 0]
    assert reasons(dataset, "unlabelled_picture") == ["c.jpg: has no text file; read as a picture without objects"]
    assert reasons(dataset, "missing_picture") == ["d.txt: has no picture; left out"]


def test_splits_as_lists_of_files(tmp_path: Path) -> None:
    write_set(tmp_path, labels={"a": "", "b": "", "c": ""}, train="train.txt", val=["more/val.txt"])
    (tmp_path / "more").mkdir()
    (tmp_path / "train.txt").write_text("./images/a.jpg\nimages/b.jpg\nimages/gone.jpg\n")
    (tmp_path / "more" / "val.txt").write_text(f"{tmp_path}/images/c.jpg\n")
    dataset = read_dataset(tmp_path)
    assert {image.path.stem: image.split for image in dataset.images} == {"a": "train", "b": "train", "c": "val"}
    assert len(reasons(dataset, "missing_picture")) == 1


def test_a_picture_listed_in_two_splits_is_a_leak(tmp_path: Path) -> None:
    write_set(tmp_path, labels={"a": "", "b": ""}, train="train.txt", val="val.txt")
    (tmp_path / "train.txt").write_text("images/a.jpg\nimages/b.jpg\n")
    (tmp_path / "val.txt").write_text("images/a.jpg\n")
    dataset = read_dataset(tmp_path)
    assert reasons(dataset, "leak") == ["a.jpg: stands in train and in val; counted once, in the first"]
    assert [image.split for image in dataset.images] == ["train", "train"]


@pytest.mark.parametrize("root", ["/nowhere/at/all", "../elsewhere", "."])
def test_a_set_that_was_moved_is_found_beside_its_yaml(root: str, tmp_path: Path) -> None:
    write_set(tmp_path, labels={"a": "0 0.5 0.5 0.2 0.4"}, path=root, train="../images", val="../images")
    assert len(read_dataset(tmp_path).images) == 1


def test_a_set_without_yaml_is_known_by_its_labels(tmp_path: Path) -> None:
    write_set(tmp_path, labels={"a": "2 0.5 0.5 0.2 0.4"})
    (tmp_path / "data.yaml").unlink()
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("0", "1", "2")
    assert "called by their numbers" in reasons(dataset, "other")[0]
    (tmp_path / "classes.txt").write_text("car\nbus\ntram\n")
    assert read_dataset(tmp_path).names == ("car", "bus", "tram")


def test_names_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path, labels={"a": ""}, names="car")
    with pytest.raises(ConfigError, match="give a list of class names"):
        read_dataset(tmp_path)


@pytest.mark.reference
def test_ultralytics_reads_what_we_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ultralytics")
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    dataset = make_dataset(tmp_path / "in")
    write_dataset(dataset, tmp_path / "out", format="yolo")
    description = check_det_dataset(str(tmp_path / "out" / "data.yaml"), autodownload=False)
    assert description["names"] == dict(enumerate(NAMES))
    seen = YOLODataset(description["train"], data=description, augment=False, imgsz=64).labels
    ours = contents(dataset.part("train"))
    assert {Path(one["im_file"]).name: len(one["bboxes"]) for one in seen} == {
        name: len(expected[3])
        for name, expected in ours.items()  # type: ignore[arg-type]
    }
