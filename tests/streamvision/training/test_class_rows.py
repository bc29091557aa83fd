"""Classes that the weights know go on where others come behind them, in every trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch
from torch import nn

from streamvision.checkpoints.checkpoint_file import read_run
from streamvision.checkpoints.onnx_file import OnnxSource
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.checkpoints.yolox_weights import read_weights
from streamvision.datasets.collection_records import MarkedObject
from streamvision.datasets.drive import DriveSampling, write_drive_dataset
from streamvision.models import model_file
from streamvision.training.class_rows import carry_classes
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training
from support.collection_folders import collect
from support.sign_pictures import draw_signs
from support.tiny_architectures import tiny_architecture

pytestmark = [pytest.mark.slow, pytest.mark.reference]
CLASS_BIASES = "head.cls_preds.0.bias"
TRIANGLE = MarkedObject("triangle", (20, 20, 90, 90))


def heads(classes: int) -> nn.ModuleDict:
    """Return heads as detectors with background have them: 6 anchors a place, and boxes for each class."""
    one = {"cls": nn.Conv2d(4, 6 * (classes + 1), 1), "bbox_pred": nn.Linear(4, 4 * (classes + 1))}
    return nn.ModuleDict(one)


def test_rows_go_by_name_anchors_and_background_with_them() -> None:
    old, new = heads(2), heads(3)
    before = {key: value.clone() for key, value in new.state_dict().items()}
    stored = old.state_dict()
    done = carry_classes(new, stored, head=stored.keys(), names=("b", "new", "a"), stored_names=("a", "b"))
    assert done == 2
    mine, theirs = new["cls"].weight.reshape(6, 4, 4), old["cls"].weight.reshape(6, 3, 4)
    assert torch.equal(mine[:, [0, 3, 1]], theirs)  # background, a, b
    assert torch.equal(mine[:, 2], before["cls.weight"].reshape(6, 4, 4)[:, 2])
    boxes = new["bbox_pred"].bias.reshape(4, 4)
    assert torch.equal(boxes[[0, 3, 1]], old["bbox_pred"].bias.reshape(3, 4))


def test_without_background_and_without_common_names() -> None:
    old, new = nn.Linear(4, 2), nn.Linear(4, 3)
    stored = old.state_dict()
    assert carry_classes(new, stored, head=stored.keys(), names=("a", "b", "c"), stored_names=("c", "x")) == 1
    assert torch.equal(new.weight[2], old.weight[0]) and torch.equal(new.bias[2], old.bias[0])
    assert carry_classes(new, stored, head=stored.keys(), names=("a", "b", "c"), stored_names=("y", "x")) == 0


def test_as_many_classes_in_another_order_change_places() -> None:
    old, new = heads(4), heads(4)
    stored = old.state_dict()
    new.load_state_dict(stored)  # as those that fit are
    names = ("d", "renamed", "a", "b")
    assert carry_classes(new, stored, head=stored.keys(), names=names, stored_names=("a", "b", "c", "d")) == 3
    mine, theirs = new["cls"].weight.reshape(6, 5, 4), old["cls"].weight.reshape(6, 5, 4)
    assert torch.equal(mine, theirs[:, [0, 4, 3, 1, 2]])  # background, d, what was c, a, b
    assert torch.equal(new["bbox_pred"].bias.reshape(5, 4), old["bbox_pred"].bias.reshape(5, 4)[[0, 4, 3, 1, 2]])
    line = nn.Linear(4, 2)
    before = {key: value.clone() for key, value in line.state_dict().items()}
    assert carry_classes(line, before, head=before.keys(), names=("x", "c"), stored_names=("c", "x")) == 2
    assert torch.equal(line.weight, before["weight"][[1, 0]]) and torch.equal(line.bias, before["bias"][[1, 0]])
    assert carry_classes(line, before, head=before.keys(), names=("c", "x"), stored_names=("c", "x")) == 0


@pytest.mark.usefixtures("without_onnx")
def test_an_earlier_run_goes_on_with_a_class_more(tmp_path: Path) -> None:
    pytest.importorskip("ultralytics")
    model = str(tiny_architecture(tmp_path, "detect"))
    data = draw_signs(tmp_path / "signs", count=10)
    # So slow that nothing moves: what the second begins with is what the first ended with.
    still = {"imgsz": 64, "batch": 4, "threads": 1, "preset": "plain", "epochs": 1, "lr": 1e-12, "weight_decay": 0}
    first = start_training(
        load_recipe(None, {"data": data, "model": model, **still}), project=tmp_path, name="first", command="train"
    )
    collect(tmp_path / "collected", {100: [TRIANGLE], 101: [TRIANGLE]})
    recipe = load_recipe(None, {"model": first["best"], "add": (tmp_path / "collected",), "epochs": 2})
    second = start_training(recipe, project=tmp_path, name="second", command="train")
    assert second["best_epoch"] == 2  # no held-out picture shows a triangle, so the last counts
    assert second["gate"]["passed"] and abs(second["gate"]["difference"]) < 0.02  # nothing has moved
    assert (tmp_path / "second" / "weights" / "best.pt.gate.json").is_file()
    old, new = _class_rows(Path(first["best"])), _class_rows(Path(second["best"]))
    assert sorted(new) == ["disc", "square", "triangle"]
    assert all(torch.allclose(new[name], old[name], atol=1e-5) for name in old)
    card = (tmp_path / "second" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "The last epoch is the best, as no held-out picture shows triangle." in card


def _class_rows(path: Path) -> dict[str, torch.Tensor]:
    """Return what the last layer knows of each class."""
    network = torch.load(path, weights_only=False)
    network = network["ema"] or network["model"]
    return {network.names[at]: row.float() for at, row in enumerate(network.model[-1].cv3[0][-1].weight)}


@pytest.mark.usefixtures("without_onnx")
def test_classes_of_an_onnx_file_go_by_the_names_on_its_card(tmp_path: Path) -> None:
    weights = model_file(Path("road_signs_yolox"))
    write_drive_dataset(tmp_path / "drive", DriveSampling(4, seed=3, width_px=320, height_px=180, val_images=2))
    still = {"imgsz": 64, "batch": 2, "threads": 1, "preset": "plain", "epochs": 1, "lr": 1e-12, "weight_decay": 0}
    given = {"data": tmp_path / "drive", "model": "yolox_nano", "weights": weights, **still}
    done = start_training(load_recipe(None, given), project=tmp_path, name="run", command="train")
    assert done["beginning"].endswith("4 classes by name")
    run = read_run(Path(done["best"]))
    assert run is not None and list(run["names"]) != list(OnnxSource(weights).card.names)
    before = dict(
        zip(OnnxSource(weights).card.names, read_weights(weights, SCALES["yolox_nano"])[CLASS_BIASES], strict=True)
    )
    after = dict(zip(run["names"], run["model"][CLASS_BIASES], strict=True))
    assert all(torch.allclose(after[name], before[name], atol=1e-4) for name in before)
