from __future__ import annotations

from pathlib import Path

from streamvision.datasets import read_dataset
from support.labelled_pictures import reasons, save_picture

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def test_the_tables_of_the_tutorials(tmp_path: Path) -> None:
    for split, seed in (("train", 0), ("test", 1)):
        save_picture(tmp_path / "images" / split / "a.jpg", seed=seed)
        rows = "a.jpg,60,40,car,1,2,30,20.5\na.jpg,60,40,bus,0,0,60,40\n"
        (tmp_path / "images" / f"{split}_labels.csv").write_text(HEADER + rows)
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("bus", "car")
    assert [(image.path.parent.name, image.split) for image in dataset.images] == [("test", "test"), ("train", "train")]
    assert next(box.box_xyxy_px for _, box in dataset.boxes()) == (1, 2, 30, 20.5)
    assert dataset.problems == ()


def test_bad_rows_are_named_by_number(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.jpg")
    save_picture(tmp_path / "b.jpg", seed=1)
    rows = (
        "a.jpg,60,40,car,1,2,30,20\na.jpg,60,40,car,1,2,thirty,20\na.jpg,60,40,,1,2,30,20\ngone.jpg,60,40,car,1,2,3,4\n"
    )
    (tmp_path / "labels.csv").write_text(HEADER + rows + "a.jpg,60,40\n")
    dataset = read_dataset(tmp_path)
    assert len(list(dataset.boxes())) == 1
    assert "row 3 (a.jpg)" in reasons(dataset, "bad_box")[0]
    assert ["row 4" in reasons(dataset, "bad_class")[0], "row 6" in reasons(dataset, "bad_class")[1]] == [True, True]
    assert "gone.jpg" in reasons(dataset, "missing_picture")[0]
    assert reasons(dataset, "unlabelled_picture") == ["b.jpg: is named in no row; read as a picture without objects"]


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.jpg")
    (tmp_path / "t.csv").write_text("class,xmin,ymin,xmax,ymax,width,height,filename\ncar,1,2,3,4,60,40,a.jpg\n")
    assert [box.box_xyxy_px for _, box in read_dataset(tmp_path).boxes()] == [(1, 2, 3, 4)]
