from __future__ import annotations

from pathlib import Path

import pytest
from click import unstyle

from streamvision.cli.data_report import bar, describe_problems
from streamvision.datasets import read_dataset, write_dataset
from streamvision.datasets.dataset import Problem
from support.command_line import called
from support.label_formats import write_kitti
from support.labelled_pictures import contents, make_dataset, save_picture


def test_split_convert_and_inspect(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", split=False, count=10), tmp_path / "voc", format="voc")
    (tmp_path / "voc" / "Annotations" / "torn.xml").write_text("<annotation>")
    arguments = ("--fractions", "0.6,0.2,0.2", "--seed", "4", "--output", tmp_path / "parts", "--json")
    done = called("data", "split", tmp_path / "voc", *arguments)
    assert done.code == 0, done.stderr
    assert done.report["splits"] == {"train": 6, "val": 2, "test": 2}
    assert [Path(problem["path"]).name for problem in done.report["problems"]] == ["torn.xml"]

    done = called("data", "convert", tmp_path / "parts", "--to", "coco", "--output", tmp_path / "coco", "--link")
    assert done.code == 0, done.stderr
    assert "10 pictures, 27 boxes, 3 classes as COCO JSON (train 6, val 2, test 2)" in done.stdout
    assert contents(read_dataset(tmp_path / "coco")) == contents(read_dataset(tmp_path / "parts"))
    assert all(image.path.is_symlink() for image in read_dataset(tmp_path / "coco").images)

    page = tmp_path / "page.html"
    done = called("data", "inspect", tmp_path / "coco", "--json", "--sheet", tmp_path / "sheet.png", "--report", page)
    assert done.code == 0, done.stderr
    assert (done.report["format"], done.report["pictures"], done.report["boxes"]) == ("coco", 10, 27)
    assert done.report["splits"] == {"train": 6, "val": 2, "test": 2}
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    boxes = {one["name"]: one["boxes"] for one in done.report["classes"]}
    assert {name: sum(map(sum, rows)) for name, rows in done.report["bias"]["places"].items()} == boxes
    html = page.read_text(encoding="utf-8")
    assert "стоп" in html and "all of train" in html

    again = called("data", "convert", tmp_path / "parts", "--to", "yolo", "--output", tmp_path / "coco")
    assert again.code == 1
    assert "is there already" in again.sentence()


def test_the_report_names_bad_files_with_the_reason(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", split=False), tmp_path / "voc", format="voc")
    for number in range(12):
        save_picture(tmp_path / "voc" / "JPEGImages" / f"lonely{number:02}.jpg", seed=100 + number)
    done = called("data", "inspect", tmp_path / "voc")
    assert done.code == 0, done.stderr
    assert "JPEGImages/lonely00.jpg has no XML file; left out" in done.stdout
    assert "12 pictures without labels" in done.stdout
    assert "and 2 more; --all lists them" in done.stdout
    assert "стоп" in done.stdout
    assert "lonely11.jpg" in called("data", "inspect", tmp_path / "voc", "--all").stdout


def test_fractions_that_are_none(tmp_path: Path) -> None:
    write_dataset(make_dataset(tmp_path / "in", count=2), tmp_path / "voc", format="voc")
    for fractions in ("half,half", "0.5", "0.9,0.9"):
        done = called("data", "split", tmp_path / "voc", "--fractions", fractions, "--output", tmp_path / "out")
        assert done.code == 1
        assert "sum to 1" in done.sentence()
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["voc", "classes", "masks"])
def test_an_output_inside_its_source_is_refused_before_any_work(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "data"
    if kind == "voc":
        write_dataset(make_dataset(tmp_path / "in", count=2), source, format="voc")
    else:
        for name in ("a", "b"):
            save_picture(source / name / "1.png")
    before = sorted(source.rglob("*"))
    refused = [called("data", "split", source, "--format", kind, "--output", source / "parts" / "one")]
    if kind == "voc":
        refused.append(called("data", "convert", source, "--to", "coco", "--output", source / "coco"))
    for done in refused:
        assert done.code == 1
        assert f"lies inside {source}, which would then hold the pictures twice; give an --output" in done.sentence()
    assert sorted(source.rglob("*")) == before


@pytest.mark.parametrize(("count", "said"), [(1, "1 remark"), (2, "2 remarks")])
def test_one_of_a_kind_is_called_so(count: int, said: str) -> None:
    problems = [Problem(Path("classes.txt"), "is odd", "other")] * count
    lines = [unstyle(line).strip() for line in describe_problems(problems, folder=Path(), everything=False)]
    assert said in lines


def test_bars_have_the_right_length() -> None:
    assert bar(1, 8) == "█" * 8
    assert bar(0.25, 8).rstrip() == "██"
    assert bar(1e-9, 8).strip() == "▏"
    assert bar(0, 8) == " " * 8


def test_what_is_only_read_is_inspected_and_split_into_coco(tmp_path: Path) -> None:
    write_kitti(make_dataset(tmp_path / "in", split=False, count=10), tmp_path / "kitti")
    with next((tmp_path / "kitti" / "training" / "label_2").glob("*.txt")).open("a") as labels:
        labels.write("DontCare -1 -1 -10 5 5 60 50 -1 -1 -1 -1000 -1000 -1000 -10\n")
    done = called("data", "inspect", tmp_path / "kitti", "--sheet", tmp_path / "sheet.png")
    assert done.code == 0, done.stderr
    assert "10 pictures, 1 of them without objects, 27 boxes, 1 ignored region, 3 classes" in done.stdout
    done = called("data", "split", tmp_path / "kitti", "--output", tmp_path / "parts", "--json")
    assert done.code == 0, done.stderr
    assert (done.report["format"], done.report["pictures"]) == ("coco", 10)
    boxes = [box for _, box in read_dataset(tmp_path / "parts").boxes()]
    assert [len([box for box in boxes if box.ignore is ignored]) for ignored in (False, True)] == [27, 3]
    done = called("data", "convert", tmp_path / "kitti", "--to", "cvat", "--output", tmp_path / "out")
    assert done.code != 0
    assert "'cvat' is not one of 'voc', 'coco', 'yolo', 'tfcsv', 'tfrecord'" in done.stderr
