from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.labelling import PictureChangedError
from streamvision.datasets import read_dataset
from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_records import (
    Look,
    Looks,
    MarkedObject,
)
from streamvision.datasets.dataset import LabelledBox
from support.collection_folders import picture, proposal


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


def test_the_newest_pictures_are_known_whatever_their_stream_is_called(collection: Collection) -> None:
    for number, stream in enumerate(("a street", "the yard", "the yard", "a street")):
        jpeg, rgb = picture()
        shot = proposal(stream=stream, captured_unix_s=1_700_000_000.0 + number, looks=Looks(Look.of(rgb)))
        collection.add(jpeg, shot)
        newest = Look.of(rgb)
    (collection.folder / "waiting" / "zebra.json").write_text("{}", encoding="utf-8")  # does not say when
    assert [known.picture.hash for known in collection.looks(most=1)] == [newest.hash]
    assert len(list(collection.looks(most=4))) == 4
    assert not list(collection.looks(most=0))


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


_ACCEPT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from streamvision.datasets import collection_annotations
from streamvision.datasets.collection import Collection
from streamvision.datasets.collection_records import MarkedObject
collection_annotations.AT_ONCE_BYTES = 0
collection = Collection(Path(sys.argv[1]))
collection.accept(sys.argv[2], [MarkedObject("stop", (1, 2, 13, 14)), MarkedObject("new", (1, 2, 9, 14))])
collection.refuse(sys.argv[3])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_large_coco_document_follows_later_and_loses_nothing_with_a_killed_process(collection: Collection) -> None:
    first, second, third = (collection.add(picture()[0], proposal()) for _ in range(3))
    for name in (first, second):
        collection.accept(name, [MarkedObject("stop", (4, 5, 20, 25))])
    table = collection.folder / "annotations.json"
    before = table.read_text()
    command = [sys.executable, "-c", _ACCEPT_AND_DIE, str(collection.folder), first, second]
    assert subprocess.run(command, timeout=300, check=False).returncode == -9
    assert table.read_text() == before  # it is written at intervals
    assert len((collection.folder / "labels" / f"{first}.txt").read_text().splitlines()) == 2  # and labels at once
    create_collection(collection.folder, [])
    document = json.loads(table.read_text())
    assert [entry["file_name"] for entry in document["images"]] == [f"{first}.jpg"]
    assert [entry["category_id"] for entry in document["annotations"]] == [1, 3]
    assert not (collection.folder / "annotations.pending").exists()
    assert collection.waiting_names() == [third]
    (collection.folder / "annotations.pending").write_bytes(b"\xff")  # not to be read: all are looked at
    (collection.folder / "labels" / f"{first}.txt").write_text("")
    collection.write_annotations()
    assert json.loads(table.read_text())["annotations"] == []


def test_a_pipe_in_the_place_of_what_is_pending_is_waited_for_by_nobody(collection: Collection) -> None:
    name = collection.add(picture()[0], proposal())
    os.mkfifo(collection.folder / "annotations.pending")
    with pytest.raises(OutputError, match=r"cannot write .*annotations\.pending"):
        collection.accept(name, [])
    assert collection.waiting_names() == [name]


def test_comments_of_somebody_stay_where_a_class_is_added(collection: Collection) -> None:
    path = collection.folder / "data.yaml"
    path.write_text("# by Ann\ntrain: images\nval: images\nnames:\n  0: stop  # the octagon\n  1: no\n")
    collection.accept(collection.add(picture()[0], proposal()), [MarkedObject("new: class", (4, 5, 20, 25))])
    assert path.read_text().splitlines()[-3:] == ["  0: stop  # the octagon", "  1: no", '  2: "new: class"']
    assert collection.names() == ("stop", "no", "new: class")


@pytest.mark.parametrize(
    "content",
    [
        "base: &own\n  names: [stop]\n<<: *own\nkpt_shape: [2, 3]\n",
        "names: &own [stop]  # the octagon\nothers: *own\n",
        "# nothing yet\nnames: []\n",
    ],
)
def test_where_a_class_cannot_be_added_nothing_is_lost(collection: Collection, content: str) -> None:
    path = collection.folder / "data.yaml"
    path.write_text(content)
    name = collection.add(picture()[0], proposal())
    with pytest.raises(ConfigError, match="says its classes in a way in which new cannot be added"):
        collection.accept(name, [MarkedObject("new", (4, 5, 20, 25))])
    assert path.read_text() == content
    assert collection.waiting_names() == [name]
