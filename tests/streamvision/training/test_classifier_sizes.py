"""Classifiers take the size that they were made for, or another that they can; what they cannot is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints.torchvision_build import build_run, published_side_px
from streamvision.core.errors import ConfigError
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training
from streamvision.training.torchvision_run import build_classifier, check_side

pytestmark = [pytest.mark.slow, pytest.mark.reference]
FAMILIES = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b1", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18"),
    *("resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_0", "swin_t", "swin_v2_t", "vgg11_bn", "vit_b_16"),
    *("vit_h_14", "wide_resnet50_2"),
)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_learns_at_its_own_size(name: str) -> None:
    check_side(name, published_side_px(name))


@pytest.mark.parametrize(
    ("name", "side_px"), [("vit_b_16", 416), ("inception_v3", 96), ("googlenet", 32), ("maxvit_t", 448)]
)
def test_other_sizes_are_taken_where_they_can_be(name: str, side_px: int) -> None:
    check_side(name, side_px)


@pytest.mark.parametrize(
    ("name", "side_px", "own_px"), [("vit_b_16", 100, 224), ("maxvit_t", 416, 224), ("inception_v3", 64, 299)]
)
def test_a_size_that_cannot_be_taken_is_refused_with_one_that_can(name: str, side_px: int, own_px: int) -> None:
    with pytest.raises(ConfigError, match=f"squares of {side_px} px .* give --imgsz {own_px}"):
        check_side(name, side_px)
    check_side(name, own_px)


def test_the_size_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    given = load_recipe(None, {"data": tmp_path / "none", "model": "alexnet", "imgsz": 32})
    with pytest.raises(ConfigError, match="alexnet cannot learn from squares of 32 px"):
        start_training(given, project=tmp_path / "runs", name=None, command="train")
    assert not (tmp_path / "runs").exists()


def test_a_transformer_of_another_size_is_opened_again(tmp_path: Path) -> None:
    network = build_classifier("vit_b_32", classes=2, side_px=64).eval()
    stored = {"architecture": "vit_b_32", "names": ["a", "b"], "imgsz": 64, "model": network.state_dict()}
    opened = build_run(stored, tmp_path / "best.pt")
    pictures = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(opened.network.eval()(pictures), network(pictures))
    assert opened.side_px == 64
