"""Lists of problems have a bound, and say how many more there are."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamvision.cli.data import data
from streamvision.datasets.captions import read_captions
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.dataset import Problem
from streamvision.datasets.formats import read_dataset
from streamvision.datasets.problems import MAX_OF_KIND, Problems, number_of, problems_json
from support.labelled_pictures import save_picture

ROWS = 3 * MAX_OF_KIND
TABLES = {
    "classes": ("filename,class\na.png,car\nb.png,bus\n", "gone{}.png,car\n"),
    "captions": ("filename,caption\na.png,a car\n", "gone{}.png,a car\n"),
    "boxes": (
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,60,40,car,1,2,30,20\n",
        "a.png,60,40,c,9,9,9,{}\n",
    ),
    "open": ("ImageID,LabelName,XMin,XMax,YMin,YMax\na,car,0.1,0.5,0.1,0.5\n", "a,car,0.{},7,7,7\n"),
}
READERS = {"classes": read_classes, "captions": read_captions, "boxes": read_dataset, "open": read_dataset}


def table(folder: Path, kind: str, rows: int) -> Path:
    for name in ("a", "b"):
        save_picture(folder / f"{name}.png", seed=ord(name))
    begin, row = TABLES[kind]
    path = folder / "table.csv"
    path.write_text(begin + "".join(row.format(number) for number in range(rows)))
    return path


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_broken_rows_gives_a_bounded_list(kind: str, tmp_path: Path) -> None:
    problems = READERS[kind](table(tmp_path, kind, ROWS)).problems
    assert len(problems) <= MAX_OF_KIND + 2
    assert number_of(problems) >= ROWS
    (rest,) = (one for one in problems if one.times > 1)
    assert rest.reason == f"... and {rest.times:,} more"
    assert rest.times == ROWS - MAX_OF_KIND


def test_the_memory_of_a_list_does_not_grow_with_the_table() -> None:
    tracemalloc.start()
    try:
        found = Problems(
            Problem(Path("a.csv"), f"row {number} names no picture", "bad_class") for number in range(100_000)
        )
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert found.first is not None and found.first.reason == "row 0 names no picture"


def test_kinds_have_bounds_of_their_own_and_counts_add_up() -> None:
    many = [Problem(Path("a"), str(number), "bad_box") for number in range(MAX_OF_KIND + 7)]
    few = [Problem(Path("b"), "b", "leak")]
    once = tuple(Problems([*many, *few]))
    assert once[-1] == Problem(Path("a"), "... and 7 more", "bad_box", 7)
    assert few[0] in once
    twice = tuple(Problems([*once, *many]))
    assert (len(twice), number_of(twice)) == (MAX_OF_KIND + 2, 2 * MAX_OF_KIND + 15)
    assert problems_json(once)[-1] == {"path": "a", "kind": "bad_box", "reason": "... and 7 more"}
    assert tuple(Problems()) == () and Problems().first is None


def test_the_command_tells_how_many_there_are(tmp_path: Path) -> None:
    table(tmp_path, "boxes", ROWS)
    said = CliRunner().invoke(data, ["inspect", str(tmp_path)], catch_exceptions=False).output
    assert f"{ROWS:,} boxes that are none" in said
    assert f"and {ROWS - 10:,} more; --all lists {MAX_OF_KIND:,}" in said
    every = CliRunner().invoke(data, ["inspect", str(tmp_path), "--all"], catch_exceptions=False).output
    assert f"... and {ROWS - MAX_OF_KIND:,} more" in every
    told = json.loads(CliRunner().invoke(data, ["inspect", str(tmp_path), "--json"], catch_exceptions=False).output)
    assert told["problem_counts"]["bad_box"] == ROWS
    assert sum(one["kind"] == "bad_box" for one in told["problems"]) == MAX_OF_KIND + 1


def test_all_pictures_without_labels_are_known_to_what_asks_for_them(tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "a.png").read_bytes()
    (tmp_path / "boxes.csv").write_text(TABLES["boxes"][0])
    for number in range(MAX_OF_KIND + 5):
        (tmp_path / f"more {number}.png").write_bytes(picture)
    problems = read_dataset(tmp_path).problems
    assert sum(one.kind == "unlabelled_picture" for one in problems) == MAX_OF_KIND + 5
    assert len(problems_json(problems)) == MAX_OF_KIND + 1
