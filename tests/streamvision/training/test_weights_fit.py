"""Weights to begin from: said how many fit, and refused where more than the head does not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints.torchvision_build import class_tensors, create
from streamvision.checkpoints.unet import UNet
from streamvision.core.errors import ConfigError
from streamvision.training.torch_run import begin_from
from streamvision.training.torchvision_run import build_detector

pytestmark = pytest.mark.reference
UNET_HEAD = ("last.weight", "last.bias")


def saved(network: Any, path: Path) -> Path:
    torch.save(network.state_dict(), path)
    return path


def test_other_classes_leave_the_head_alone_to_begin_from_nothing(tmp_path: Path) -> None:
    weights = saved(create("resnet18"), tmp_path / "resnet18.pth")
    network = create("resnet18", classes=3)
    said = begin_from(network, weights, head=class_tensors("resnet18"))
    assert said == "began from resnet18.pth (120 of 122 tensors fit)"
    assert torch.equal(network.conv1.weight, torch.load(weights, weights_only=True)["conv1.weight"])


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "retinanet_resnet50_fpn"])
def test_detectors_with_other_classes_fit(name: str, tmp_path: Path) -> None:
    weights = saved(build_detector(name, classes=4, side_px=96), tmp_path / "four.pth")
    said = begin_from(build_detector(name, classes=2, side_px=96), weights, head=class_tensors(name))
    assert "tensors fit" in said


def test_a_scene_network_with_other_classes_fits(tmp_path: Path) -> None:
    weights = saved(UNet(5), tmp_path / "five.pt")
    assert begin_from(UNet(3), weights, head=UNET_HEAD) == "began from five.pt (108 of 110 tensors fit)"


def test_weights_of_a_deeper_network_are_refused_unless_asked_for(tmp_path: Path) -> None:
    """Names of both begin alike, and some shapes are the same."""
    weights = saved(create("resnet50", classes=3), tmp_path / "resnet50.pth")
    network, head = create("resnet18", classes=3), class_tensors("resnet18")
    before = network.conv1.weight.clone()
    with pytest.raises(ConfigError) as caught:
        begin_from(network, weights, head=head)
    said = str(caught.value)
    assert "tensors fit the 122 of this network" in said
    assert "layer1.0.conv1.weight is 64x64x1x1 there and 64x64x3x3 here" in said
    assert "--partial-weights" in said
    assert torch.equal(network.conv1.weight, before)
    assert " of 122 tensors fit)" in begin_from(network, weights, head=head, partial=True)
    assert not torch.equal(network.conv1.weight, before)


def test_a_narrower_scene_network_is_refused(tmp_path: Path) -> None:
    weights = saved(UNet(3, width=8), tmp_path / "narrow.pt")
    with pytest.raises(ConfigError, match=r"no tensor|missing beside those of its head"):
        begin_from(UNet(3), weights, head=UNET_HEAD)


def test_weights_of_which_nothing_fits_are_refused_even_in_part(tmp_path: Path) -> None:
    weights = saved(torch.nn.Linear(2, 2), tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"no tensor of .* fits this architecture"):
        begin_from(UNet(3), weights, head=UNET_HEAD, partial=True)


def test_ultralytics_weights_are_counted_and_refused_alike() -> None:
    pytest.importorskip("ultralytics")
    from streamvision.checkpoints.torch_runtime import import_ultralytics

    import_ultralytics()
    from ultralytics.nn.tasks import ClassificationModel, DetectionModel

    from streamvision.training.ultralytics_trainer import weights_fit

    def recipe(*, partial: bool) -> Any:
        return SimpleNamespace(partial_weights=partial, weights=Path("given.pt"), model="yolov8n.yaml")

    two, five = (DetectionModel("yolov8n.yaml", nc=classes, verbose=False) for classes in (2, 5))
    said = weights_fit(two, five, recipe(partial=False))
    fitting, total = (int(said.split()[place]) for place in (0, 2))
    assert 300 < fitting < total == len(two.state_dict())
    classifier = ClassificationModel("yolov8n-cls.yaml", nc=2, verbose=False)
    with pytest.raises(ConfigError, match=r"of given\.pt \d+ tensors fit the \d+ .*--partial-weights"):
        weights_fit(two, classifier, recipe(partial=False))
    assert "tensors fit" in weights_fit(two, classifier, recipe(partial=True))
