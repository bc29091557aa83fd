"""Labelled pictures that are learnt from beside a data set, and never held out with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets import write_dataset
from streamvision.datasets.collection_records import MarkedObject
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage, NamedPicture
from streamvision.training import additions
from streamvision.training.data import TrainingData, prepare_classes, prepare_objects, prepare_regions
from streamvision.training.recipe import Recipe, load_recipe
from streamvision.training.run_folder import RunFolder
from support.answer_pictures import draw_answers
from support.collection_folders import collect, put
from support.labelled_pictures import save_picture

DISC, BAR = MarkedObject("Dis c", (10, 10, 40, 40)), MarkedObject("bar", (60, 20, 150, 30))


def drawn(folder: Path, seeds: Iterable[int]) -> Path:
    """Write a YOLO data set of a square on each even and a disc on each odd picture."""
    images = [
        LabelledImage(
            save_picture(folder / "from" / f"{seed}.jpg", 160, 120, seed=seed),
            160,
            120,
            (LabelledBox(seed % 2, (10, 10, 40, 40)),),
        )
        for seed in seeds
    ]
    write_dataset(Dataset(("square", "disc"), tuple(images)), folder / "set", format="yolo")
    return folder / "set"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return drawn(tmp_path / "data", range(12))


def prepared(run: Path, data: Path, *add: Path, **more: Any) -> TrainingData[LabelledImage]:
    run.mkdir(exist_ok=True)
    return prepare_objects(RunFolder(run), recipe(data, add=add, **more))


def recipe(data: Path, **more: Any) -> Recipe:
    return load_recipe(None, {"data": data, "model": "m.pt", "val_share": 0.25} | more)


def test_what_is_labelled_is_learnt_from_and_what_waits_is_not(data: Path, tmp_path: Path) -> None:
    alone = prepared(tmp_path / "alone", data)
    collect(tmp_path / "collected", {100: [DISC], 101: [BAR], 102: []}, waiting=[103], names=["person", "disc"])
    ready = prepared(tmp_path / "run", data, tmp_path / "collected")
    assert ready.names == ("square", "disc", "bar")  # nothing is marked of the model's "person"
    assert ready.val == alone.val
    added = ready.train[len(alone.train) :]
    assert ready.train[: len(alone.train)] == alone.train
    assert sorted(tuple(box.class_id for box in image.boxes) for image in added) == [(), (1,), (2,)]
    assert len(ready.repeats) == len(ready.train)
    assert ready.unproven == ("bar",)
    said = "\n".join(ready.describe())
    assert "3 pictures of" in said and "New classes, behind those of the data set: bar." in said and "last" in said


def test_what_looks_like_a_held_out_picture_is_left_out_and_counted(data: Path, tmp_path: Path) -> None:
    held_out = prepared(tmp_path / "alone", data).val
    collection = collect(tmp_path / "collected", {100: [DISC]})
    again = tmp_path / "again.jpg"
    cv2.imwrite(str(again), cv2.imread(str(held_out[0].path)), [cv2.IMWRITE_JPEG_QUALITY, 60])
    for shot in (again, held_out[1].path):  # saved again, and the very file
        collection.accept(put(collection, shot), [DISC])
    ready = prepared(tmp_path / "run", data, tmp_path / "collected")
    assert len(ready.train) + len(ready.val) == 13
    assert "2 added pictures left out: they look like held-out ones." in ready.notes


def test_a_run_that_goes_on_sees_what_it_began_with(data: Path, tmp_path: Path) -> None:
    collection = collect(tmp_path / "collected", {100: [DISC], 101: [BAR]})
    first = prepared(tmp_path / "run", data, collection.folder)
    collect(collection.folder, {104: [DISC]})
    assert prepared(tmp_path / "run", data, collection.folder).train == first.train
    assert len(prepared(tmp_path / "new", data, collection.folder).train) == len(first.train) + 1
    collect(collection.folder, {105: [MarkedObject("cone", (5, 5, 20, 20))]})
    with pytest.raises(ConfigError, match="have other classes than when the run"):
        prepared(tmp_path / "run", data, collection.folder)


def test_of_many_a_share_is_held_out_by_itself_and_stays_held_out(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(additions, "LARGE", 8)
    collection = collect(tmp_path / "collected", {seed: [DISC] for seed in range(100, 108)})
    first = prepared(tmp_path / "first", data, collection.folder)
    assert len(first.held_out_added) == 2
    assert not {image.path for image in first.held_out_added} & {image.path for image in (*first.train, *first.val)}
    assert "2 of the added held out by themselves" in first.notes[0]
    collect(collection.folder, {seed: [DISC] for seed in range(108, 116)})
    split = tmp_path / "first" / "split.json"
    second = prepared(tmp_path / "second", data, collection.folder, split=split, seed=9)
    assert second.held_out_added == first.held_out_added
    assert second.val == first.val
    assert len(second.train) == len(first.train) + 8


def test_what_an_added_set_holds_out_itself_is_not_learnt_from(data: Path, tmp_path: Path) -> None:
    other = drawn(tmp_path / "other", range(200, 206))
    read = additions.read_dataset(other)
    dealt = [replace(one, split="val" if at < 2 else "train") for at, one in enumerate(read.images)]
    write_dataset(Dataset(read.names, tuple(dealt)), tmp_path / "dealt", format="yolo")
    ready = prepared(tmp_path / "run", data, tmp_path / "dealt")
    assert len(ready.held_out_added) == 2
    assert len(ready.train) + len(ready.val) == 12 + 4


def test_a_split_of_other_pictures_is_refused(data: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "first", data)
    other = drawn(tmp_path / "other", range(20, 28))
    with pytest.raises(ConfigError, match=r"none of the pictures that were read is in the split of the earlier run"):
        prepared(tmp_path / "second", other, split=tmp_path / "first" / "split.json")


@pytest.mark.parametrize(
    "text", ["[]", '{"origin": 3}', '{"origin": "x", "added": []}', '{"origin": "x", "val": [1]}', "{"]
)
def test_a_split_that_is_none_is_one_sentence(data: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "split.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"split\.json"):
        prepared(tmp_path / "run", data, split=tmp_path / "split.json")


def test_nothing_labelled_and_nothing_named_are_one_sentence(data: Path, tmp_path: Path) -> None:
    collect(tmp_path / "collected", {}, waiting=[100])
    with pytest.raises(ConfigError, match=r"is labelled yet; label some with streamvision label"):
        prepared(tmp_path / "run", data, tmp_path / "collected")
    numbers = drawn(tmp_path / "numbers", range(2))
    (numbers / "data.yaml").unlink()
    with pytest.raises(ConfigError, match="does not name its classes"):
        prepared(tmp_path / "run", data, numbers)


def test_a_record_of_additions_without_their_classes_is_one_sentence(data: Path, tmp_path: Path) -> None:
    add = collect(tmp_path / "collected", {100: [DISC]}).folder
    prepared(tmp_path / "run", data, add)
    record = tmp_path / "run" / "split.json"
    written = json.loads(record.read_text())
    del written["names"]
    record.write_text(json.dumps(written))
    with pytest.raises(ConfigError, match=r"is not the split\.json of a run"):
        prepared(tmp_path / "run", data, add)


@pytest.mark.parametrize("fold", ["", "1", "0/3", "1/1", "3/2", "1/700", "1/2/3", "a/b", "\uff11/\uff12", "1/2\n"])
def test_a_part_that_cannot_be_is_one_sentence(fold: str, data: Path) -> None:
    with pytest.raises(ConfigError, match=r"fold is .*; give which part of how many, such as 2/5"):
        recipe(data, fold=fold)


def test_folders_of_classes_are_added_by_name(tmp_path: Path) -> None:
    for seed in range(12):
        save_picture(tmp_path / "data" / ("day", "night")[seed % 2] / f"{seed}.jpg", seed=seed)
    for seed, name in ((100, "Night"), (101, "dusk")):
        save_picture(tmp_path / "more" / name / f"{seed}.jpg", seed=seed)
    run = tmp_path / "run"
    run.mkdir()
    ready = prepare_classes(RunFolder(run), recipe(tmp_path / "data", add=(tmp_path / "more",)))
    assert ready.names == ("day", "night", "dusk")
    assert ready.train[-2:] == (
        NamedPicture(tmp_path / "more" / "Night" / "100.jpg", 1),
        NamedPicture(tmp_path / "more" / "dusk" / "101.jpg", 2),
    )


def maps(folder: Path, seeds: range, *, names: str = "road\nsky\n") -> Path:
    for seed in seeds:
        save_picture(folder / "images" / f"{seed}.png", 40, 30, seed=seed)
        classes = np.full((30, 40), seed % 2, np.uint8)
        classes[:10] = 1 - seed % 2
        (folder / "masks").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "masks" / f"{seed}.png"), classes)
    (folder / "classes.txt").write_text(names, encoding="utf-8")
    return folder


def test_maps_are_added_where_their_levels_mean_the_same(tmp_path: Path) -> None:
    data, more = maps(tmp_path / "data", range(8)), maps(tmp_path / "more", range(100, 103))
    (tmp_path / "run").mkdir()
    ready = prepare_regions(RunFolder(tmp_path / "run"), recipe(data, add=(more,)))
    assert [image.map_path for image in ready.train[-3:]] == sorted((more / "masks").iterdir())
    assert "3 pictures of" in ready.notes[0] and not ready.unproven
    other = maps(tmp_path / "other", range(200, 202), names="sky\nroad\n")
    with pytest.raises(ConfigError, match=r"has the classes sky, road, and .* with the same in the same order"):
        prepare_regions(RunFolder(tmp_path / "run"), recipe(data, add=(other,)))


def test_tables_are_added_where_their_answers_are_the_same(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from streamvision.training.answers.data import prepare_answers

    data, more = draw_answers(tmp_path / "data", count=24, seed=1), draw_answers(tmp_path / "more", count=12, seed=2)
    text = more.read_text(encoding="utf-8")
    more.write_text(text.replace(",val,", ",train,").replace("orange", "beige"), encoding="utf-8")
    (tmp_path / "run").mkdir()
    ready = prepare_answers(RunFolder(tmp_path / "run"), recipe(data, add=(more,)))
    assert ready.names == ready.answers.names and ready.names[-1] == "beige" and ready.unproven == ("beige",)
    added = {image.path.name: image for image in ready.train if image.path.parent == more.parent}
    named = [row.split(",") for row in more.read_text(encoding="utf-8").splitlines()[1:]]
    for name, _, ground, side in named:
        image = added[name]
        assert image.class_id == (ready.names.index(ground) if ground else None)
        assert image.numbers == (float(side) if side else None,)
    more.write_text(text.replace("[px]", "[cm]"), encoding="utf-8")
    with pytest.raises(ConfigError, match="has other answers, known numbers or units than"):
        prepare_answers(RunFolder(tmp_path / "run"), recipe(data, add=(more,)))


def test_without_data_those_of_the_earlier_run_are_taken(data: Path, tmp_path: Path) -> None:
    from streamvision.training.recipe import write_recipe

    run = RunFolder(tmp_path / "run")
    prepared(run.root, data, seed=4)
    run.best.parent.mkdir()
    run.best.touch()
    write_recipe(recipe(data, model="yolov8n.pt", imgsz=160, seed=4, epochs=3, add=("first",), hours=2), run.recipe)
    more = load_recipe(None, {"model": str(run.best), "add": ("second",), "epochs": 7})
    assert (more.data, more.split, more.imgsz, more.epochs, more.hours) == (data, run.split, 160, 7, None)
    assert more.add == (Path("first"), Path("second"))
    assert more.model == str(run.best)
    with pytest.raises(ConfigError, match="fold asks for another part"):
        load_recipe(None, {"model": str(run.best), "fold": "1/3"})
    own = load_recipe(None, {"model": str(run.best), "data": "elsewhere"})
    assert (own.data, own.split, own.imgsz) == (Path("elsewhere"), None, 416)
    write_recipe(recipe(data, model="ssdlite320_mobilenet_v3_large", weights="coco.pth"), run.recipe)
    permissive = load_recipe(None, {"model": str(run.best), "add": ("second",)})
    assert (permissive.model, permissive.weights) == ("ssdlite320_mobilenet_v3_large", run.best)
