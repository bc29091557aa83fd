"""Distances as networks see them: LPIPS equal to torchmetrics', and told where its weights are missing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("lpips")

import torch
from torchvision import models

import streamvision
from streamvision.core.errors import ConfigError, ModelError
from streamvision.evaluation.perceptual import Lpips, to_rgb
from support.command_line import called
from support.plain_picture_network import network

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random layers, named and shaped as torchvision's file of weights has them."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "alexnet-owt-7be5be79.pth"
    layers = models.alexnet(weights=None).features.state_dict()
    torch.save({f"features.{key}": one for key, one in layers.items()}, path)
    return path


def picture(seed: int, *, width: int = 90, height: int = 70) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def test_lpips_is_that_of_torchmetrics(alexnet: Path) -> None:
    from torchmetrics.functional.image import lpips as reference

    theirs = reference._LPIPS(net="alex", pnet_rand=True)
    layers = torch.load(alexnet)
    theirs.net.load_state_dict({key: layers[f"features.{key.partition('.')[2]}"] for key in theirs.net.state_dict()})
    ours = Lpips(alexnet)
    for seed in (1, 2):
        made, truth = picture(seed), picture(0)
        expected = float(theirs(to_rgb(made), to_rgb(truth), normalize=True))
        assert expected > 1e-3
        assert ours(made, truth) == pytest.approx(expected, abs=1e-6)
    assert ours(picture(0), picture(0)) == 0
    with pytest.raises(ConfigError, match="is 20x90 px, and LPIPS needs 32"):
        ours(picture(0, width=20, height=90), picture(1, width=20, height=90))


def test_weights_in_torchs_cache_are_found_by_name(
    alexnet: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"nothing is downloaded unasked: fetch .*alexnet.*pth"):
        Lpips("alex")
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / alexnet.name).symlink_to(alexnet)
    assert Lpips("alex").name == "alexnet"
    with pytest.raises(ConfigError, match="no weights of vgg16"):
        Lpips("vgg")


def test_other_weights_are_one_sentence(tmp_path: Path, alexnet: Path) -> None:
    path = tmp_path / "other.pth"
    with pytest.raises(ConfigError, match="there are no weights at"):
        Lpips(path)
    torch.save({"conv.weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="neither AlexNet nor VGG-16"):
        Lpips(path)
    torch.save({key: one for key, one in torch.load(alexnet).items() if "10" not in key}, path)
    with pytest.raises(ModelError, match="does not hold all layers"):
        Lpips(path)


def test_the_command_measures_them_beside_the_plain_input(alexnet: Path, tmp_path: Path) -> None:
    for seed in range(2):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), picture(seed))
    given = ("--data", tmp_path, "--noise", 40, "--lpips", alexnet, "--features", "road_signs_yolox")
    model = network(tmp_path / "same.onnx")
    done = called("eval", "image", model, *given, "--json")
    assert done.code == 0, done.stderr
    found = done.report
    for name in ("lpips", "feature_distance"):
        assert found[name] == pytest.approx(found[f"plain_{name}"], rel=0.1)
        assert found[name] > 1e-3
        assert found["per_picture"][0][name] > 0
    python = streamvision.evaluate(model, tmp_path, noise=40, lpips=alexnet, features="road_signs_yolox").to_json()
    assert (python["lpips"], python["feature_distance"]) == (found["lpips"], found["feature_distance"])
    shown = called("eval", "image", model, *given)
    assert "LPIPS" in shown.stdout and "feature distance" in shown.stdout
