"""Torchvision's detectors are built so that a short run on a CPU finds what it has learnt."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints import torchvision_build
from streamvision.datasets import read_dataset
from streamvision.evaluation.class_names import match_classes
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import predict
from streamvision.training import torchvision_run
from streamvision.training.data import prepare_objects
from streamvision.training.parts import parts_as_written
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.torchvision_run import DetectorRun, build_detector
from support.sign_pictures import draw_signs

pytestmark = pytest.mark.reference

PASSES = 40


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_a_detector_knows_its_statistics_after_a_few_batches(name: str) -> None:
    """MobileNet's own pace keeps two thirds of the statistics of its beginning after so many."""
    torch.manual_seed(0)
    network = build_detector(name, classes=2, side_px=64).train()
    layer = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d))
    seen = []
    layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].var(dim=(0, 2, 3))))
    pictures = list(torch.rand(2, 3, 64, 64))
    targets = [{"boxes": torch.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": torch.tensor([1])}] * len(pictures)
    with torch.no_grad():
        for _ in range(PASSES):
            network(pictures, targets)
    torch.testing.assert_close(layer.running_var, seen[-1], rtol=0.2, atol=0.02)


@pytest.mark.parametrize(
    ("name", "side_px", "of_objects", "of_ground"),
    [
        ("fasterrcnn_mobilenet_v3_large_320_fpn", 416, 32, 96),
        ("maskrcnn_resnet50_fpn", 1280, 32, 96),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", 208, 16, 48),
        ("maskrcnn_resnet50_fpn", 64, 8, 24),
    ],
)
def test_heads_learn_from_few_regions_of_a_picture(name: str, side_px: int, of_objects: int, of_ground: int) -> None:
    network = torchvision_build.without_memory(partial(build_detector, name, classes=2, side_px=side_px))
    objects, ground = network.roi_heads.fg_bg_sampler([torch.tensor([1] * 300 + [0] * 3000)])
    assert (int(objects[0].sum()), int(ground[0].sum())) == (of_objects, of_ground)


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_a_training_sees_held_out_pictures_as_an_evaluation_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that has learnt nothing finds boxes all over, each where its scores happen to be high."""
    create = torchvision_build.create

    def create_unsure(*given: Any, **more: Any) -> Any:
        network = create(*given, **more)
        getattr(network, "roi_heads", network).score_thresh = 0.0
        return network

    monkeypatch.setattr(torchvision_build, "create", create_unsure)
    monkeypatch.setattr(torchvision_run, "create", create_unsure)
    data = draw_signs(tmp_path / "signs", count=14)
    given = {"data": data, "model": name, "imgsz": 96, "batch": 2, "threads": 1, "val_share": 0.3}
    recipe, folder = load_recipe(None, given), RunFolder(tmp_path / "run")
    folder.last.parent.mkdir(parents=True)
    run = DetectorRun(recipe, prepare_objects(folder, recipe), folder, TrainingProgress(), resume=False)
    run._save(better=True)
    held_out = parts_as_written(read_dataset(data), folder.split).part("val")
    with open_model(folder.best) as model:
        measured = predict(model, held_out, match_classes(held_out, model.names))
    trained = run._predictions()
    assert all(len(one) for one in measured.found)
    for one, other in zip(trained.found, measured.found, strict=True):
        np.testing.assert_allclose(one.box_xyxy_px, other.box_xyxy_px, atol=0.01)
        np.testing.assert_allclose(one.score, other.score, atol=1e-5)
