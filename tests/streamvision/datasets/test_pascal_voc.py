from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.datasets import read_dataset
from support.labelled_pictures import reasons, save_picture


def write_xml(
    folder: Path,
    stem: str = "a",
    *boxes: tuple[str, float, float, float, float],
    size: tuple[int, int] = (60, 40),
    origin: str = "",
) -> None:
    objects = "".join(
        f"<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for name, x0, y0, x1, y1 in boxes
    )
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    (folder / "Annotations" / f"{stem}.xml").write_text(
        f"<annotation>{origin}<filename>{stem}.jpg</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>{objects}</annotation>"
    )


@pytest.mark.parametrize(
    ("origin", "whole_picture"),
    [
        ("<source><database>The VOC2007 Database</database></source>", (1, 1, 60, 40)),
        ("<folder>VOC2012</folder>", (1, 1, 60, 40)),
        ("<folder>images</folder>", (0, 0, 60, 40)),
        ("<source><database>Unknown</database></source>", (0, 0, 60, 40)),
    ],
)
def test_the_challenge_counts_pixels_from_one_and_others_do_not(
    origin: str, whole_picture: tuple[int, int, int, int], tmp_path: Path
) -> None:
    save_picture(tmp_path / "JPEGImages" / "a.jpg")
    write_xml(tmp_path, "a", ("car", *whole_picture), origin=origin)
    dataset = read_dataset(tmp_path)
    assert dataset.images[0].boxes[0].box_xyxy_px == (0, 0, 60, 40)
    assert dataset.problems == ()


@pytest.mark.parametrize("pictures", ["JPEGImages", "images", "."])
def test_pictures_are_found_where_sets_keep_them(pictures: str, tmp_path: Path) -> None:
    save_picture(tmp_path / pictures / "a.jpg")
    write_xml(tmp_path, "a", ("car", 1, 2, 3, 4))
    assert read_dataset(tmp_path).images[0].path == tmp_path / pictures / "a.jpg"


@pytest.mark.parametrize(
    ("annotations", "pictures"),
    [
        ("Annotations/{}", "JPEGImages/{}"),
        ("day/Annotations/{}", "day/images/{}"),
        ("{}/Annotations", "{}/JPEGImages"),
        ("{}", "{}"),
    ],
)
def test_equal_names_in_folders_of_cameras(annotations: str, pictures: str, tmp_path: Path) -> None:
    for left, camera in ((1, "cam1"), (20, "cam2")):
        save_picture(tmp_path / pictures.format(camera) / "00.jpg", seed=left)
        write_xml(tmp_path / "made", "00", ("car", left, 2, left + 10, 30))
        place = tmp_path / annotations.format(camera) / "00.xml"
        place.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / "Annotations" / "00.xml").rename(place)
    dataset = read_dataset(tmp_path)
    assert [image.boxes[0].box_xyxy_px[0] for image in dataset.images] == [1, 20]
    assert ["cam1" in str(image.path) for image in dataset.images] == [True, False]
    assert dataset.problems == ()


def test_folders_in_the_name_of_the_picture_count(tmp_path: Path) -> None:
    for camera in ("cam1", "cam2"):
        save_picture(tmp_path / "JPEGImages" / camera / "00.jpg", seed=len(camera))
        write_xml(tmp_path, f"{camera}_00", ("car", 1, 2, 3, 4))
        path = tmp_path / "Annotations" / f"{camera}_00.xml"
        path.write_text(path.read_text().replace(f"{camera}_00.jpg", f"{camera}/00.jpg"))
    dataset = read_dataset(tmp_path)
    assert [len(image.boxes) for image in dataset.images] == [1, 1]
    assert dataset.problems == ()


