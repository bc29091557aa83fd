"""Pictures with sentences: tables and COCO's captions are read, and what is wrong with them is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets.answer_table import read_answers
from streamvision.datasets.captions import MAX_CAPTION_CHARACTERS, MAX_CAPTIONS, read_captions
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.drive import DriveSampling
from streamvision.datasets.drive_captions import write_drive_captions

FIRST = b'{"filename": "a.png", "caption": "a"}\n'


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.zeros((4, 6, 3), np.uint8))


def test_a_csv_has_a_row_for_each_sentence(tmp_path: Path) -> None:
    pictures(tmp_path, "images/a.png", "b.png")
    (tmp_path / "sentences.csv").write_text(
        "Caption,filename,split\n"
        '"A dog, asleep",images/a.png,train\nA  sleeping\tdog,a.png,\nA dog,gone.png,\n,b.png,\nA cat,b.png,val\n',
        encoding="utf-8",
    )
    found = read_captions(tmp_path)
    assert [(one.path.name, one.captions, one.split) for one in found.images] == [
        ("b.png", ("A cat",), "val"),
        ("a.png", ("A dog, asleep", "A sleeping dog"), "train"),
    ]
    assert [problem.kind for problem in found.problems] == ["missing_picture", "broken_labels"]
    assert read_captions(tmp_path / "sentences.csv").images == found.images


def test_jsonl_may_hold_several_sentences_a_line(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    lines = [{"filename": "a.png", "captions": ["One.", 5, "Two."]}, ["no object"]]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = read_captions(tmp_path)
    assert found.images[0].captions == ("One.", "Two.")
    assert len(found.problems) == 1


def test_cocos_captions_are_read_with_the_split_of_their_file(tmp_path: Path) -> None:
    pictures(tmp_path, "val2017/7.png")
    document = {
        "images": [{"id": 7, "file_name": "7.png"}, {"id": [], "file_name": "x"}, "nonsense"],
        "annotations": [
            {"image_id": 7, "caption": "A street."},
            {"image_id": 7, "caption": "A road."},
            {"image_id": 8, "caption": "Of nothing."},
            {"image_id": 7, "caption": None},
            None,
        ],
    }
    table = tmp_path / "annotations" / "captions_val2017.json"
    table.parent.mkdir()
    table.write_text(json.dumps(document), encoding="utf-8")
    for given in (tmp_path, table):
        found = read_captions(given)
        assert [(one.captions, one.split) for one in found.images] == [(("A street.", "A road."), "val")]
        assert len(found.problems) == 3


def test_long_and_many_sentences_are_bounded(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    rows = "".join(f"a.png,{number} {'x' * 3000}\n" for number in range(MAX_CAPTIONS + 5))
    (tmp_path / "t.csv").write_text(f"filename,caption\n{rows}", encoding="utf-8")
    (image,) = read_captions(tmp_path).images
    assert len(image.captions) == MAX_CAPTIONS
    assert max(map(len, image.captions)) == MAX_CAPTION_CHARACTERS


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("t.csv", "filename,class\na.png,dog\n", "no table of captions"),
        ("t.csv", "filename,caption\nb.png,A dog\n", "describes no picture that is there"),
        ("captions_val.json", '{"images": 5, "caption": []}', "so it is not COCO"),
        ("t.jsonl", '{"filename": "a.png", "caption": "A', "describes no picture that is there"),
    ],
)
def test_what_is_no_table_of_captions_is_refused_in_a_sentence(
    name: str, text: str, error: str, tmp_path: Path
) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=error) as refused:
        read_captions(tmp_path)
    assert "\n" not in str(refused.value)


def test_the_drive_is_written_with_a_sentence_each_and_equal_seeds_are_equal(tmp_path: Path) -> None:
    sampling = DriveSampling(4, seed=3, width_px=96, height_px=64, val_images=2)
    for name in ("one", "two"):
        write_drive_captions(tmp_path / name, sampling)
    one, two = (read_captions(tmp_path / name) for name in ("one", "two"))
    assert [image.captions for image in one.images] == [image.captions for image in two.images]
    assert [image.split for image in one.images] == ["train"] * 4 + ["val"] * 2
    assert one.problems == ()


def test_only_line_ends_end_lines_and_nothing_steers_a_terminal(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    lines = [{"filename": "a.png", "caption": "a\u2028road\x85ahead"}, {"filename": "b.png", "caption": "\x1b[2Jred"}]
    (tmp_path / "all.jsonl").write_text(
        "\n".join(json.dumps(one, ensure_ascii=False) for one in lines), encoding="utf-8"
    )
    found = read_captions(tmp_path)
    assert [one.captions for one in found.images] == [("a road ahead",), ("[2Jred",)]
    assert found.problems == ()
    (tmp_path / "all.csv").write_text("filename,caption\na.png,a\u2028road\nb.png,c\x85d\n", encoding="utf-8")
    found = read_captions(tmp_path / "all.csv")
    assert [one.captions for one in found.images] == [("a road",), ("c d",)]


@pytest.mark.parametrize(
    ("table", "content", "said"),
    [
        (
            "a.jsonl",
            b'{"filename": "a.png", "caption": "a"}\n\n{"filename": "a.png", "caption":\n',
            "has a line 3 that is",
        ),
        (
            "a.jsonl",
            b'{"filename": "a.png", "caption": "a"}\n' + b"[" * 9999,
            "has a line 2 that is nested too deeply; m",
        ),
        (
            "a.csv",
            b'filename,caption\na.png,a\na.png,"b\na.png,c\n',
            "is not valid CSV from line 3 on (unexpected",
        ),
        ("a.csv", b'filename,caption\na.png,a\na.png,b" c" d\na.png,"e"f"\n', "is not valid CSV from line 4 on"),
    ],
)
def test_a_broken_line_is_named_and_what_stands_before_it_is_kept(
    table: str, content: bytes, said: str, tmp_path: Path
) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / table).write_bytes(content)
    found = read_captions(tmp_path)
    assert found.images[0].captions[0] == "a"
    (problem,) = found.problems
    assert said in problem.reason
    assert problem.reason.endswith("the rows after that were left out")


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("read", [read_captions, read_answers, read_classes])
def test_tables_without_commas_are_told_so(read: Any, separator: str, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    column = {read_captions: "caption", read_answers: "weather", read_classes: "class"}[read]
    rows = [["filename", column, "distance [m]"], ["a.png", "day", "3,5"]]
    (tmp_path / "t.csv").write_text("".join(f"{separator.join(row)}\n" for row in rows), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"separates its columns by .*write it with commas, and numbers with points"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("read", [read_captions, read_answers, read_classes])
def test_line_ends_marks_of_order_and_quoted_commas_are_as_spreadsheets_write_them(read: Any, tmp_path: Path) -> None:
    column = {read_captions: "caption", read_answers: "weather", read_classes: "class"}[read]
    names = ["a.png", 'b, "c".png']
    pictures(tmp_path, *names)
    rows = f'"FileName",{column},"distance [m]"\na.png,day,3\n"b, ""c"".png","rain",4.5\n'
    for content in (rows, rows.replace("\n", "\r\n"), rows.replace("\n", "\r"), f"\ufeff{rows}"):
        (tmp_path / "t.csv").write_bytes(content.encode("utf-8"))
        assert [image.path.name for image in read(tmp_path / "t.csv").images] == names
    (tmp_path / "t.csv").write_bytes(rows.replace("rain", "größe").encode("latin-1"))
    with pytest.raises(ConfigError):
        read(tmp_path / "t.csv")
