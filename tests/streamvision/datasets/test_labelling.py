from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.core.labelling import LabelBox, PictureChangedError, UnknownPictureError
from streamvision.datasets import read_dataset
from streamvision.datasets.collection import Collection
from streamvision.datasets.labelling import FolderLabelling
from support.collection_folders import collection_with


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return collection_with(tmp_path / "collected", hardness=(0.9, 0.2, 0.5))


@pytest.fixture
def labelling(folder: Path) -> FolderLabelling:
    return FolderLabelling(folder)


def names_of(labelling: FolderLabelling) -> list[str]:
    return [one.name for one in labelling.overview("").pictures]


def test_the_hardest_comes_first_and_keeps_its_place_when_it_is_labelled(labelling: FolderLabelling) -> None:
    before = names_of(labelling)
    first = labelling.opened(before[0], "")
    assert (first.state, first.boxes[0].class_name, first.boxes[0].score) == ("waiting", "stop", 0.31)
    labelling.accept(first.name, first.boxes, first.version)
    overview = labelling.overview("")
    assert [one.name for one in overview.pictures] == before
    assert [one.state for one in overview.pictures] == ["labelled", "waiting", "waiting"]
    assert overview.pictures[0].classes == ("stop",)
    assert overview.pictures[1].reasons == ("uncertain",)
    assert str(labelling.overview("").folder_id) not in overview.folder


def test_what_was_saved_is_opened_as_it_was_and_read_as_a_data_set(labelling: FolderLabelling, folder: Path) -> None:
    name = names_of(labelling)[0]
    boxes = [LabelBox("stop", (7, 3, 51, 40)), LabelBox("no entry", (100, 50, 131, 77))]
    saved = labelling.accept(name, boxes, "waiting")
    assert [(box.class_name, box.box_xyxy_px) for box in saved.boxes] == [
        (box.class_name, box.box_xyxy_px) for box in boxes
    ]
    assert FolderLabelling(folder).opened(name, "") == saved
    assert labelling.overview("").classes[-1] == "no entry"
    [image] = read_dataset(folder).images
    assert [box.box_xyxy_px for box in image.boxes] == [pytest.approx(box.box_xyxy_px, abs=1e-3) for box in boxes]


def test_the_second_of_two_people_is_told_and_a_lost_answer_is_no_conflict(labelling: FolderLabelling) -> None:
    name = names_of(labelling)[0]
    mine, theirs = [LabelBox("stop", (1, 2, 30, 40))], [LabelBox("stop", (5, 6, 30, 40))]
    saved = labelling.accept(name, theirs, "waiting")
    with pytest.raises(PictureChangedError, match="somebody else"):
        labelling.accept(name, mine, "waiting")
    with pytest.raises(PictureChangedError):
        labelling.refuse(name, "waiting")
    assert labelling.accept(name, theirs, "waiting") == saved
    assert labelling.accept(name, mine, saved.version).boxes[0].box_xyxy_px == (1, 2, 30, 40)


def test_others_see_which_picture_is_taken_until_it_is_let_go(labelling: FolderLabelling) -> None:
    first, second, _ = names_of(labelling)
    taken = lambda by: [one.name for one in labelling.overview(by).pictures if one.taken]  # noqa: E731
    labelling.opened(first, "ann")
    assert (taken("bob"), taken("ann")) == ([first], [])
    labelling.opened(second, "ann")
    assert taken("bob") == [second]
    labelling.accept(second, [], "waiting")
    assert taken("bob") == []


def test_what_was_thrown_away_waits_again(labelling: FolderLabelling) -> None:
    first, second, _ = names_of(labelling)
    labelling.refuse(first, "waiting")
    labelling.refuse(second, "waiting")
    with pytest.raises(UnknownPictureError):
        labelling.opened(first, "")
    assert labelling.put_back(first).state == "waiting"
    assert set(names_of(labelling)) > {first}
    with pytest.raises(UnknownPictureError, match="cannot be had back"):
        labelling.put_back(first)


def test_boxes_are_cut_to_the_picture_and_tiny_ones_are_refused(labelling: FolderLabelling) -> None:
    name = names_of(labelling)[0]
    for corners in ((5, 5, 5.5, 20), (-20, 0, 0.2, 50), (500, 500, 600, 600)):
        with pytest.raises(ConfigError, match=r"less than 1 pixel of the picture, which is 160x120; draw it larger"):
            labelling.accept(name, [LabelBox("stop", corners)], "waiting")
    saved = labelling.accept(name, [LabelBox("stop", (-9, 100, 40, 999))], "waiting")
    assert saved.boxes[0].box_xyxy_px == (0, 100, 40, 120)


@pytest.mark.parametrize("name", ["../data", "..", "a/b", "", "\0", "x" * 300, "no-such"])
def test_names_lead_nowhere_else(labelling: FolderLabelling, name: str) -> None:
    for act in (
        lambda: labelling.opened(name, ""),
        lambda: labelling.jpeg(name),
        lambda: labelling.accept(name, [], "waiting"),
        lambda: labelling.refuse(name, "waiting"),
        lambda: labelling.put_back(name),
    ):
        with pytest.raises(UnknownPictureError):
            act()


def test_what_cannot_be_read_is_left_out_of_the_list(labelling: FolderLabelling, folder: Path) -> None:
    broken = names_of(labelling)[0]
    (folder / "waiting" / f"{broken}.json").write_text('{"version": 1, "image": 7}')
    labelled = names_of(labelling)[0]
    Collection(folder).accept(labelled, [])
    (folder / "labels" / f"{labelled}.txt").write_text("0 nonsense\n7 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.25 0.5\n")
    assert broken not in names_of(labelling)
    assert [box.box_xyxy_px for box in labelling.opened(labelled, "").boxes] == [(60, 30, 100, 90)]
