"""Tables with a class and numbers for each picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets.answer_table import is_answer_table, read_answers
from streamvision.inference.model_card import KnownCard, NumberCard

PICTURES = ("a.png", "b.png", "c.png")


def table(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in PICTURES:
        cv2.imwrite(str(folder / name), np.zeros((8, 8, 3), np.uint8))
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_header_decides_what_is_a_class_and_what_a_number(tmp_path: Path) -> None:
    rows = "Distance [m],image,gender [class],speed,split\n3.5,a.png,0,-1e1,train\n,b.png,1,+.5,val\n7,c.png,,n/a,\n"
    found = read_answers(table(tmp_path, rows))
    assert (found.names, found.class_column) == (("0", "1"), "gender")
    assert found.numbers == (NumberCard(name="Distance", unit="m"), NumberCard(name="speed"))
    assert found.columns == ("gender", "Distance", "speed")
    assert [(one.path.name, one.class_id, one.numbers, one.split) for one in found.images] == [
        ("a.png", 0, (3.5, -10), "train"),
        ("b.png", 1, (None, 0.5), "val"),
        ("c.png", None, (7, None), None),
    ]
    assert found.problems == ()


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    rows = "filename,class,road,age,weight [kg]\na.png,cat,x,3,4\nb.png,dog,y,5,6\nc.png,cat,x,,5\n"
    found = read_answers(table(tmp_path, rows), only=("WEIGHT", "class"))
    assert (found.class_column, found.names) == ("class", ("cat", "dog"))
    assert [one.numbers for one in found.images] == [(4,), (6,), (5,)]
    alone = read_answers(table(tmp_path, rows), only=("age",))
    assert (alone.names, alone.class_column, [one.class_id for one in alone.images]) == ((), None, [None] * 3)


def test_what_is_wrong_is_a_problem_each(tmp_path: Path) -> None:
    (tmp_path / "outside.png").touch()
    cells = ("a.png,x,1e999", "a.png,y,2", "b.png,y,3_0", ",x,1", "gone.png,x,1", "../outside.png,x,1", "c.png,x,4,5")
    found = read_answers(table(tmp_path / "set", "\n".join(("file,kind,age [years]", *cells))))
    assert [(one.path.name, one.numbers) for one in found.images] == [
        ("a.png", (None,)),
        ("b.png", (None,)),
        ("c.png", (4,)),
    ]
    reasons = " | ".join(one.reason for one in found.problems)
    for said in ("has several rows", "1e999 for age", "3_0 for age", "row 5 names no picture", "row 6 names gone.png"):
        assert said in reasons
    assert all(one.path != tmp_path / "outside.png" for one in found.images)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("kind,age\nx,1\n", "no column for pictures"),
        ("file,kind,road,age\na.png,x,u,1\nb.png,y,v,2\n", "--answers 'kind' --answers 'age'"),
        ("file,kind\na.png,x\nb.png,y\n", "columns of classes alone"),
        ("file\na.png\n", "columns of no answers"),
        ("file,kind,age\na.png,x,1\nb.png,x,2\n", "one class only"),
        ("file,kind,age [years]\na.png,x,old\nb.png,y,\n", "no number in the column age"),
        ("file,kind,age,Age\na.png,x,1,2\nb.png,y,1,2\n", "with different names"),
        ("file,age\ngone.png,1\n", "names no picture that is there"),
    ],
)
def test_tables_that_no_network_can_learn_are_refused(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_answers(table(tmp_path, rows))


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'height' of answers; it has 'age', 'kind'"):
        read_answers(table(tmp_path, "file,age,kind\na.png,1,x\n"), only=("height",))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("filename,weather,distance [m]", True),
        ("\ufeffimage,split,age", True),
        ("filename,class,age", False),
        ("filename,split", False),
        ("age,weather", False),
        ("filename,width,height,class,xmin,ymin,xmax,ymax", False),
    ],
)
def test_a_table_is_told_by_its_first_line(tmp_path: Path, header: str, expected: bool) -> None:
    assert is_answer_table(table(tmp_path, f"{header}\n")) is expected


def test_only_line_ends_end_lines(tmp_path: Path) -> None:
    rows = "filename,kind [class],age\na.png,x\x85y,1\nb.png,z\u2028,2\nc.png,\x1c v,3\n"
    found = read_answers(table(tmp_path, rows))
    assert [one.numbers for one in found.images] == [(1,), (2,), (3,)]
    assert found.problems == ()


def test_numbers_that_float32_cannot_compute_with_are_left_out(tmp_path: Path) -> None:
    found = read_answers(table(tmp_path, "filename,far\na.png,1e38\nb.png,-1e29\nc.png,2\n"))
    assert [one.numbers for one in found.images] == [(None,), (-1e29,), (2,)]
    assert "1e38 for far, which is no number up to 1e+30" in found.problems[0].reason


def test_known_numbers_are_given_and_no_answers(tmp_path: Path) -> None:
    rows = "image,steering,own_speed [known to 20 m/s],x [known to 1]\na.png,0.5,3,1\nb.png,-1,,0\nc.png,0,7,n/a\n"
    found = read_answers(table(tmp_path, rows), only=("steering",))
    assert found.columns == ("steering",)
    assert found.known == (KnownCard(name="own_speed", unit="m/s", largest=20.0), KnownCard(name="x", largest=1.0))
    assert [dict(one.known) for one in found.images] == [{"own_speed": 3, "x": 1}, {"x": 0}, {"own_speed": 7}]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("image,a,b [known to 0 m]", "is known to no number above 0"),
        ("image,a,b [known to 1],c [known to 1],d [known to 1],e [known to 1],f [known to 1]", "has 5 known numbers"),
        ("image,b [known to 1]", "has columns of no answers"),
    ],
)
def test_known_columns_that_are_none_are_refused(tmp_path: Path, header: str, words: str) -> None:
    row = ",".join(["1"] * header.count(","))
    with pytest.raises(ConfigError, match=words):
        read_answers(table(tmp_path, f"{header}\na.png,{row}\n"))


@pytest.mark.parametrize("cell", ["inf", "1,000", "3 m", "-"])
def test_a_cell_that_is_no_number_among_numbers_is_named(cell: str, tmp_path: Path) -> None:
    rows = f'filename,weather,distance\na.png,day,3\nb.png,rain,"{cell}"\nc.png,rain,4\n'
    with pytest.raises(ConfigError, match=f"has {cell} among the numbers of the column distance; write numbers"):
        read_answers(table(tmp_path, rows))
