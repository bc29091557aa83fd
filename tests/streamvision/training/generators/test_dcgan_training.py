"""A DCGAN: killed, resumed, nearer to held-out pictures than it began, exported, live; what cannot be is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from pipelines.capture.generator_scene import GeneratorScene
from streamvision.checkpoints import open_generator, open_source
from streamvision.checkpoints.dcgan import LATENTS
from streamvision.core.errors import ConfigError, ModelError
from streamvision.training.generators.differentiable import changed
from streamvision.training.recipe import load_recipe
from streamvision.training.report import CurveFile
from streamvision.training.session import find_learning_rate, start_training
from support.command_line import called
from support.killed_runs import killed_and_resumed
from support.tiny_embedder import tiny_embedder

pytestmark = [pytest.mark.slow, pytest.mark.reference]
EPOCHS, STEPS = 8, 6
"""The latter of an epoch: 82 pictures in batches of 16, the last of two."""


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "dcgan", "batch": 16, "warmup": 0.5, "preset": "plain", "lr": 2e-3, "threads": 1}
    return load_recipe(None, given | {"average_epochs": 1.0} | more)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of embeddings that sees colours alone, which are learnt first."""
    return tiny_embedder(tmp_path_factory.mktemp("features") / "colours.onnx", grey=0.3)


