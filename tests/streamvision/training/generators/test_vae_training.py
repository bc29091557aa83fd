"""A variational autoencoder: killed, resumed, better than the mean picture, exported both ways; its bound is right."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import cv2
import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

import streamvision
from pipelines.capture.generator_scene import GeneratorScene
from streamvision.checkpoints import open_source
from streamvision.core.errors import ConfigError, ExportError, ModelError
from streamvision.datasets.dataset import NamedPicture
from streamvision.evaluation.model import open_model
from streamvision.training.generators.samples import PlainSamples
from streamvision.training.generators.vae_run import elbo
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training
from support.killed_runs import killed_and_resumed

pytestmark = [pytest.mark.slow, pytest.mark.reference]


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "vae", "batch": 12, "warmup": 0.5, "preset": "plain", "lr": 3e-3, "threads": 1}
    return load_recipe(None, given | more)


@pytest.fixture(scope="module")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Killed after two epochs, and resumed."""
    return killed_and_resumed(recipe(pictures, epochs=8), tmp_path_factory.mktemp("trained"), after=2)


def test_pictures_are_made_again_better_than_by_their_mean(trained: dict[str, Any]) -> None:
    assert trained["beginning"].endswith("went on after epoch 2")
    assert trained["psnr_over_mean_db"] > 1.0
    assert trained["elbo_bits"] > -8  # what all levels alike would give
    assert trained["kl_nats"] > 0
    assert trained["onnx_checked"].startswith("equal")
    assert trained["generator_checked"].startswith("equal on 32 latent vectors")
    assert 0 < trained["variety"] < 2
    assert trained["frechet_distance"] > 0
    card = (Path(trained["run"]) / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "PSNR above the mean picture's (dB)" in card
    assert any("synthetic:generator?model=" in command for command in trained["next"])


def test_the_file_of_pictures_makes_a_frame_again(trained: dict[str, Any], pictures: Path) -> None:
    (result,) = streamvision.stream(pictures / "000.png", model=trained["onnx"])
    assert result.image_result is not None
    assert result.image_result.picture is not None
    made = result.image_result.picture.to_bgr()
    assert made.shape == (32, 32, 3)
    assert made.std() > 2
    with open_model(Path(trained["best"])) as model:
        assert (model.card.task, model.card.head, model.card.input.width_px) == ("image", "image", 32)


def test_the_generator_draws_on_a_walk(trained: dict[str, Any]) -> None:
    scene = GeneratorScene(64, 64, 10, 0, model=trained["generator"])
    first, later = (scene.picture_at(index).to_bgr() for index in (0, 15))
    assert first.std() > 2
    assert (first != later).any()
    sheet = cv2.imread(trained["samples"])
    assert sheet.shape == (7 * 64, 12 * 64, 3)


def test_the_bound_is_that_of_torchs_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn, pictures = (torch.rand(5, 3, 4, 4, generator=generator) for _ in range(2))
    mean, log_variance = (torch.randn(5, 7, generator=generator) for _ in range(2))
    bound, kl = elbo(drawn, pictures, mean, log_variance)
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1).mean()
    assert float(kl) == pytest.approx(float(theirs), rel=1e-5)
    spread = math.sqrt(float(((drawn - pictures) ** 2).mean()))
    likelihood = Normal(drawn, spread).log_prob(pictures).mean()
    assert float(bound) == pytest.approx(float(likelihood - theirs / 48), rel=1e-5)


def test_sizes_and_weights_that_do_not_fit_are_refused(trained: dict[str, Any], pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="multiple of 8 px and at most 1024 px, not 36"):
        start_training(recipe(pictures, imgsz=36), project=tmp_path, name="run", command="train")
    with pytest.raises(ExportError, match="takes no other size"):
        open_source(trained["best"], size_px=(64, 64))
    stored = torch.load(trained["best"], weights_only=True)
    stored["model"].pop("decoder.last.bias")
    torch.save(stored, tmp_path / "best.pt")
    with pytest.raises(ModelError, match="does not hold the weights of a VAE"), open_model(tmp_path / "best.pt"):
        pass


def test_the_ready_recipe_is_accepted(project_root: Path) -> None:
    path = project_root / "configs" / "train-vae.yaml"
    assert load_recipe(path, {}).model == "vae"
    assert "synthetic:generator?model=" in path.read_text(encoding="utf-8")


def test_long_thin_pictures_are_learnt_by_their_middle(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "line.png"), np.full((2, 4000, 3), 90, np.uint8))
    samples = PlainSamples([NamedPicture(tmp_path / "line.png", 0)], side_px=32)
    assert samples.load(0).image.shape == (32, 256, 3)
    (batch,) = samples.plain(batch=1)
    assert batch.shape == (1, 3, 32, 32)
    assert float(batch.mean()) == pytest.approx(90 / 255, abs=1e-3)
