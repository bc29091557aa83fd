"""Every kind of ultralytics' models learns for an epoch, and its files, figures and card say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("ultralytics")

import torch
from PIL import Image

from streamvision.core.errors import ConfigError
from streamvision.datasets.class_labels import read_class_maps
from streamvision.evaluation.model import open_model
from streamvision.evaluation.semantic import evaluate_semantic
from streamvision.training.recipe import load_recipe
from streamvision.training.report import CurveFile
from streamvision.training.session import start_training
from streamvision.training.ultralytics_trainer import TrainerMixin
from support.sign_pictures import draw_signs
from support.tiny_architectures import tiny_architecture

pytestmark = [pytest.mark.slow, pytest.mark.reference]


def draw_shapes(folder: Path, task: str, **keys: Any) -> Path:
    """Draw a data set of one red square a picture in ultralytics' form, and return its ``data.yaml``."""
    rng = np.random.default_rng(4)
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True)
        for number in range(4):
            image = rng.integers(90, 160, (64, 64, 3), dtype=np.uint8)
            left, top = (int(value) for value in rng.integers(6, 34, 2))
            cv2.rectangle(image, (left, top), (left + 24, top + 24), (20, 20, 220), -1)
            cv2.imwrite(str(folder / "images" / part / f"{number}.png"), image)
            corners = np.array([(0, 0), (24, 0), (24, 24), (0, 24)]) + np.array([left, top])
            outline = " ".join(f"{value / 64:.4f}" for value in corners.reshape(-1))
            points = " ".join(f"{x / 64:.4f} {y / 64:.4f} 2" for x, y in corners)
            box = f"{(left + 12) / 64:.4f} {(top + 12) / 64:.4f} 0.375 0.375"
            line = f"0 {box} {points}" if task == "pose" else f"0 {outline}"
            (folder / "labels" / part / f"{number}.txt").write_text(line + "\n", encoding="utf-8")
    document = {"path": ".", "train": "images/train", "val": "images/val", "names": ["square"]} | keys
    (folder / "data.yaml").write_text(json.dumps(document), encoding="utf-8")
    return folder / "data.yaml"


def recipe(data: Path, model: str, **more: Any) -> Any:
    given = {"data": data, "model": model, "imgsz": 64, "batch": 4, "threads": 1, "preset": "plain", "epochs": 1}
    return load_recipe(None, given | more)