@pytest.fixture(scope="module")
def trained(pictures: Path, colours: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Killed after two epochs, and resumed."""
    given = recipe(pictures, epochs=EPOCHS, features=str(colours))
    return killed_and_resumed(given, tmp_path_factory.mktemp("trained"), after=2)


def test_drawn_pictures_come_nearer_to_held_out_ones(trained: dict[str, Any]) -> None:
    rows = CurveFile(Path(trained["run"]) / "curves.csv").rows()
    distances = [row["frechet_distance"] for row in rows]
    assert len(rows) == EPOCHS
    assert min(distances) < 0.8 * distances[0]
    assert trained["frechet_distance"] == min(distances), "the best epoch is the nearest"
    assert trained["best_epoch"] == distances.index(min(distances)) + 1
    assert all(0 < row["discriminator_loss"] < 2 for row in rows)
    assert all(row["variety"] > 0 and math.isfinite(row["kernel_distance"] + row["novelty"]) for row in rows)
    card = (Path(trained["run"]) / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "as many that were learnt from are at a Fréchet distance of" in card
    assert "streamvision eval" not in card
    for picture in ("results.png", "samples.png", "samples/epoch-0001.png", "samples/epoch-0008.png"):
        assert cv2.imread(str(Path(trained["run"]) / picture)) is not None


def test_both_networks_and_their_optimizers_go_on(trained: dict[str, Any]) -> None:
    stored = torch.load(trained["last"], weights_only=True)
    for optimizer in (stored["optimizer"], stored["discriminator"]["optimizer"]):
        assert {float(one["step"]) for one in optimizer["state"].values()} == {EPOCHS * STEPS}
        assert optimizer["param_groups"][0]["betas"] == (0.5, 0.999)
    assert stored["averaged_steps"] == EPOCHS * STEPS
    assert not torch.equal(stored["model"]["last.weight"], stored["learning"]["last.weight"])


def test_the_file_is_the_generator_and_walks(trained: dict[str, Any]) -> None:
    assert trained["generator_checked"].startswith("equal on 32 latent vectors")
    assert "onnx" not in trained
    assert trained["next"][0].startswith("streamvision run --source 'synthetic:generator?model=")
    assert "--model none --score 1 " in trained["next"][0]  # no boxes of what moves over the picture
    scene = GeneratorScene(64, 64, 10, 0, model=trained["generator"])
    first, later = (scene.picture_at(index).to_bgr() for index in (0, 15))
    assert first.std() > 2
    assert (first != later).any()
    source = open_generator(Path(trained["best"]))
    assert source is not None
    assert source.generator()(torch.zeros(2, LATENTS)).shape == (2, 3, 32, 32)
    with pytest.raises(ModelError, match="makes pictures of latent numbers and takes none"):
        open_source(trained["best"])


def test_the_command_exports_the_generator(trained: dict[str, Any], tmp_path: Path) -> None:
    given = ["export", trained["best"], "--format", "onnx,openvino", "--output", tmp_path]
    done = called(*given, "--json")
    assert done.code == 0, done.stderr
    made = done.report["artefacts"]
    assert [one["format"] for one in made] == ["onnx", "openvino"]
    assert all(one["parity"]["passed"] and Path(one["path"]).exists() for one in made)
    assert {path.name for path in tmp_path.iterdir()} == {"best-generator-fp32.onnx", "best-generator-fp32_openvino"}
    for wrong, said in (
        (["--force", "--precision", "int8"], "generators are made in fp32, not in int8"),
        (["--force", "--imgsz", "64"], "--imgsz is for networks that see pictures"),
        ([], "is there already; give --force"),
    ):
        refused = called(*given, *wrong)
        assert refused.code == 1
        assert said in refused.stderr
    other = called("export", trained["best"], "--format", "ncnn", "--output", tmp_path)
    assert other.code == 1
    assert "generators are not made for ncnn; give onnx, openvino, tflite, coreml" in other.stderr


def test_a_collapse_is_said_in_the_features_of_a_named_model(
    pictures: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streamvision.training.generators.dcgan_run.EARLY_SHARE", 0)
    one = recipe(pictures, epochs=1, features=str(colours), lr=1e-9)  # all grey
    done = start_training(one, project=tmp_path, name="run", command="train")
    said = capsys.readouterr().err
    assert "held-out ones by the embeddings of colours.onnx" in said
    assert "Collapsed in epoch 1: drawn pictures are nearly all the same (variety 0.0" in said
    assert done["variety"] < 0.1


@pytest.mark.usefixtures("without_onnx")
def test_where_no_onnx_file_can_be_made_the_generator_is_kept(pictures: Path, colours: Path, tmp_path: Path) -> None:
    given = recipe(pictures, epochs=1, features=str(colours))
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert Path(done["best"]).is_file()
    assert not {"generator", "results"} & done.keys()


def test_what_cannot_be_learnt_so_is_refused_in_a_sentence(pictures: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for number in range(12):
        noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        cv2.imwrite(str(few / f"{number}.png"), noise)
    for wrong, said in (
        ({"data": few}, "10 pictures to learn from, which a discriminator knows by heart"),
        ({"data": few, "imgsz": 128}, "12 of the 12 pictures in .* have sides under 64 px"),
        ({"imgsz": 36}, "multiple of 8 px and at most 1024 px, not 36"),
        ({"overfit": 8}, "overfit is not for dcgan: it makes no picture again"),
        ({"precision": "bf16"}, "a dcgan learns in fp32"),
        ({"features": str(tmp_path / "gone.onnx")}, "there is no network at .* for features"),
        ({"generated": 8}, "leave it out for dcgan"),
    ):
        given = {"data": pictures} | wrong
        with pytest.raises(ConfigError, match=said):
            start_training(recipe(given.pop("data"), **given), project=tmp_path, name="run", command="train")
        assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="find_lr is not for dcgan: what one of its networks loses the other wins"):
        find_learning_rate(recipe(pictures), project=tmp_path, name="run", command="train")


def test_the_ready_recipe_is_accepted(project_root: Path) -> None:
    path = project_root / "configs" / "train-dcgan.yaml"
    assert load_recipe(path, {}).model == "dcgan"
    assert "synthetic:generator?model=" in path.read_text(encoding="utf-8")


def test_changes_differ_from_picture_to_picture_and_gradients_reach_through() -> None:
    torch.manual_seed(0)
    pictures = torch.linspace(-1, 1, 64).repeat(6, 3, 64, 1).requires_grad_()
    seen = changed(pictures)
    assert seen.shape == pictures.shape
    assert all(not torch.equal(seen[0], other) for other in seen[1:])
    blank = (seen == 0).all(dim=1).flatten(1).float().mean(dim=1)
    assert ((blank > 0.04) & (blank < 0.6)).all()  # a quarter of the square, where it lies inside
    seen.sum().backward()
    reached = (pictures.grad != 0).any(dim=1).flatten(1).float().mean(dim=1)
    assert (reached > 0.3).all()