def test_boxes_that_cannot_be_are_named_and_left_out(tmp_path: Path) -> None:
    save_picture(tmp_path / "JPEGImages" / "a.jpg")
    write_xml(
        tmp_path,
        "a",
        ("good", 5, 5, 10, 10),
        ("flat", 5, 5, 20, 5),
        ("swapped", 20, 5, 10, 10),
        ("outside", 61, 5, 70, 10),
        ("nan", float("nan"), 5, 70, 10),
        ("over", -3, 5, 10, 44),
    )
    dataset = read_dataset(tmp_path)
    kept = {dataset.names[box.class_id]: box.box_xyxy_px for _, box in dataset.boxes()}
    assert kept == {"good": (5, 5, 10, 10), "over": (0, 5, 10, 40)}
    assert ["flat" in reasons(dataset, "bad_box")[0], "swapped" in reasons(dataset, "bad_box")[1]] == [True, True]
    assert "no number" in reasons(dataset, "bad_box")[2]
    assert [reason.rsplit("; ", 1)[1] for reason in reasons(dataset, "box_outside")] == ["left out", "cut there"]
    assert all(problem.path.name == "a.xml" for problem in dataset.problems)


def test_bad_files_are_named_with_the_reason_and_the_others_read(tmp_path: Path) -> None:
    for stem in ("good", "cut", "empty", "lonely"):
        save_picture(tmp_path / "JPEGImages" / f"{stem}.jpg", 60, 40)
    for stem in ("good", "cut", "empty", "gone"):
        write_xml(tmp_path, stem, ("car", 1, 2, 30, 30))
    (tmp_path / "Annotations" / "torn.xml").write_text("<annotation><object>")
    (tmp_path / "Annotations" / "page.xml").write_text("<html></html>")
    whole = (tmp_path / "JPEGImages" / "cut.jpg").read_bytes()
    (tmp_path / "JPEGImages" / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "JPEGImages" / "empty.jpg").write_bytes(b"")
    dataset = read_dataset(tmp_path)
    assert [image.path.stem for image in dataset.images] == ["good"]
    broken = reasons(dataset, "broken_picture")
    assert broken[0].startswith("cut.jpg: cannot be decoded")
    assert broken[1] == "empty.jpg: is empty; left out"
    assert reasons(dataset, "missing_picture") == ["gone.xml: names the picture gone.jpg, which is not there; left out"]
    assert reasons(dataset, "unlabelled_picture") == ["lonely.jpg: has no XML file; left out"]
    assert [reason.split(":")[0] for reason in reasons(dataset, "broken_labels")] == ["page.xml", "torn.xml"]


def test_a_picture_without_objects_is_part_of_the_set(tmp_path: Path) -> None:
    save_picture(tmp_path / "JPEGImages" / "a.jpg")
    write_xml(tmp_path, "a")
    dataset = read_dataset(tmp_path)
    assert [image.boxes for image in dataset.images] == [()]
    assert dataset.problems == ()


def test_a_wrong_size_is_reported_and_boxes_are_kept(tmp_path: Path) -> None:
    save_picture(tmp_path / "JPEGImages" / "a.jpg", 60, 40)
    write_xml(tmp_path, "a", ("car", 1, 2, 30, 30), size=(600, 400))
    dataset = read_dataset(tmp_path)
    assert (dataset.images[0].width_px, dataset.images[0].height_px) == (60, 40)
    assert dataset.images[0].boxes[0].box_xyxy_px == (1, 2, 30, 30)
    assert "says 600x400 for a.jpg, which is 60x40" in reasons(dataset, "wrong_size")[0]


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(5, (2, 1, 12, 7)), (6, (28, 1, 38, 7)), (7, (28, 53, 38, 59)), (8, (2, 53, 12, 59))],
)
def test_boxes_marked_before_exif_rotation_turn_with_the_picture(
    orientation: int, turned: tuple[int, int, int, int], tmp_path: Path
) -> None:
    save_picture(tmp_path / "JPEGImages" / "a.jpg", 60, 40, orientation=orientation)
    write_xml(tmp_path, "a", ("car", 1, 2, 7, 12), size=(60, 40))
    dataset = read_dataset(tmp_path)
    assert (dataset.images[0].width_px, dataset.images[0].height_px) == (40, 60)
    assert dataset.images[0].boxes[0].box_xyxy_px == turned
    assert "EXIF" in reasons(dataset, "wrong_size")[0]


