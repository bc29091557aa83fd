"""``streamvision explain``: the heat lies where the object is, and covering it matters."""

import cv2
import numpy as np
import pytest

from streamvision.evaluation.explaining.covering import random_mask
from support.command_line import called

MODEL = "models/yolox_nano.onnx"
PICTURE = "coco_val/images/000000000285.jpg"  # a bear, as large as the picture


@pytest.fixture(scope="module")
def bear_in_a_corner(data_dir, tmp_path_factory):
    """A large grey picture with a bear in its lower right quarter."""
    bear = cv2.imread(str(data_dir / PICTURE))
    picture = np.full((480, 640, 3), 120, np.uint8)
    picture[240:470, 380:580] = cv2.resize(bear, (200, 230), interpolation=cv2.INTER_AREA)
    path = tmp_path_factory.mktemp("bear") / "corner.jpg"
    cv2.imwrite(str(path), picture)
    return path


def test_an_exported_model_is_explained_by_covering(data_dir, bear_in_a_corner, tmp_path):
    target = tmp_path / "why.png"
    done = called(
        *("explain", bear_in_a_corner, "--model", data_dir / MODEL, "--output", target, "--masks", "96"),
        *("--max-objects", "1", "--class", "Bear", "--json"),
    )
    assert done.code == 0, done.stderr
    report = done.report
    (bear,) = report["objects"]
    assert (report["method"], bear["class_name"]) == ("occlusion", "bear")
    assert bear["heat_inside_box"] > 0.4, "the box is an eighth of the picture"
    assert bear["box_share_of_picture"] == pytest.approx(1 / 8, abs=0.05)
    assert bear["deletion"]["area"] < bear["insertion"]["area"]
    sheet = cv2.imread(str(target))
    assert sheet.shape[1] > 900, "the overview and one panel"


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "share"),
    [("auto", 0.5), ("grad-cam", 0.0), ("grad-cam++", 0.0)],  # of a detector both are hardly better than chance
    ids=["auto", "grad-cam", "plus-plus"],
)
def test_a_checkpoint_is_explained_by_its_gradients(data_dir, bear_in_a_corner, tmp_path, method, share):
    pytest.importorskip("ultralytics")
    done = called(
        *("explain", bear_in_a_corner, "--model", data_dir / "models/yolov8n_coco.pt", "--imgsz", "320", "--json"),
        *("--max-objects", "1", "--output", tmp_path / "why.png", "--method", method),
    )
    assert done.code == 0, done.stderr
    (bear,) = done.report["objects"]
    assert (done.report["method"], bear["class_name"]) == ("gradient" if method == "auto" else method, "bear")
    assert bear["heat_inside_box"] > share, "the box is an eighth of the picture"
    assert 0 < bear["deletion"]["area"] < 1 and 0 < bear["insertion"]["area"] < 1


def test_look_alikes_come_from_the_training_data(data_dir, bear_in_a_corner, tmp_path):
    training = tmp_path / "training"
    (training / "images").mkdir(parents=True)
    (training / "labels").mkdir()
    for path in (bear_in_a_corner, data_dir / "coco_val/images/000000000139.jpg"):
        (training / "images" / path.name).write_bytes(path.read_bytes())
    (training / "labels" / "corner.txt").write_text("0 0.75 0.7396 0.3125 0.4792\n")
    (training / "labels" / "000000000139.txt").write_text("1 0.389578 0.416103 0.0385937 0.163146\n")
    (training / "data.yaml").write_text("train: images\nnames: [bear, chair]\n")
    done = called(
        *("explain", bear_in_a_corner, "--model", data_dir / MODEL, "--train-data", training, "--masks", "16"),
        *("--max-objects", "1", "--output", tmp_path / "why.png", "--json"),
    )
    assert done.code == 0, done.stderr
    first = done.report["objects"][0]["look_alikes"][0]
    assert first["class_name"] == "bear"
    assert first["path"].endswith("corner.jpg")


def test_nothing_found_is_said(data_dir, tmp_path):
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((100, 100, 3), 90, np.uint8))
    done = called("explain", blank, "--model", data_dir / MODEL, "--output", tmp_path / "why.png")
    assert done.code == 0, done.stderr
    assert "a lower --score shows weaker objects" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{blank}", "--method", "gradient"], "gradients need a .pt checkpoint"),
        (["nowhere.png"], "nowhere.png cannot be read"),
        (["{broken}"], "is not a picture that can be read"),
        (["{blank}", "--output", "{folder}/why.docx"], "has an ending that no picture has"),
        (["{blank}", "--output", "{folder}/nowhere/why.png"], "cannot write"),
    ],
)
def test_what_cannot_be_is_one_sentence(data_dir, tmp_path, arguments, words):
    blank, broken = tmp_path / "blank.png", tmp_path / "broken.png"
    cv2.imwrite(str(blank), np.full((100, 100, 3), 90, np.uint8))
    broken.write_bytes(blank.read_bytes()[:40])
    given = [one.format(blank=blank, broken=broken, folder=tmp_path) for one in arguments]
    done = called("explain", *given, "--model", data_dir / MODEL, "--masks", "16", cwd=tmp_path)
    assert done.code == 1
    assert words in done.sentence()


def test_masks_are_smooth_and_half_open():
    random = np.random.default_rng(0)
    masks = np.stack([random_mask(random, 416, 300) for _ in range(50)])
    assert masks.shape == (50, 300, 416)
    assert 0 <= masks.min() <= masks.max() <= 1
    assert masks.mean() == pytest.approx(0.5, abs=0.03)
    assert np.abs(np.diff(masks, axis=2)).max() < 0.1
