"""What classes are called and where pictures are, in YOLO data sets as people write them by hand and by tools."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset
from streamvision.datasets.class_labels import read_class_maps
from streamvision.datasets.dataset import Dataset
from support.labelled_pictures import reasons, save_picture

BOX = "0.5 0.5 0.2 0.4"


def save_labelled(folder: Path, picture: str, *classes: int, seed: int = 0) -> None:
    """Write a picture and its label file, ``labels`` for ``images`` in its path, with a box of each class."""
    path = save_picture(folder / picture, 100, 50, seed=seed)
    labels = Path(*("labels" if part == "images" else part for part in path.parts)).with_suffix(".txt")
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text("".join(f"{class_id} {BOX}\n" for class_id in classes))


def write_yolo(folder: Path, data_yaml: str, *, pictures: str = "images", class_id: int = 1) -> Path:
    """Write three pictures with a box each and a ``data.yaml``."""
    for seed in range(3):
        save_labelled(folder, f"{pictures}/{seed}.jpg", class_id, seed=seed)
    (folder / "data.yaml").write_text(data_yaml)
    return folder


def marked(dataset: Dataset) -> list[str]:
    """Return the class names of all boxes, in the order of the pictures."""
    return [dataset.names[box.class_id] for _, box in dataset.boxes()]


@pytest.mark.parametrize(
    ("text", "names", "third"),
    [
        ("person\ndog\nperson\ncar\nbus\n", ("person", "dog", "car", "bus"), "car"),
        ("person\n\ndog\ncar\n", ("person", "1", "dog", "car"), "car"),
        ("\nperson\ndog\ncar\n", ("0", "person", "dog", "car"), "car"),
        ("person\r\ndog\r\nbus\r\ncar\r\n\r\n\r\n", ("person", "dog", "bus", "car"), "car"),
        ("person\r\r\ndog\r\r\nbus\r\r\ncar\r\r\n", ("person", "dog", "bus", "car"), "car"),
        ("person\rdog\rbus\rcar", ("person", "dog", "bus", "car"), "car"),
    ],
)
def test_a_line_of_classes_txt_is_a_class_whatever_stands_before(
    text: str, names: tuple[str, ...], third: str, tmp_path: Path
) -> None:
    save_labelled(tmp_path, "images/a.jpg", 3)
    (tmp_path / "classes.txt").write_bytes(text.encode())
    dataset = read_dataset(tmp_path)
    assert dataset.names == names
    assert marked(dataset) == [third]


def test_odd_lists_of_classes_are_remarked_on(tmp_path: Path) -> None:
    save_labelled(tmp_path, "images/a.jpg", 0, 2)
    (tmp_path / "classes.txt").write_text("person\n\nperson\n\ncar\n")
    dataset = read_dataset(tmp_path)
    assert marked(dataset) == ["person", "person"]
    assert reasons(dataset, "other") == [
        "classes.txt: calls the classes 0 and 2 person; they were read as one",
        "classes.txt: has no name for the classes 1 and 3; they are called by their numbers",
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_classes_txt_of_windows(encoding: str, tmp_path: Path) -> None:
    save_labelled(tmp_path, "images/a.jpg", 1)
    (tmp_path / "classes.txt").write_text("Tür\nAuto\n", encoding=encoding)
    assert read_dataset(tmp_path).names == ("Tür", "Auto")


def test_classes_txt_in_the_folders_of_the_labels(tmp_path: Path) -> None:
    for split in ("train", "val"):
        save_labelled(tmp_path, f"images/{split}/a.jpg", 1, seed=len(split))
        (tmp_path / "labels" / split / "classes.txt").write_text("dog\ncar\n")
    assert marked(read_dataset(tmp_path)) == ["car", "car"]
    (tmp_path / "labels" / "val" / "classes.txt").write_text("car\ndog\n")
    with pytest.raises(ConfigError, match=r"labels/train/classes.txt and labels/val/classes.txt .* name different"):
        read_dataset(tmp_path)


def test_a_blank_line_does_not_shift_the_classes_of_maps(tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "a.jpg")
    save_picture(tmp_path / "masks" / "a.png")
    (tmp_path / "classes.txt").write_text("road\n\nsky\n")
    maps = read_class_maps(tmp_path)
    assert maps.names == ("road", "1", "sky")
    assert "no name for class 1" in maps.problems[0].reason
    (tmp_path / "classes.txt").write_text("road\nsky\nroad\n")
    with pytest.raises(ConfigError, match="calls the levels 0 and 2 both road; give each level a name of its own"):
        read_class_maps(tmp_path)


@pytest.mark.parametrize(
    ("names", "read"),
    [
        ("[no, car]", ("no", "car")),
        ("[yes, ON]", ("yes", "ON")),
        ("[null, ~]", ("null", "~")),
        ("[007, 1_000]", ("007", "1_000")),
        ("[2024-01-01, 1.50]", ("2024-01-01", "1.50")),
        ("[0x10, 12:30:00]", ("0x10", "12:30:00")),
        ("{0: off, 1: .inf}", ("off", ".inf")),
        ("{'0': bus, '1': car}", ("bus", "car")),
        ('{"1": car, "0": bus}', ("bus", "car")),
        ("{bus: 0, car: 1}", ("bus", "car")),
        ("{00: bus, 01: car}", ("bus", "car")),
        ("[bus, '']", ("bus", "1")),
        ("{1: car}", ("0", "car")),
        ("\n- bus\n- \n- car", ("bus", "1", "car")),
    ],
)
def test_names_are_taken_as_they_are_written(names: str, read: tuple[str, ...], tmp_path: Path) -> None:
    write_yolo(tmp_path, f"train: images\nval: images\nnames: {names}\n")
    dataset = read_dataset(tmp_path)
    assert dataset.names == read
    assert marked(dataset) == [read[1]] * 3


def test_classes_without_names_are_counted(tmp_path: Path) -> None:
    write_yolo(tmp_path, "train: images\nval: images\nnc: 2\n")
    assert read_dataset(tmp_path).names == ("class_0", "class_1")


def test_a_name_given_twice_is_one_class(tmp_path: Path) -> None:
    write_yolo(tmp_path, "train: images\nval: images\nnames: [bus, car, bus]\n", class_id=2)
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("bus", "car")
    assert marked(dataset) == ["bus"] * 3
    assert reasons(dataset, "other") == ["data.yaml: calls the classes 0 and 2 bus; they were read as one"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("car", "names is 'car'; give a list of class names"),
        ("[[car], bus]", "names is a list of 2 values, not all of them words"),
        ("{0: car, x: bus}", "names is a mapping of 2 values"),
        ("{0: car, 99999999: bus}", "names is a mapping of 2 values"),
        ("", "names is ''"),
    ],
)
def test_names_that_mean_nothing_are_refused_by_saying_what_they_are(names: str, said: str, tmp_path: Path) -> None:
    write_yolo(tmp_path, f"train: images\nval: images\nnames: {names}\n")
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("names: [car\ntrain: images", r"data.yaml is not valid YAML \(line 2"),
        ("names: [car]\n", "data.yaml does not describe a YOLO data set; it needs `names`"),
        ("train: {a: b}\nnames: [car]\n", "train is a mapping of 1 values; give a folder"),
        ("train: images\nnames: [car]\nkpt_shape: [17]\n", "kpt_shape is 17; give the number of keypoints"),
    ],
)
def test_a_data_yaml_that_cannot_be_understood_is_not_passed_over(document: str, said: str, tmp_path: Path) -> None:
    write_yolo(tmp_path, document)
    with pytest.raises(ConfigError, match=said):
        read_dataset(tmp_path, format="yolo")


@pytest.mark.parametrize(
    ("train", "val", "path"),
    [
        (r"train\images", r"valid\images", None),
        (r"..\train\images", r"..\valid\images", None),
        ("../train/images", "../valid/images", None),
        ("train/images", "valid/images", r"C:\Users\me\signs"),
        (r"C:\Users\me\signs\train\images", r"C:\Users\me\signs\valid\images", None),
        ("/content/signs-1/train/images", "/content/signs-1/valid/images", None),
        ("signs/train/images", "signs/valid/images", None),
        ("train/images", "valid/images", "../datasets/signs"),
        ("train", "valid", ""),
    ],
)
def test_folders_are_found_where_the_set_now_is(train: str, val: str, path: str | None, tmp_path: Path) -> None:
    root = f"path: {path}\n" if path is not None else ""
    write_yolo(tmp_path, f"{root}train: {train}\nval: {val}\nnames: [bus, car]\n", pictures="train/images")
    save_labelled(tmp_path, "valid/images/v.jpg", 0, seed=9)
    dataset = read_dataset(tmp_path)
    assert marked(dataset.part("train")) == ["car"] * 3
    assert marked(dataset.part("val")) == ["bus"]
    assert dataset.problems == ()


def test_one_split_is_not_taken_for_another(tmp_path: Path) -> None:
    write_yolo(tmp_path, "train: ../train/images\nval: ../valid/images\ntest: /old/test/images\nnames: [bus, car]\n")
    with pytest.raises(ConfigError, match=r"train is '../train/images', which is not there"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    "prefix", ["data/", "./", "", "signs/data/", "/workspace/signs/", "C:\\Users\\me\\signs\\", "../../signs/"]
)
def test_lines_of_a_list_are_found_where_the_set_now_is(prefix: str, tmp_path: Path) -> None:
    write_yolo(tmp_path, "path: .\ntrain: train.txt\nnames: {0: bus, 1: car}\n", pictures="images/train")
    separator = "\\" if "\\" in prefix else "/"
    lines = [prefix + separator.join(("images", "train", f"{index}.jpg")) for index in range(3)]
    (tmp_path / "train.txt").write_text("\r\n".join(lines))
    dataset = read_dataset(tmp_path)
    assert marked(dataset.part("train")) == ["car"] * 3
    assert dataset.problems == ()


def test_pictures_listed_twice_are_counted_once_and_said(tmp_path: Path) -> None:
    write_yolo(tmp_path, "train: train.txt\nnames: [bus, car]\n")
    (tmp_path / "train.txt").write_text("images/0.jpg\n" * 3 + f"{tmp_path}/images/0.jpg\nimages/1.jpg\n")
    dataset = read_dataset(tmp_path)
    assert len(dataset.images) == 2
    assert reasons(dataset, "other") == ["train.txt: has 3 pictures of train that were there before; counted once"]


def test_train_and_val_of_one_place_are_no_split_however_written(tmp_path: Path) -> None:
    write_yolo(tmp_path, "train: images\nval: ./images/\nnames: [bus, car]\n")
    dataset = read_dataset(tmp_path)
    assert [image.split for image in dataset.images] == [None] * 3
    assert dataset.problems == ()


@pytest.mark.parametrize("given", ["relative", "absolute", "link"])
def test_labels_have_their_pictures_whatever_way_leads_there(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_yolo(tmp_path / "set", f"path: {tmp_path / 'set'}\ntrain: images\nnames: [bus, car]\n")
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    paths = {"relative": Path("set"), "absolute": folder, "link": Path(os.curdir) / "link"}
    dataset = read_dataset(paths[given])
    assert dataset.problems == ()
    assert marked(dataset) == ["car"] * 3


def test_a_set_in_an_unpacked_folder_is_found_by_its_yaml(tmp_path: Path) -> None:
    write_yolo(tmp_path / "download" / "signs", "train: images\nval: images\nnames: [bus, car]\n")
    assert read_dataset(tmp_path / "download").names == ("bus", "car")
    write_yolo(tmp_path / "download" / "lights", "train: images\nval: images\nnames: [red, green]\n")
    with pytest.raises(ConfigError, match=r"several YOLO data sets \(lights/data.yaml, signs/data.yaml\); give one"):
        read_dataset(tmp_path / "download")


def test_of_two_descriptions_the_usual_one_is_taken_or_none(tmp_path: Path) -> None:
    write_yolo(tmp_path, "train: images\nval: images\nnames: [bus, car]\n")
    (tmp_path / "coarse.yaml").write_text("train: images\nval: images\nnames: [thing, vehicle]\n")
    assert read_dataset(tmp_path).names == ("bus", "car")
    (tmp_path / "data.yaml").rename(tmp_path / "fine.yaml")
    with pytest.raises(
        ConfigError, match=r"several YOLO data sets \(coarse.yaml, fine.yaml\); give one of these files"
    ):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path / "fine.yaml").names == ("bus", "car")


def test_maps_of_no_folder_are_refused_as_such(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no folder at .*nowhere; give one with images/ and masks/"):
        read_class_maps(tmp_path / "nowhere")
