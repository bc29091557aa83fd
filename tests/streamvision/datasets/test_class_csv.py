"""Tables with a row for each picture and its class."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.label_folders import detect_labels
from support.labelled_pictures import save_picture


def table(folder: Path, text: str, *pictures: str) -> Path:
    for name in pictures:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.zeros((8, 8, 3), np.uint8))
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_pictures_with_a_class_and_a_part(tmp_path: Path) -> None:
    rows = "Label, Filename,split\ndog,a.png,train\ncat,sub/b.png,valid\ndog,c.png,\n"
    path = table(tmp_path, rows, "a.png", "sub/b.png", "val/c.png")
    found = read_classes(path)
    assert found.names == ("cat", "dog")
    listed = {str(one.path.relative_to(tmp_path)): (found.names[one.class_id], one.split) for one in found.images}
    assert listed == {"a.png": ("dog", "train"), "sub/b.png": ("cat", "val"), "val/c.png": ("dog", "val")}
    assert found.problems == ()
    assert detect_labels(path) == "classes"


def test_what_is_wrong_is_a_problem_each(tmp_path: Path) -> None:
    (tmp_path / "outside.png").touch()
    rows = "image,class\na.png,cat\na.png,dog\na.png,cat\nb.png,\n,cat\ngone.png,cat\n../outside.png,cat\nb.png,dog\n"
    found = read_classes(table(tmp_path / "set", rows, "a.png", "b.png"))
    assert [found.names[one.class_id] for one in found.images] == ["cat", "dog"]
    reasons = " | ".join(one.reason for one in found.problems)
    for said in (
        "is cat and dog in table.csv",
        "row 5 names no class",
        "row 6 names no picture",
        "row 7 names gone.png",
    ):
        assert said in reasons
    assert all((tmp_path / "outside.png") != one.path for one in found.images)


def test_names_of_classes_are_those_of_folders(tmp_path: Path) -> None:
    rows = f"image,class\na.png,../up\nb.png,.hidden\nc.png,{'é' * 190}\n"
    found = read_classes(table(tmp_path, rows, "a.png", "b.png", "c.png"))
    assert found.names[:2] == ("__up", "_hidden")
    for name in found.names:
        assert (tmp_path / "out" / name).parent == tmp_path / "out"
        (tmp_path / "out" / name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,kind\na.png,cat\n", "has no columns for pictures and their classes"),
        ("filename,width,height,class,xmin,ymin,xmax,ymax\na.png,8,8,cat,1,1,2,2\n", "has no columns"),
        ("filename,class\ngone.png,cat\n", "names no picture that is there"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_classes(table(tmp_path, text, "a.png"))


def test_classes_that_no_folder_tells_apart_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_picture(tmp_path / f"{name}.png")
    (tmp_path / "t.csv").write_text("filename,class\na.png,a/b\nb.png,a_b\n", encoding="utf-8")
    (problem,) = read_classes(tmp_path / "t.csv").problems
    assert problem.kind == "bad_class" and "a/b and a_b, both read as a_b" in problem.reason