@pytest.mark.parametrize(
    ("task", "keys", "fold"), [("segment", {}, None), ("pose", {"kpt_shape": [4, 3]}, None), ("obb", {}, "1/2")]
)
def test_labels_that_ultralytics_reads_are_counted(
    task: str, keys: dict[str, Any], fold: str | None, tmp_path: Path
) -> None:
    # What the data set's author would have executed where a picture is missing must not come along.
    data = draw_shapes(tmp_path / "data", task, download="import os; os.abort()", **keys)
    model = tiny_architecture(tmp_path, task)
    done = start_training(recipe(data, str(model), fold=fold), project=tmp_path, name="run", command="train")
    assert done["task"] == task
    assert done["beginning"] == f"began from nothing as {model.name}"
    assert Path(done["onnx"]).stat().st_size > 0
    card = (tmp_path / "run" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "to learn from (4 pictures) | held out (4 pictures)" in card
    assert "| square | 4 | 4 |" in card
    held_out = json.loads((tmp_path / "run" / "split.json").read_text(encoding="utf-8"))["val"]
    assert len(held_out) == 4
    # The set's own part, or one of two that are dealt anew.
    assert (fold is None) == all(Path(name).parent.name == "val" for name in held_out)
    assert "download" not in (tmp_path / "run" / "data" / "data.yaml").read_text(encoding="utf-8")


def draw_scenes(folder: Path) -> Path:
    """Draw red squares on a background with maps of both, of which every other has a palette of greys."""
    rng = np.random.default_rng(4)
    for part in ("train", "val"):
        for kind in ("images", "masks"):
            (folder / kind / part).mkdir(parents=True)
        for number in range(4):
            image, levels = rng.integers(90, 160, (64, 64, 3), dtype=np.uint8), np.zeros((64, 64), np.uint8)
            left, top = (int(value) for value in rng.integers(6, 30, 2))
            image[top : top + 28, left : left + 28] = 20, 20, 220
            levels[top : top + 28, left : left + 28] = 1
            levels[:2] = 255
            cv2.imwrite(str(folder / "images" / part / f"{number}.png"), image)
            marked = Image.fromarray(levels, "P" if number % 2 else "L")
            if number % 2:
                marked.putpalette([value for level in range(256) for value in (255 - level,) * 3])
            marked.save(folder / "masks" / part / f"{number}.png")
    (folder / "classes.txt").write_text("ground\nsquare\n", encoding="utf-8")
    return folder


def test_scenes_are_learnt_from_maps_of_classes(tmp_path: Path) -> None:
    data = draw_scenes(tmp_path / "data")
    given = recipe(data, str(tiny_architecture(tmp_path, "semantic")), epochs=12, lr=0.02, warmup=1)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["task"] == "semantic"
    assert done["onnx_checked"].startswith("equal")
    assert "| square | 4 | 4 |" in (tmp_path / "run" / "MODEL_CARD.md").read_text(encoding="utf-8")
    rows = CurveFile(tmp_path / "run" / "curves.csv").rows()
    assert done["mean_iou"] == pytest.approx(max(row["mean_iou"] for row in rows), abs=1e-5)
    # Naming every pixel after the commoner class has 0.4; a wrong reading of the palettes would stay below this.
    assert done["mean_iou"] > 0.5
    with open_model(Path(done["onnx"])) as detector:
        measured = evaluate_semantic(detector, read_class_maps(data).part("val"))
    assert measured.mean_iou == pytest.approx(done["mean_iou"], abs=0.02)


def test_whether_keypoints_can_be_learnt_by_heart_goes_by_the_keypoints(tmp_path: Path) -> None:
    data = draw_shapes(tmp_path / "data", "pose", kpt_shape=[4, 3])
    given = recipe(data, str(tiny_architecture(tmp_path, "pose")), overfit=2)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert not done["overfit"]["passed"]
    assert "mAP50 of keypoints 0.000 on 2 pictures that it was trained on" in done["overfit"]["sentence"]


@pytest.mark.parametrize("setting", [{"generated": 4}, {"dropout": 0.5}])
def test_what_is_for_boxes_or_classes_is_refused_for_keypoints(setting: dict[str, Any], tmp_path: Path) -> None:
    data = draw_shapes(tmp_path / "data", "pose", kpt_shape=[4, 3])
    given = recipe(data, str(tiny_architecture(tmp_path, "pose")), **setting)
    with pytest.raises(ConfigError, match=f"^{next(iter(setting))} .*leave it out for .*, a model for pose"):
        start_training(given, project=tmp_path / "runs", name="run", command="train")


@pytest.mark.usefixtures("without_onnx")
def test_keypoints_of_added_pictures_are_learnt_from(tmp_path: Path) -> None:
    data, more = (draw_shapes(tmp_path / name, "pose", kpt_shape=[4, 3]) for name in ("data", "more"))
    given = recipe(data, str(tiny_architecture(tmp_path, "pose")), add=[str(more.parent)])
    start_training(given, project=tmp_path, name="run", command="train")
    added = json.loads((tmp_path / "run" / "split.json").read_text())["added"]
    assert len(added["train"]) >= 2  # but those that look like a held-out one
    assert len(added["val"]) == 4


@pytest.mark.usefixtures("without_onnx")
def test_rtdetr_learns_where_most_pictures_show_nothing(tmp_path: Path) -> None:
    data = draw_signs(tmp_path / "signs", count=8)
    for path in sorted((data / "annotations").glob("*.xml"))[2:]:
        tree = ElementTree.parse(path)
        for marked in tree.getroot().findall("object"):
            tree.getroot().remove(marked)
        tree.write(path)
    given = recipe(data, str(tiny_architecture(tmp_path, "rtdetr")), fold="1/2", batch=2)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["task"] == "detect"
    row = CurveFile(tmp_path / "run" / "curves.csv").rows()[0]
    assert all(np.isfinite(value) for value in row.values())
    assert row["train_loss_giou"] > 0
    assert row["train_loss_l1"] > 0


@pytest.mark.parametrize(
    ("given", "said"),
    [({"precision": "bf16"}, "leave bf16 out for RT-DETR"), ({"init_classes": {"stop": "car"}}, "begins from nothing")],
)
def test_what_rtdetr_would_pass_over_is_refused(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    started = recipe(tmp_path, str(tiny_architecture(tmp_path, "rtdetr")), **given)
    with pytest.raises(ConfigError, match=said):
        start_training(started, project=tmp_path / "runs", name="run", command="train")


@pytest.mark.parametrize(
    ("task", "figure", "other"),
    [
        ("segment", "metrics/mAP50-95(M)", "metrics/mAP50-95(B)"),
        ("pose", "metrics/mAP50-95(P)", "metrics/mAP50-95(B)"),
    ],
)
def test_the_published_epoch_is_the_one_whose_weights_are_kept(
    task: str,
    figure: str,
    other: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """The task's own figure is best in epoch 2, equal in 3; the boxes' is best in epoch 3."""
    data = draw_shapes(tmp_path / "data", task, **({"kpt_shape": [4, 3]} if task == "pose" else {}))
    own, boxes = [0.1, 0.5, 0.5], [0.1, 0.2, 0.9]
    kept: dict[int, dict[str, torch.Tensor]] = {}
    measure = TrainerMixin.__mro__[0]

    def measured(self: Any) -> dict[str, float]:
        kept[self.epoch + 1] = {key: value.clone().half() for key, value in self.ema.ema.state_dict().items()}
        return {figure: own[self.epoch], other: boxes[self.epoch], "fitness": own[self.epoch] + boxes[self.epoch]}

    def get_validator(self: Any) -> Any:
        validator = super(measure, self).get_validator()  # type: ignore[misc]
        trainer = self

        def validate(*given: Any, **named: Any) -> dict[str, float]:
            return measured(trainer) if given else {"fitness": 0.0}

        monkeypatch.setattr(type(validator), "__call__", lambda _self, *given, **named: validate(*given, **named))
        return validator

    monkeypatch.setattr(TrainerMixin, "get_validator", get_validator, raising=False)
    if task == "pose":
        request.getfixturevalue("without_onnx")
    model = str(tiny_architecture(tmp_path, task))
    given = recipe(data, model, epochs=3, onnx_megabytes=0.02)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["best_epoch"] == 2
    assert "onnx" not in done  # which cannot be as small as that, or not be made here; what was learnt is kept
    published = {"segment": "map50_95_mask", "pose": "map50_95_keypoints"}[task]
    assert done[published] == 0.5
    best = torch.load(done["best"], weights_only=False)
    weights = (best["ema"] or best["model"]).state_dict()
    assert all(torch.equal(weights[key].half(), value) for key, value in kept[2].items())


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"kpt_shape": [4]}, "kpt_shape is 4; give the number of keypoints"),
        ({"kpt_shape": [4, 3], "flip_idx": [0, 1, 1, 2]}, "name each of the 4 keypoints once"),
        ({}, "no object of the data set has keypoints; give labels with keypoints"),
    ],
)
def test_a_data_set_that_cannot_be_used_is_one_sentence_and_no_folder(
    keys: dict[str, Any], said: str, tmp_path: Path
) -> None:
    data = draw_shapes(tmp_path / "data", "pose", **keys)
    with pytest.raises(ConfigError, match=said):
        start_training(recipe(data, "yolo11n-pose.yaml"), project=tmp_path / "runs", name="run", command="train")
    assert not (tmp_path / "runs").exists()


def test_what_ultralytics_refuses_is_one_sentence_and_no_folder(tmp_path: Path) -> None:
    data = draw_shapes(tmp_path / "data", "pose", kpt_shape=[4, 3])
    given = recipe(data, "yolo11n-pose.yaml", lr=10.0)
    with pytest.raises(ConfigError, match=r"ultralytics cannot train yolo11n-pose\.yaml"):
        start_training(given, project=tmp_path / "runs", name="run", command="train")
    assert not (tmp_path / "runs").exists()
