from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import detect_format, read_dataset
from support.labelled_pictures import reasons, save_picture


def marked(label: Any = "car", x: Any = 20, y: Any = 10, width: Any = 10, height: Any = 4) -> dict[str, Any]:
    return {"label": label, "coordinates": {"x": x, "y": y, "width": width, "height": height}}


def write(path: Path, *entries: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(entries)))
    return path


def test_coordinates_are_those_of_the_centre(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write(tmp_path / "annotations.json", {"image": "a.png", "annotations": [marked()]})
    assert detect_format(tmp_path) == "createml"
    assert [box.box_xyxy_px for _, box in read_dataset(tmp_path).boxes()] == [(15, 8, 25, 12)]


def test_the_older_words(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write(tmp_path / "annotations.json", {"imagefilename": "a.png", "annotation": [marked()]})
    assert detect_format(tmp_path) == "createml"
    assert len(list(read_dataset(tmp_path).boxes())) == 1


def test_names_as_in_addresses(tmp_path: Path) -> None:
    for seed, name in enumerate(("im bus é.png", "50%25.png", "50%.png")):
        save_picture(tmp_path / name, seed=seed)
    entries = [{"image": name, "annotations": [marked()]} for name in ("im%20bus%20%C3%A9.png", "50%25.png")]
    write(tmp_path / "annotations.json", *entries)
    dataset = read_dataset(tmp_path)
    assert [image.path.name for image in dataset.images] == ["50%25.png", "im bus é.png"]
    assert reasons(dataset, "unlabelled_picture") == ["50%.png: is named in no JSON file; left out"]


def test_a_file_in_each_folder_of_a_split(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "valid", "test")):
        save_picture(tmp_path / split / "a.png", seed=seed)
        write(tmp_path / split / "_annotations.createml.json", {"image": "a.png", "annotations": [marked()] * seed})
    dataset = read_dataset(tmp_path)
    assert {image.split: len(image.boxes) for image in dataset.images} == {"train": 0, "val": 1, "test": 2}


def test_shares_of_the_picture_are_not_guessed(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write(tmp_path / "a.json", {"image": "a.png", "annotations": [marked(x=0.5, y=0.5, width=0.1, height=0.2)]})
    with pytest.raises(ConfigError, match="no coordinate above 1, so they seem to be shares"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    "bad",
    [
        7,
        marked(label=""),
        marked(label=3),
        {"label": "car"},
        {"label": "car", "coordinates": [1, 2, 3, 4]},
        marked(x="20"),
        marked(x=float("nan")),
        marked(width=10**400),
        marked(height=None),
        marked(width=-3),
    ],
)
def test_boxes_that_are_none_are_named_and_the_rest_is_read(bad: Any, tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write(tmp_path / "a.json", {"image": "a.png", "annotations": [bad, marked()]})
    dataset = read_dataset(tmp_path)
    assert len(dataset.images[0].boxes) == 1
    (problem,) = dataset.problems
    assert problem.path.name == "a.json" and "a.png" in problem.reason


@pytest.mark.parametrize("bad", [7, {}, {"image": "a.png"}, {"image": 3, "annotations": []}, [[]]])
def test_entries_that_are_none_are_named(bad: Any, tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write(tmp_path / "a.json", bad, {"image": "a.png", "annotations": [marked()]})
    dataset = read_dataset(tmp_path, format="createml")
    assert len(dataset.images) == 1
    assert "has an entry without image or annotations" in dataset.problems[0].reason


@pytest.mark.parametrize(
    ("content", "said"),
    [("[" * 100_000, "nested"), ("{}", "no list of pictures"), ("[" + "9" * 6000 + "]", "digits"), ("[", "JSON")],
    ids=["deep", "mapping", "digits", "cut"],
)
def test_hostile_files_are_one_sentence_with_their_name(content: str, said: str, tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ConfigError, match=rf"a\.json.*{said}"):
        read_dataset(tmp_path, format="createml")


def test_label_studio_is_not_create_ml(tmp_path: Path) -> None:
    entry = {"id": 1, "annotations": [], "data": {"image": "a.png"}}
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    with pytest.raises(ConfigError, match="no known data set"):
        detect_format(tmp_path)


def test_pictures_of_one_name_that_nothing_tells_apart_are_not_guessed(tmp_path: Path) -> None:
    for seed, place in enumerate(("cam1/a.png", "cam2/a.png", "cam2/b.png")):
        save_picture(tmp_path / place, seed=seed)
    entries = [{"image": name, "annotations": [marked()]} for name in ("a.png", "b.png")]
    write(tmp_path / "a.json", *entries)
    dataset = read_dataset(tmp_path)
    assert [image.path.name for image in dataset.images] == ["b.png"]
    assert "may be cam1/a.png or cam2/a.png" in reasons(dataset, "missing_picture")[0]
