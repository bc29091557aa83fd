"""Torchvision's detectors are built so that a short run on a CPU finds what it has learnt."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.training.torchvision_run import build_detector

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


@pytest.mark.parametrize("name", ["fasterrcnn_mobilenet_v3_large_320_fpn", "maskrcnn_resnet50_fpn"])
def test_heads_learn_from_few_regions_of_a_picture(name: str) -> None:
    network = build_detector(name, classes=2, side_px=64)
    of_objects, of_ground = network.roi_heads.fg_bg_sampler([torch.tensor([1] * 300 + [0] * 3000)])
    assert (int(of_objects[0].sum()), int(of_ground[0].sum())) == (32, 96)
