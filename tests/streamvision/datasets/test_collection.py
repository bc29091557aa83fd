from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from streamvision.core.errors import ConfigError, OutputError, StreamVisionError
from streamvision.core.labelling import PictureChangedError
from streamvision.datasets import read_dataset
from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_records import (
    Look,
    Looks,
    MarkedObject,
    Proposal,
    ProposedBox,
    Reason,
    read_proposal,
)
from streamvision.datasets.dataset import LabelledBox

RNG = np.random.default_rng(0)


def picture(width: int = 64, height: int = 48) -> tuple[bytes, np.ndarray]:
    rgb = RNG.integers(0, 256, (height, width, 3), np.uint8)
    done, coded = cv2.imencode(".jpg", rgb)
    assert done
    return coded.tobytes(), rgb


def proposal(**changes: Any) -> Proposal:
    made = Proposal(
        64,
        48,
        "front door",
        "rtsp://cam/live",
        (Reason("uncertain", 0.8, "a stop sign was seen with a score of 0.31"),),
        0.8,
        (
            ProposedBox("stop", 0.31, (4.0, 5.0, 20.0, 25.0)),
            ProposedBox("stop", 0.5, (30.0, 5.0, 40.0, 9.5), "tracker"),
        ),
        captured_unix_s=1_700_000_000.0,
        pts_s=3.5,
        frame=42,
        model_name="road_signs",
        model_sha256="ab" * 32,
    )
    return replace(made, **changes)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return create_collection(tmp_path / "collected", ["stop", "no"])


def test_what_is_added_waits_and_is_read_as_it_was(collection: Collection) -> None:
    jpeg, rgb = picture()
    looks = Looks(Look.of(rgb), (Look.of(rgb[:20, :20]),))
    name = collection.add(jpeg, proposal(looks=looks))
    assert name.startswith("front-door-20231114-221320-000042-")
    [waiting] = Collection(collection.folder).waiting()
    assert waiting.name == name
    assert waiting.proposal == proposal()
    assert collection.picture(name) == jpeg
    read = waiting.proposal.looks
    assert read is not None
    assert read.picture.hash == looks.picture.hash
    assert np.abs(read.objects[0].thumbnail - looks.objects[0].thumbnail).max() <= 0.5
    assert collection.counts() == type(collection.counts())(1, 0, 0)


def test_hardest_comes_first_and_a_picture_without_json_or_the_other_way_round_does_not_wait(
    collection: Collection,
) -> None:
    names = [collection.add(picture()[0], proposal(hardness=value)) for value in (0.2, 0.9, 0.5)]
    (collection.folder / "waiting" / "half.jpg").write_bytes(picture()[0])
    (collection.folder / "waiting" / "other.json").write_text("{}")
    assert [one.name for one in collection.waiting(most=2)] == [names[1], names[2]]
    assert collection.waiting_names() == sorted(names)


def test_accepted_pictures_are_a_yolo_and_a_coco_data_set(collection: Collection) -> None:
    first, second, empty = (collection.add(picture()[0], proposal()) for _ in range(3))
    collection.accept(first, [MarkedObject("no", (4, 5, 20, 25)), MarkedObject("new: class", (-3, 0, 10, 99))])
    collection.accept(second, [MarkedObject("stop", (1, 2, 3, 4))])
    collection.accept(empty, [])
    assert collection.names() == ("stop", "no", "new: class")
    found = {image.path.stem: image for image in read_dataset(collection.folder, format="yolo").images}
    assert set(found) == {first, second, empty}
    boxes = {name: [(box.class_id, box.box_xyxy_px) for box in image.boxes] for name, image in found.items()}
    assert boxes[first] == [(1, pytest.approx((4, 5, 20, 25))), (2, pytest.approx((0, 0, 10, 48)))]
    assert boxes[empty] == []
    assert not read_dataset(collection.folder, format="yolo").problems
    coco = read_dataset(collection.folder / "annotations.json", format="coco")
    by_name = {image.path.stem: image.boxes for image in coco.images}
    assert coco.names == collection.names()
    assert by_name[second] == (LabelledBox(0, (1, 2, 3, 4)),)
    assert len(by_name[first]) == 2
    assert by_name[empty] == ()
    assert collection.waiting() == []
    assert collection.proposal(first).reasons == proposal().reasons


