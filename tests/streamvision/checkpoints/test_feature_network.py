"""Networks by whose features pictures are compared: theirs are those of their own library, and others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch
from torchvision import models

from streamvision.checkpoints.feature_network import (
    FeatureNetwork,
    feature_difference,
    gram,
    open_features,
    style_difference,
)
from streamvision.checkpoints.yolox_network import Yolox
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.core.errors import ConfigError, ModelError

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def shipped() -> FeatureNetwork:
    return open_features()


def pictures(count: int = 2, *, seed: int = 0) -> torch.Tensor:
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, scale_factor=8.0, mode="bilinear")


def test_what_is_more_alike_is_nearer(shipped: FeatureNetwork) -> None:
    truth, other = pictures(), pictures(seed=1)
    wanted = shipped(truth)
    assert [tuple(one.shape[1:]) for one in wanted] == [(16, 32, 32), (32, 16, 16), (64, 8, 8), (128, 4, 4)]
    nearer, farther = (feature_difference(shipped(truth.lerp(other, share)), wanted) for share in (0.2, 0.6))
    assert float(feature_difference(wanted, wanted)) == 0
    assert 0 < float(nearer) < float(farther) < float(feature_difference(shipped(other), wanted)) < 2


def test_a_style_is_what_is_seen_and_not_where(shipped: FeatureNetwork) -> None:
    seen = shipped(pictures(1))
    grams = [gram(one) for one in seen]
    turned = [one.flip(3) for one in seen]
    assert float(style_difference(turned, grams)) < 1e-9 < 0.01 < float(feature_difference(turned, seen))
    assert float(style_difference(shipped(pictures(1, seed=1)), grams)) > 0.01


def test_pictures_learn_and_its_weights_do_not(shipped: FeatureNetwork) -> None:
    made = pictures().requires_grad_()
    before = shipped(pictures(seed=2))
    shipped.train()
    feature_difference(shipped(made), shipped(pictures(seed=1))).backward()
    assert made.grad is not None and float(made.grad.abs().sum()) > 0
    assert all(not one.requires_grad for one in shipped.parameters())
    for one, other in zip(before, shipped(pictures(seed=2)), strict=True):
        assert torch.equal(one, other)


def test_layers_of_a_vgg_are_torchvisions(tmp_path: Path) -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        layers = models.vgg11(weights=None).features
    layers = layers.to_empty(device="cpu").eval()
    for one in layers.parameters():
        torch.nn.init.normal_(one, std=0.05)
    path = tmp_path / "vgg11.pth"
    torch.save({f"features.{key}": one for key, one in layers.state_dict().items()}, path)
    network = open_features(path)
    mean, std = (torch.tensor(value)[:, None, None] for value in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    seen = (pictures() - mean) / std
    for found, end in zip(network(pictures()), (2, 5, 10, 15), strict=True):
        with torch.no_grad():
            assert torch.allclose(found, layers[:end](seen), atol=1e-5)
    torch.save({f"features.{key}": one.half() for key, one in layers.state_dict().items()}, path)
    assert float(feature_difference(open_features(path)(pictures()), network(pictures()))) < 1e-3
    spoilt = {f"features.{key}": one.clone() for key, one in layers.state_dict().items()}
    spoilt["features.3.weight"][0, 0, 0, 0] = float("nan")
    torch.save(spoilt, path)
    with pytest.raises(ModelError, match="that are not finite"):
        open_features(path)
    torch.save({f"features.{key}": one for key, one in layers[:8].state_dict().items()}, path)
    with pytest.raises(ModelError, match="does not hold the features of vgg16"):
        open_features(path)


def test_a_checkpoint_says_which_yolox_it_is(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Yolox(SCALES["yolox_tiny"], classes=3)
    torch.save({"model": network.state_dict()}, tmp_path / "own.pth")
    found = open_features(tmp_path / "own.pth")
    assert found.name == "own (yolox_tiny)"
    half = {key: one for key, one in network.state_dict().items() if "dark3" not in key}
    torch.save({"model": half}, tmp_path / "half.pth")  # what is missing must not be left to chance
    with pytest.raises(ModelError, match=r"tensors are missing, such as backbone\.backbone\.dark3"):
        open_features(tmp_path / "half.pth")
    network.eval()
    with torch.no_grad():
        assert torch.equal(found(pictures())[0], network.backbone.backbone.stem(pictures()))


@pytest.mark.parametrize("given", ["nowhere.onnx", "other.pth", "narrow.pth", "road_signs"])
def test_other_networks_are_one_sentence(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"fc.weight": torch.zeros(2, 3)}, "other.pth")
    torch.save({"backbone.backbone.stem.conv.conv.weight": torch.zeros(17, 3, 6, 6)}, "narrow.pth")
    with pytest.raises((ConfigError, ModelError), match=r"YOLOX|plain export") as told:
        open_features(given)
    assert "\n" not in str(told.value)
