"""``streamvision explain`` on models that find no objects: classes, scenes, embeddings."""

import cv2
import numpy as np
import pytest

from streamvision.inference.model_card import InputCard, ModelCard
from support.answering_network import colour_network
from support.command_line import called
from support.fixed_networks import brightness_depth
from support.tiny_classifier import tiny_classifier

BOX = (8, 40, 40, 72)
"""Where the red square lies on a grey picture of 96x96 px."""


@pytest.fixture
def red_square(tmp_path):
    bgr = np.full((96, 96, 3), 110, np.uint8)
    left, top, right, bottom = BOX
    bgr[top:bottom, left:right] = (20, 20, 250)
    path = tmp_path / "square.png"
    cv2.imwrite(str(path), bgr)
    return path


def explained(*arguments, code=0):
    done = called("explain", *arguments, "--json")
    assert done.code == code, done.stderr
    return done.report


def assert_curves(row):
    for name in ("deletion", "insertion"):
        assert len(row[name]["curve"]) == 21
        assert 0 <= row[name]["area"] <= 1
    assert row["deletion"]["curve"][0] == pytest.approx(row["insertion"]["curve"][-1], abs=1e-3)
    assert row["deletion"]["area"] < row["insertion"]["area"]


def test_the_likeliest_class_of_a_picture(red_square, tmp_path):
    model = tiny_classifier(tmp_path / "colours.onnx")
    truth = ",".join(map(str, BOX))
    report = explained(
        *(red_square, "--model", model, "--masks", "160", "--truth", truth, "--output", tmp_path / "why.png")
    )
    assert (report["task"], report["method"]) == ("classify", "occlusion")
    (row,) = report["classes"]
    assert row["class_name"] == "red"
    assert row["score"] == pytest.approx(row["deletion"]["curve"][0], abs=0.02)
    assert row["truth_share_of_picture"] == pytest.approx(1 / 9, abs=1e-3)
    assert row["heat_inside_truth"] > 3 / 9, "three times the share of the area"
    assert_curves(row)
    assert cv2.imread(str(tmp_path / "why.png")).shape[0] > 480 + 100, "the curves are drawn below the heat"


def test_the_class_that_was_asked_for(red_square, tmp_path):
    model = tiny_classifier(tmp_path / "colours.onnx")
    report = explained(
        *(red_square, "--model", model, "--masks", "16", "--class", "Green", "--class", "blue", "--no-curves"),
        *("--output", tmp_path / "why.png"),
    )
    assert [row["class_name"] for row in report["classes"]] == ["green", "blue"]
    assert not any("deletion" in row for row in report["classes"])


def scene_model(tmp_path):
    card = ModelCard(
        task="semantic",
        head="semantic",
        names=("ground", "plate"),
        input=InputCard(width_px=96, height_px=96, resize="stretch"),
    )
    return colour_network(tmp_path / "scene.onnx", card, [(110, 110, 110), (250, 20, 20)])


def test_the_regions_of_a_scene(red_square, tmp_path):
    report = explained(
        *(red_square, "--model", scene_model(tmp_path), "--masks", "160", "--output", tmp_path / "why.png")
    )
    assert report["task"] == "semantic"
    ground, plate = report["regions"]
    assert (ground["class_name"], plate["class_name"]) == ("ground", "plate")
    assert plate["region_share_of_picture"] == pytest.approx(1 / 9, abs=1e-3)
    assert plate["heat_inside_region"] > 3 / 9
    assert_curves(plate)


def test_one_region_against_a_mask(red_square, tmp_path):
    mask = np.zeros((96, 96), np.uint8)
    left, top, right, bottom = BOX
    mask[top:bottom, left:right] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    done = called(
        *("explain", red_square, "--model", scene_model(tmp_path), "--class", "plate", "--masks", "64"),
        *("--truth", tmp_path / "mask.png", "--output", tmp_path / "why.png"),
    )
    assert done.code == 0, done.stderr
    heading, line, _ = done.stdout.splitlines()
    assert "occlusion" in heading
    assert "of the heat is inside the region, 11 % of the area" in line
    assert "is inside the truth" in line
    assert "insertion" in line


def test_what_describes_a_picture(red_square, tmp_path):
    model = tiny_classifier(tmp_path / "embed.onnx", head="embed")
    report = explained(red_square, "--model", model, "--masks", "64", "--output", tmp_path / "why.png")
    (row,) = report["descriptions"]
    assert row["class_id"] is None
    assert row["deletion"]["curve"][0] == pytest.approx(1, abs=1e-3), "most like itself"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--class", "gren"], "did you mean 'green'?"),
        (["--class", "zebra"], "it has red, green, blue"),
        (
            ["--method", "grad-cam"],
            "gradients need a .pt checkpoint, this is an exported model; use --method occlusion",
        ),
        (["--truth", "1,2,x,4"], "give left,top,right,bottom in pixels"),
        (["--truth", "200,200,300,300"], "names no pixel of the picture"),
        (["--truth", "1,2,inf,4"], "give left,top,right,bottom in pixels"),
        (["--truth", "nowhere.png"], "nowhere.png cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(red_square, tmp_path, arguments, words):
    model = tiny_classifier(tmp_path / "colours.onnx")
    done = called("explain", red_square, "--model", model, "--masks", "16", *arguments, cwd=tmp_path)
    assert done.code == 1
    assert words in done.sentence()


def test_a_truth_of_another_size_is_one_sentence(red_square, tmp_path):
    cv2.imwrite(str(tmp_path / "small.png"), np.full((8, 8), 255, np.uint8))
    model = tiny_classifier(tmp_path / "colours.onnx")
    done = called("explain", red_square, "--model", model, "--truth", tmp_path / "small.png", cwd=tmp_path)
    assert "has 8x8 px, but the picture has 96x96" in done.sentence()


def test_a_task_without_places_is_one_sentence(red_square, tmp_path):
    model = brightness_depth(tmp_path / "depth.onnx")
    done = called("explain", red_square, "--model", model, cwd=tmp_path)
    assert done.code == 1
    assert "is a model for depth; only objects, classes of pictures, scenes and embeddings" in done.sentence()


def test_look_alikes_of_a_picture_come_from_class_folders(red_square, tmp_path):
    for name, colour in (("red", (20, 20, 250)), ("blue", (250, 20, 20))):
        (tmp_path / "train" / name).mkdir(parents=True)
        picture = np.full((60, 60, 3), 110, np.uint8)
        picture[24:44, 6:26] = colour
        cv2.imwrite(str(tmp_path / "train" / name / "a.png"), picture)
    report = explained(
        *(red_square, "--model", tiny_classifier(tmp_path / "colours.onnx"), "--masks", "16", "--no-curves"),
        *("--train-data", tmp_path / "train", "--output", tmp_path / "why.png"),
    )
    assert report["classes"][0]["look_alikes"][0]["class_name"] == "red"