def test_the_format_is_found_without_being_said(collection: Collection) -> None:
    collection.accept(collection.add(picture()[0], proposal()), [MarkedObject("stop", (1, 2, 13, 14))])
    collection.add(picture()[0], proposal())
    found = read_dataset(collection.folder)
    assert [len(image.boxes) for image in found.images] == [1]
    assert found.images[0].split is None


def test_a_labelled_picture_is_marked_anew(collection: Collection) -> None:
    name = collection.add(picture()[0], proposal())
    collection.accept(name, [MarkedObject("stop", (1, 2, 13, 14)), MarkedObject("stop", (20, 2, 33, 14))])
    collection.accept(name, [MarkedObject("no", (1, 2, 13, 14))])
    document = json.loads((collection.folder / "annotations.json").read_text())
    assert [entry["category_id"] for entry in document["annotations"]] == [2]
    assert len(document["images"]) == 1
    assert (collection.folder / "labels" / f"{name}.txt").read_text().startswith("1 ")


def test_refused_pictures_are_gone_and_remembered(collection: Collection) -> None:
    jpeg, rgb = picture()
    name = collection.add(jpeg, proposal(looks=Looks(Look.of(rgb))))
    collection.refuse(name)
    assert not list((collection.folder / "waiting").iterdir())
    assert collection.counts().refused == 1
    [known] = collection.looks(most=10)
    assert known.picture.hash == Look.of(rgb).hash
    with pytest.raises(ConfigError, match="has no picture"):
        collection.refuse(name)


def test_decisions_are_taken_back_last_first(collection: Collection) -> None:
    jpeg = picture()[0]
    first, second = collection.add(jpeg, proposal()), collection.add(jpeg, proposal())
    collection.accept(first, [MarkedObject("stop", (1, 2, 13, 14))])
    collection.refuse(second)
    assert collection.undo() == second
    assert collection.counts().refused == 0
    assert collection.undo() == first
    assert collection.undo() is None
    assert collection.waiting_names() == sorted([first, second])
    assert collection.picture(first) == jpeg
    assert not list((collection.folder / "images").iterdir())
    assert not list((collection.folder / "labels").iterdir())
    assert json.loads((collection.folder / "annotations.json").read_text())["images"] == []


def test_a_decision_that_was_cut_short_can_be_made_again(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = collection.add(picture()[0], proposal())
    real = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if self.suffix == ".jpg":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(OutputError):
        collection.accept(name, [MarkedObject("stop", (1, 2, 13, 14))])
    monkeypatch.undo()
    assert collection.waiting_names() == [name]
    collection.accept(name, [MarkedObject("stop", (1, 2, 13, 14))])
    assert len(json.loads((collection.folder / "annotations.json").read_text())["annotations"]) == 1
    assert not read_dataset(collection.folder, format="yolo").problems


@pytest.mark.parametrize("name", ["", "../data", "a/b", ".lock", "x" * 121, "a\0b", "nothing-there"])
def test_names_lead_nowhere(collection: Collection, name: str) -> None:
    (collection.folder / "data.jpg").write_bytes(picture()[0])
    for ask in (collection.picture, collection.proposal, collection.refuse, lambda name: collection.accept(name, [])):
        with pytest.raises(ConfigError):
            ask(name)


def test_links_out_of_the_folder_are_not_followed(collection: Collection, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(picture()[0])
    name = collection.add(picture()[0], proposal())
    path = collection.folder / "waiting" / f"{name}.jpg"
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(ConfigError, match="link"):
        collection.picture(name)
    with pytest.raises(ConfigError, match="link"):
        collection.accept(name, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 2}',
        '{"version": 1}',
        '{"version": 1, "image": {"width": 1e3, "height": 5}}',
        '{"version": 1, "image": {"width": 100000, "height": 5}}',
        '{"version": 1, "image": {"width": true, "height": 5}}',
        '{"version": 1, "image": [5, 5]}',
        "[" * 100_000,
    ],
)
def test_json_that_is_no_proposal_does_not_wait_and_can_be_refused(collection: Collection, text: str) -> None:
    name = collection.add(picture()[0], proposal())
    (collection.folder / "waiting" / f"{name}.json").write_text(text)
    assert collection.waiting() == []
    with pytest.raises(ConfigError):
        collection.proposal(name)
    collection.refuse(name)
    assert collection.waiting_names() == []


