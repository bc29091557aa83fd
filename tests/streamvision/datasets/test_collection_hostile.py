"""Collections that others have damaged, linked elsewhere or left half written: nothing is lost or written outside."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError, OutputError, StreamVisionError
from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_records import (
    MarkedObject,
    ProposedBox,
    read_proposal,
)
from support.collection_folders import picture, proposal


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
