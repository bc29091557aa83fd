from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from streamvision.core.errors import ConfigError
from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_adding import add_pictures, pictures_without_labels
from streamvision.datasets.collection_records import ProposedBox
from support.collection_folders import as_jpeg, drawn


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(as_jpeg(drawn(1)))
    cv2.imwrite(str(folder / "below" / "b.png"), drawn(2))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return folder


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return create_collection(tmp_path / "labels", ["stop"])


def test_pictures_wait_with_what_is_proposed_and_the_least_sure_come_first(
    photos: Path, collection: Collection
) -> None:
    scores = iter((0.95, 0.4))
    pictures, names = pictures_without_labels(photos)
    added = add_pictures(
        collection,
        pictures,
        origin="photos",
        model_name="signs",
        propose=lambda bgr: [ProposedBox("stop", next(scores), (0, 0, bgr.shape[1] / 2, 9))],
    )
    assert (names, added.known, [problem.path.name for problem in added.problems]) == ((), 0, ["broken.jpg"])
    first, second = collection.waiting()
    assert [one.proposal.boxes[0].score for one in (first, second)] == [0.4, 0.95]
    assert (second.proposal.boxes[0].box_xyxy_px, second.proposal.model_name) == ((0, 0, 80, 9), "signs")
    assert second.proposal.reasons[0].why == "it was added from photos"
    assert collection.picture(second.name) == (photos / "a.jpg").read_bytes()
    assert collection.picture(first.name).startswith(b"\xff\xd8\xff")


def test_those_that_are_there_already_or_were_thrown_away_are_passed_over(photos: Path, collection: Collection) -> None:
    pictures, _ = pictures_without_labels(photos)
    first, second = add_pictures(collection, pictures, origin="photos").names
    collection.refuse(first)
    collection.accept(second, [])
    again = add_pictures(Collection(collection.folder), pictures, origin="photos")
    assert (again.names, again.known) == ((), 2)


def test_a_picture_that_lies_on_its_side_is_as_wide_as_it_is_shown(tmp_path: Path, collection: Collection) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(drawn(3)).save(tmp_path / "phone.jpg", exif=exif)
    add_pictures(collection, [tmp_path / "phone.jpg"], origin="phone")
    [waiting] = collection.waiting()
    assert (waiting.proposal.width_px, waiting.proposal.height_px) == (120, 160)


def test_of_a_data_set_those_without_labels_are_taken(photos: Path) -> None:
    (photos / "broken.jpg").unlink()
    (photos / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (photos / "classes.txt").write_text("yield\n")
    pictures, names = pictures_without_labels(photos)
    assert ([path.name for path in pictures], names) == (["b.png"], ("yield",))


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder; give one with pictures"):
        pictures_without_labels(tmp_path / "nothing")


def test_a_picture_of_one_pixel_is_one(tmp_path: Path, collection: Collection) -> None:
    cv2.imwrite(str(tmp_path / "dot.png"), np.full((1, 1, 3), 9, np.uint8))
    assert len(add_pictures(collection, [tmp_path / "dot.png"], origin="dot").names) == 1


def test_a_picture_that_no_jpeg_can_hold_is_left_out_and_the_others_are_added(
    photos: Path, collection: Collection
) -> None:
    wide = photos / "0 wide.png"
    cv2.imwrite(str(wide), np.zeros((1, 65_501, 3), np.uint8))
    added = add_pictures(collection, pictures_without_labels(photos)[0], origin="photos")
    assert len(added.names) == 2
    assert "has 65,501x1 pixels" in added.problems[0].reason