def test_values_that_are_none_are_left_out(tmp_path: Path) -> None:
    document = json.loads(proposal().as_json())
    document |= {"stream": 5, "frame": -1, "pts_s": float("nan"), "hardness": 7, "look": {"picture": "zz"}}
    document["reasons"] = [1, {"kind": []}, {"kind": "flicker", "value": "x", "why": "a\nb" + "c" * 1000}]
    box = {"class": "stop", "score": -1, "from": []}
    document["boxes"] = [
        None,
        box,
        box | {"box_xyxy_px": [1, 2, "3", 4]},
        box | {"box_xyxy_px": [1, 2, float("inf"), 4]},
        box | {"box_xyxy_px": [70, 2, 80, 4]},
        box | {"box_xyxy_px": [5, 6, 100, 20]},
        {"class": "\n", "box_xyxy_px": [1, 2, 3, 4]},
    ] + [box | {"box_xyxy_px": [1, 2, 3, 4]}] * 5000
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    read = read_proposal(path)
    assert (read.stream, read.frame, read.pts_s, read.hardness, read.looks) == ("", None, None, 1.0, None)
    [reason] = read.reasons
    assert (reason.kind, reason.value) == ("flicker", 0.0)
    assert reason.why.startswith("a b") and len(reason.why) == 400
    assert read.boxes[0] == ProposedBox("stop", 0.0, (5.0, 6.0, 64.0, 20.0))
    assert len(read.boxes) <= 1000


@pytest.mark.parametrize(
    "marked", [MarkedObject(" ", (1, 2, 3, 4)), MarkedObject("a", (5, 5, 5, 9)), MarkedObject("a", (1, 2, 3, 1e400))]
)
def test_boxes_that_are_none_are_refused_and_nothing_is_written(collection: Collection, marked: MarkedObject) -> None:
    name = collection.add(picture()[0], proposal())
    with pytest.raises(ConfigError):
        collection.accept(name, [marked])
    assert collection.waiting_names() == [name]
    assert not list((collection.folder / "labels").iterdir())


def test_a_damaged_shared_file_is_one_sentence(collection: Collection) -> None:
    name = collection.add(picture()[0], proposal())
    for file, act in (("annotations.json", lambda: collection.accept(name, [])), ("refused.json", collection.counts)):
        (collection.folder / file).write_text("{")
        with pytest.raises(StreamVisionError, match=f"{file} is not valid JSON"):
            act()


def test_a_full_disk_leaves_no_half_picture(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).suffix == ".json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        collection.add(picture()[0], proposal())
    assert not list((collection.folder / "waiting").iterdir())