@pytest.mark.parametrize(
    ("orientation", "turned"), [(2, (53, 1, 59, 11)), (3, (53, 29, 59, 39)), (4, (1, 29, 7, 39)), (1, (1, 1, 7, 11))]
)
@pytest.mark.parametrize("told", ["stored", "shown", "both", "nothing"])
def test_boxes_whose_size_does_not_tell_turn_as_those_of_other_pictures(
    orientation: int, turned: tuple[int, int, int, int], told: str, tmp_path: Path
) -> None:
    save_picture(tmp_path / "JPEGImages" / "a.jpg", 60, 40, orientation=orientation)
    write_xml(tmp_path, "a", ("car", 1, 1, 7, 11), size=(60, 40))
    for stem, size in (("stored", (60, 40)), ("shown", (40, 60))):
        if told in (stem, "both"):
            save_picture(tmp_path / "JPEGImages" / f"{stem}.jpg", 60, 40, orientation=6, seed=size[0])
            write_xml(tmp_path, stem, ("car", 1, 1, 7, 11), size=size)
    dataset = read_dataset(tmp_path)
    assert dataset.images[0].boxes[0].box_xyxy_px == (turned if told == "stored" else (1, 1, 7, 11))
    said = any("a.jpg were turned as its EXIF" in reason for reason in reasons(dataset, "wrong_size"))
    assert said == (told == "stored" and orientation != 1)


def test_boxes_marked_after_exif_rotation_stay(tmp_path: Path) -> None:
    save_picture(tmp_path / "JPEGImages" / "a.jpg", 60, 40, orientation=6)
    write_xml(tmp_path, "a", ("car", 1, 2, 7, 12), size=(40, 60))
    dataset = read_dataset(tmp_path)
    assert dataset.images[0].boxes[0].box_xyxy_px == (1, 2, 7, 12)
    assert dataset.problems == ()


def test_the_devkits_lists_of_one_class_are_read(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        save_picture(tmp_path / "JPEGImages" / f"{stem}.jpg")
        write_xml(tmp_path, stem, ("car", 1, 2, 7, 12))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a  1\n")
    (lists / "val.txt").write_text("b -1\n")
    assert [image.split for image in read_dataset(tmp_path).images] == ["train", "val"]


@pytest.mark.parametrize(
    "line",
    ["{}/00", "{}/00  1", "{}\\00", "{}/00.jpg", "./{}/00", "JPEGImages/{}/00.jpg", "Annotations/{}/00.xml",
     "/home/me/VOC/JPEGImages/{}/00.jpg"],
)  # fmt: skip
def test_lists_may_name_folders(line: str, tmp_path: Path) -> None:
    for left, camera in ((1, "cam1"), (20, "cam2"), (30, "cam3")):
        save_picture(tmp_path / "JPEGImages" / camera / "00.jpg", seed=left)
        write_xml(tmp_path / camera, "00", ("car", left, 2, left + 10, 30))
        (tmp_path / "Annotations" / camera).mkdir(parents=True)
        (tmp_path / camera / "Annotations" / "00.xml").rename(tmp_path / "Annotations" / camera / "00.xml")
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text(line.format("cam1") + "\n")
    (lists / "val.txt").write_text(line.format("cam2") + "\n")
    splits = {image.path.parent.name: image.split for image in read_dataset(tmp_path).images}
    assert splits == {"cam1": "train", "cam2": "val", "cam3": None}


def test_a_list_names_the_folder_of_the_picture(tmp_path: Path) -> None:
    for camera in ("cam1", "cam2"):
        save_picture(tmp_path / "JPEGImages" / camera / "00.jpg", seed=len(camera))
        write_xml(tmp_path, f"{camera}_00", ("car", 1, 2, 3, 4))
        path = tmp_path / "Annotations" / f"{camera}_00.xml"
        path.write_text(path.read_text().replace(f"{camera}_00.jpg", f"{camera}/00.jpg"))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("cam1/00\ncam2/01\n")
    (lists / "val.txt").write_text("cam2_00\n")
    assert [image.split for image in read_dataset(tmp_path).images] == ["train", "val"]


def test_folders_tell_the_split_where_no_list_does(tmp_path: Path) -> None:
    for folder, seed in (("train", 0), ("valid", 1)):
        save_picture(tmp_path / folder / "a.jpg", seed=seed)
        write_xml(tmp_path / folder, "a", ("car", 1, 2, 7, 12))
    assert [image.split for image in read_dataset(tmp_path).images] == ["train", "val"]
