"""``streamvision eval detect`` as its users run it, with a real model on real pictures."""

import json

import pytest

from streamvision.datasets import read_dataset
from support.command_line import called, streamvision
from support.label_formats import write_cvat
from support.labelled import coco_subset
from support.plain_coco import plain_map

MODEL = "models/yolox_nano.onnx"
PICTURES = 12


@pytest.fixture(scope="module")
def measured(data_dir, tmp_path_factory):
    """One run: the folder with the data set, the report on stdout and the predictions."""
    folder = coco_subset(data_dir, tmp_path_factory.mktemp("coco"), count=PICTURES)
    target = folder / "found.json"
    done = streamvision(
        "eval", "detect", data_dir / MODEL, "--data", folder, "--save-predictions", target, "--threads", "1", "--json"
    )
    assert done.code == 0, done.stderr
    return folder, done.report, json.loads(target.read_text())


def test_the_form_that_scripts_rely_on(measured):
    _, report, _ = measured
    assert 0.1 < report["map50_95"] < report["map50"] < 1
    assert report["images"] == PICTURES
    assert report["seconds"] > 0
    assert set(report["per_class"]["person"]) >= {"map50_95", "map50", "objects"}
    assert sum(one["objects"] for one in report["per_class"].values()) == report["objects"]
    assert "toaster" in report["classes_without_objects"]
    assert sum(one["objects"] for one in report["by_size"].values()) == report["objects"]


def test_names_come_from_the_model_where_the_data_has_none_and_that_is_said(measured):
    _, report, _ = measured
    assert len(report["names"]) == 80
    assert any("no class names" in note for note in report["notes"])


def test_why_it_is_wrong_is_in_the_report(measured):
    _, report, _ = measured
    assert set(report["errors"]) == {
        "classification",
        "localisation",
        "both",
        "duplicate",
        "background",
        "missed",
    }
    assert 0 < report["operating_point"]["score"] < 1
    assert 0 <= report["calibration"]["expected_error"] <= 1
    assert len(report["confusion"]["marked_by_said"]) == 81
    assert sum(band["objects"] for band in report["by_height"]) == report["objects"]


def test_saved_predictions_give_the_same_figures_elsewhere(measured):
    folder, report, results = measured
    dataset = read_dataset(folder)
    truth = {
        image.path.stem: [
            (int(dataset.names[box.class_id]), left, top, right - left, bottom - top, box.ignore)
            for box in image.boxes
            for left, top, right, bottom in [box.box_xyxy_px]
        ]
        for image in dataset.images
    }
    assert {row["image_id"] for row in results} <= set(truth)
    assert set(results[0]) >= {"image_id", "category_id", "bbox", "score"}
    assert (report["map50_95"], report["map50"]) == pytest.approx(plain_map(truth, results), abs=1e-6)


def test_figures_are_the_same_whichever_tool_wrote_the_labels(measured, data_dir, tmp_path):
    folder, report, _ = measured
    write_cvat(read_dataset(folder), tmp_path / "cvat")
    done = called(
        *(
            "eval",
            "detect",
            data_dir / MODEL,
            "--data",
            tmp_path / "cvat",
            "--format",
            "cvat",
            "--threads",
            "1",
            "--json",
        )
    )
    assert done.code == 0, done.stderr
    assert (done.report["map50_95"], done.report["objects"]) == (report["map50_95"], report["objects"])


def test_the_table_for_people(measured, data_dir):
    folder, report, _ = measured
    done = called("eval", "detect", data_dir / MODEL, "--data", folder, "--class", "person", "--threads", "1")
    assert done.code == 0, done.stderr
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("person"))
    assert row[1] == f"{report['per_class']['person']['map50_95']:.3f}"
    assert not any(line.startswith("chair") for line in done.stdout.splitlines())
    assert "Note: Not measured:" in done.stdout


def test_a_data_set_with_other_classes_is_refused(data_dir):
    done = called("eval", "detect", data_dir / MODEL, "--data", data_dir / "roadsigns", "--json")
    assert done.code == 1
    assert "'crosswalk'" in done.sentence()
    assert "--class" in done.report["error"]


def test_a_split_that_is_not_there_is_refused(measured, data_dir):
    folder, _, _ = measured
    done = called("eval", "detect", data_dir / MODEL, "--data", folder, "--split", "test")
    assert done.code == 1
    assert "--split test: the data set has no parts" in done.sentence()


def test_a_size_that_the_model_does_not_take_is_refused(measured, data_dir):
    folder, _, _ = measured
    done = called("eval", "detect", data_dir / MODEL, "--data", folder, "--imgsz", "640")
    assert done.code == 1
    assert "takes pictures of 416x416 px only" in done.sentence()


def test_a_missing_checkpoint_is_refused(measured):
    folder, _, _ = measured
    done = called("eval", "detect", "nowhere.pt", "--data", folder)
    assert done.code == 1
    assert "no checkpoint at nowhere.pt" in done.sentence()


def test_pictures_may_be_cut_into_tiles(data_dir, tmp_path):
    folder = coco_subset(data_dir, tmp_path, count=2)
    given = ("eval", "detect", data_dir / MODEL, "--data", folder, "--threads", "1", "--json")
    sliced = streamvision(*given, "--slices", "2x2", "--save-predictions", tmp_path / "tiles.json")
    plain = streamvision(*given, "--slices", "auto", "--save-predictions", tmp_path / "whole.json")
    assert sliced.code == plain.code == 0, sliced.stderr + plain.stderr
    tiles, whole = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("tiles", "whole"))
    assert tiles != whole and len(whole) > 0, "pictures of COCO are not much larger than the network's input"
    refused = streamvision(*given, "--slices", "half")
    assert refused.code != 0 and "give auto, off, COLSxROWS such as 4x2" in refused.stderr