def test_classes_of_a_model_are_added_to_those_of_the_folder(collection: Collection) -> None:
    again = create_collection(collection.folder, ["yield", "stop"])
    assert again.names() == ("stop", "no", "yield")
    assert yaml.safe_load((collection.folder / "data.yaml").read_text())["names"] == {0: "stop", 1: "no", 2: "yield"}


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(ConfigError, match="holds something else"):
        create_collection(tmp_path, ["stop"])
    with pytest.raises(ConfigError, match="no collected pictures"):
        Collection(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


_DECIDE = """
import sys
from pathlib import Path
from streamvision.datasets.collection import Collection
from streamvision.datasets.collection_records import MarkedObject
collection = Collection(Path(sys.argv[1]))
for name in sys.argv[2:]:
    collection.accept(name, [MarkedObject(name[:-3], (1, 2, 13, 14))])
"""


def test_several_processes_decide_in_one_folder(collection: Collection) -> None:
    jpeg = picture()[0]
    names = [collection.add(jpeg, proposal()) for _ in range(12)]
    children = [
        subprocess.Popen([sys.executable, "-c", _DECIDE, str(collection.folder), *names[at::3]]) for at in range(3)
    ]
    assert [child.wait(timeout=300) for child in children] == [0, 0, 0]
    document = json.loads((collection.folder / "annotations.json").read_text())
    assert {entry["file_name"] for entry in document["images"]} == {f"{name}.jpg" for name in names}
    assert len({entry["id"] for entry in document["annotations"]}) == 12
    assert set(collection.names()) == {"stop", "no", *(name[:-3] for name in names)}


def test_whoever_decides_on_what_others_have_changed_is_told(collection: Collection) -> None:
    name = collection.add(picture()[0], proposal())
    seen = collection.version(name)
    other = Collection(collection.folder)
    other.accept(name, [MarkedObject("stop", (1, 2, 13, 14))], version=seen)
    for decide in (lambda: collection.accept(name, [], version=seen), lambda: collection.refuse(name, version=seen)):
        with pytest.raises(PictureChangedError, match="somebody else has decided"):
            decide()
    assert (collection.folder / "labels" / f"{name}.txt").read_text()
    collection.accept(name, [], version=collection.version(name))
    assert collection.version(name) not in (seen, other)
    assert not (collection.folder / "labels" / f"{name}.txt").read_text()


def test_a_labelled_picture_is_thrown_away_and_waits_again_once_that_is_taken_back(collection: Collection) -> None:
    name, other = collection.add(picture()[0], proposal()), collection.add(picture()[0], proposal())
    collection.accept(name, [MarkedObject("stop", (1, 2, 13, 14))])
    collection.refuse(name)
    assert collection.labelled_names() == []
    assert json.loads((collection.folder / "annotations.json").read_text())["images"] == []
    assert not list((collection.folder / "accepted").iterdir())
    collection.refuse(other)
    assert collection.undo(name) == name
    assert collection.waiting_names() == [name]
    assert collection.undo(other) == other
    assert collection.counts().refused == 0


@pytest.mark.reference
def test_ultralytics_finds_its_pictures_from_wherever_it_is_started(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    utils = pytest.importorskip("ultralytics.data.utils")
    collection.accept(collection.add(picture()[0], proposal()), [MarkedObject("stop", (1, 2, 13, 14))])
    monkeypatch.chdir(tmp_path)
    found = utils.check_det_dataset(str(collection.folder / "data.yaml"), autodownload=False)
    assert found["train"] == str(collection.folder / "images")
    assert found["names"] == {0: "stop", 1: "no"}


@pytest.mark.parametrize("linked", ["waiting", "images", "labels", "accepted"])
def test_nothing_is_written_where_a_folder_of_the_collection_leads_out(
    linked: str, collection: Collection, tmp_path: Path
) -> None:
    name = collection.add(picture()[0], proposal())
    elsewhere = (collection.folder / linked).rename(tmp_path / "elsewhere")
    (collection.folder / linked).symlink_to(elsewhere)
    before = sorted(elsewhere.iterdir())
    for act in (
        lambda: collection.accept(name, []),
        lambda: collection.refuse(name),
        lambda: collection.add(picture()[0], proposal()),
        lambda: Collection(collection.folder),
        lambda: create_collection(collection.folder, ["go"]),
    ):
        with pytest.raises(ConfigError, match=f"{linked} is a link that leads out of the folder"):
            act()
    assert sorted(elsewhere.iterdir()) == before


def test_what_was_killed_between_picture_and_json_can_be_refused_and_had_back(collection: Collection) -> None:
    name = collection.add(picture()[0], proposal())
    collection.accept(name, [])
    (collection.folder / "accepted" / f"{name}.json").rename(collection.folder / "waiting" / f"{name}.json")
    collection.refuse(name)
    assert (collection.counts().waiting, collection.counts().labelled) == (0, 0)
    assert collection.undo(name) == name
    assert collection.waiting_names() == [name]


def test_a_coco_document_that_was_moved_away_is_made_anew_of_all_labels(collection: Collection) -> None:
    names = [collection.add(picture()[0], proposal()) for _ in range(3)]
    for name in names[:2]:
        collection.accept(name, [MarkedObject("no", (4, 5, 20, 25))])
    table = collection.folder / "annotations.json"
    whole = json.loads(table.read_text())
    table.unlink()
    collection.accept(names[2], [])
    made = json.loads(table.read_text())
    assert sorted(one["file_name"] for one in made["images"]) == sorted(f"{name}.jpg" for name in names)
    assert [one["bbox"] for one in made["annotations"]] == [one["bbox"] for one in whole["annotations"]]


def test_the_coco_document_of_a_process_that_was_killed_is_whole_after_the_next_decision(
    collection: Collection,
) -> None:
    first, second, third = (collection.add(picture()[0], proposal()) for _ in range(3))
    table = collection.folder / "annotations.json"
    collection.accept(first, [MarkedObject("no", (4, 5, 20, 25))])
    before = table.read_text()
    collection.accept(second, [MarkedObject("stop", (4, 5, 20, 25))])
    table.write_text(before)  # as if it had been killed while it took the second out
    (collection.folder / ".annotations.json.abc").write_text("half")
    (collection.folder / ".gitignore").write_text("mine")
    create_collection(collection.folder, []).accept(third, [])
    made = json.loads(table.read_text())
    assert sorted(one["file_name"] for one in made["images"]) == sorted(f"{one}.jpg" for one in (first, second, third))
    assert sorted(one["category_id"] for one in made["annotations"]) == [1, 2]
    hidden = {path.name for path in collection.folder.iterdir() if path.name.startswith(".")}
    assert hidden == {".lock", ".gitignore"}


def test_a_new_class_leaves_the_ids_of_classes_of_one_name_alone(collection: Collection) -> None:
    (collection.folder / "data.yaml").write_text("train: images\nval: images\nnames: [a, a, b]\n")
    collection.accept(name := collection.add(picture()[0], proposal()), [MarkedObject("b", (1, 2, 13, 14))])
    assert (collection.folder / "labels" / f"{name}.txt").read_text().startswith("2 ")
    collection.accept(name := collection.add(picture()[0], proposal()), [MarkedObject("new", (1, 2, 13, 14))])
    assert collection.names() == ("a", "a", "b", "new")
    assert (collection.folder / "labels" / f"{name}.txt").read_text().startswith("3 ")


def test_classes_that_could_not_be_read_again_are_not_written(collection: Collection) -> None:
    before = collection.names()
    with pytest.raises(ConfigError, match="of which 1,048,576 can be read"):
        collection.with_classes(f"{index:04d}{'ü' * 390}" for index in range(3000))
    assert Collection(collection.folder).names() == before


def test_what_cannot_be_read_can_be_thrown_away(collection: Collection, tmp_path: Path) -> None:
    broken, linked, long = (collection.add(picture()[0], proposal()) for _ in range(3))
    waiting = collection.folder / "waiting"
    (waiting / f"{broken}.jpg").write_bytes(b"GIF89a")
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(picture()[0])
    (waiting / f"{linked}.jpg").unlink()
    (waiting / f"{linked}.jpg").symlink_to(mine)
    (waiting / f"{long}.json").write_text(json.dumps({"version": 1, "more": "x" * (2 << 20)}))
    for name in (broken, linked, long):
        collection.refuse(name)
    assert not list(waiting.iterdir())
    assert mine.is_file()
    assert collection.undo() is None
