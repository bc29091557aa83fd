"""``streamvision train`` for pictures that become others: it learns, goes on after a kill, says what does not fit."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints.checkpoint_file import read_run
from streamvision.checkpoints.picture_networks import picture_network
from streamvision.core.errors import ConfigError
from streamvision.datasets.drive import CLASS_COLOURS_BGR, DriveSampling, write_drive_pairs
from streamvision.datasets.picture_pairs import read_made_worse, read_pairs
from streamvision.evaluation.images import evaluate_images
from streamvision.evaluation.model import open_model
from streamvision.evaluation.picture_pairs import read_pair
from streamvision.training.discriminator import Discriminator
from streamvision.training.pictures.data import prepare_pictures
from streamvision.training.pictures.patch_discriminator import paired, patch_network
from streamvision.training.pictures.samples import PairSamples
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.session import resume_training, start_training
from support.command_line import called
from support.killed_runs import killed_after, killed_and_resumed
from support.smooth_photos import smooth, write_photos

pytestmark = [pytest.mark.slow, pytest.mark.reference]
NOISE = 50.0


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "imgsz": 32, "batch": 8, "warmup": 0.3, "threads": 1, "precision": "fp32"}
    return load_recipe(None, given | more)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures, three of which are held out."""
    return write_photos(tmp_path_factory.mktemp("photos"), count=12, size_px=(128, 96))


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A denoiser that was killed after its fourth epoch, and went on to the eighth."""
    project = tmp_path_factory.mktemp("runs")
    killed_and_resumed(recipe(photos, model="denoiser", noise=NOISE, epochs=8, lr=3e-3), project, after=4)
    return project / "run"


def figures(run: Path) -> list[dict[str, float]]:
    with (run / "curves.csv").open(encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_it_removes_noise_and_the_exported_file_does_too(photos: Path, run: Path) -> None:
    rows = figures(run)
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    best = max(rows, key=lambda row: row["psnr_db"])
    assert best["psnr_gain_db"] > 1.0
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["task"] == "image"
    assert summary["psnr_db"] == pytest.approx(best["psnr_db"], abs=1e-4)
    assert summary["onnx_checked"].startswith("equal")
    for file in ("best.onnx", "best.pt"):
        with open_model(run / "weights" / file) as detector:
            measured = evaluate_images(detector, read_made_worse(photos, noise=NOISE).part("val"))
        assert measured.mean("psnr_db") == pytest.approx(best["psnr_db"], abs=0.02), file
        assert measured.better == 3
    for name in ("curves.png", "results.png", "recipe.yaml", "split.json", "weights/last.pt"):
        assert (run / name).stat().st_size > 0, name
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "PSNR (dB)" in card
    assert "streamvision eval image" in card


def test_frames_keep_their_own_size_in_a_run(run: Path, tmp_path: Path) -> None:
    record = tmp_path / "clean.mp4"
    source = "synthetic:drive?seed=9&size=200x112&fps=30&frames=3&realtime=0"
    done = called("run", "--source", source, "--model", run / "weights" / "best.onnx", "--record", record, "--json")
    assert done.code == 0, done.stderr
    assert done.report["streams"][0]["frames_done"] == 3
    film = cv2.VideoCapture(str(record))
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (200, 112)


def test_super_resolution_learns_and_its_frames_are_larger(photos: Path, tmp_path: Path) -> None:
    settings = recipe(photos, model="edsr_x2", epochs=2, lr=1e-3)
    done = start_training(settings, project=tmp_path, name="run", command="train")
    losses = [row["train_loss"] for row in figures(tmp_path / "run")]
    assert losses[1] < losses[0]
    assert "feature_distance" not in done
    record, source = tmp_path / "large.mp4", "synthetic:drive?seed=9&size=96x54&fps=30&frames=3&realtime=0"
    shown = called("run", "--source", source, "--model", done["onnx"], "--record", record, "--json")
    assert shown.code == 0, shown.stderr
    film = cv2.VideoCapture(str(record))
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (192, 108)


@pytest.mark.parametrize(("name", "scale"), [("denoiser", 1), ("edsr_x2", 2), ("edsr_x4", 4)])
def test_networks_begin_with_the_plain_picture(name: str, scale: int) -> None:
    pictures = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(1))
    network = picture_network(name)
    plain = torch.nn.functional.interpolate(pictures, scale_factor=float(scale), mode="bilinear", align_corners=False)
    assert torch.allclose(network(pictures), plain, atol=1e-6)


def pairs(folder: Path, *, scale: int) -> Path:
    for number in range(4):
        small = smooth(40, 30, number)
        for name, pixels in (("inputs", small), ("targets", cv2.resize(small, None, fx=scale, fy=scale))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / name / f"{number}.png"), pixels)
    return folder


def test_both_sides_of_a_pair_show_the_same_part(tmp_path: Path) -> None:
    data = prepare_pictures(RunFolder(tmp_path), recipe(pairs(tmp_path / "data", scale=2), model="edsr_x2", imgsz=32))
    samples = PairSamples(data.train, side_px=32, scale=2)
    settings = recipe(tmp_path, model="edsr_x2", batch=2, preset="light")
    for given, target in samples.batches(data.repeats, settings, epoch=0, mixing=True):
        assert given.shape[2:] == (16, 16)
        larger = torch.nn.functional.interpolate(given, scale_factor=2.0, mode="bilinear", align_corners=False)
        assert float((larger - target).abs().mean()) < 0.02


def test_noise_reaches_what_was_asked_for_and_not_the_truth(photos: Path) -> None:
    images = read_made_worse(photos, noise=40.0).images
    samples = PairSamples(images, side_px=32, scale=1)
    settings = recipe(photos, model="denoiser", preset="plain", batch=4)
    spreads = [
        float(255 * (given - target).std())
        for batch in samples.batches([8] * len(images), settings, epoch=0, mixing=True)
        for given, target in zip(*batch, strict=True)
    ]
    assert min(spreads) < 8
    assert 25 < max(spreads) < 42


@pytest.mark.parametrize(
    ("model", "more", "scale", "said"),
    [
        ("edsr_x4", {}, 2, "edsr_x4 makes 160x120 px of it"),
        ("denoiser", {"noise": 5}, 1, "says itself what its pictures become"),
    ],
)
def test_pairs_that_do_not_fit_are_one_sentence(
    tmp_path: Path, model: str, more: dict[str, Any], scale: int, said: str
) -> None:
    data = pairs(tmp_path / "data", scale=scale)
    with pytest.raises(ConfigError, match=said):
        prepare_pictures(RunFolder(tmp_path), recipe(data, model=model, **more))


def test_reverse_is_for_pairs(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="inputs/ and targets/"):
        prepare_pictures(RunFolder(tmp_path), recipe(photos, model="denoiser", reverse=True))


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "streets"
    write_drive_pairs(folder, DriveSampling(6, seed=4, width_px=96, height_px=64, val_images=2))
    return folder


def test_drawn_pairs_are_maps_in_colours_and_their_pictures(streets: Path) -> None:
    pairs = read_pairs(streets)
    assert [len(pairs.part(part).images) for part in ("train", "val")] == [6, 2]
    known = {*CLASS_COLOURS_BGR, (0, 0, 0)}
    for image in pairs.images:
        given, truth = read_pair(image)
        assert given.shape == truth.shape == (64, 96, 3)
        assert {tuple(colour) for colour in np.unique(given.reshape(-1, 3), axis=0).tolist()} <= known


def test_pix2pix_learns_beside_its_discriminator_and_goes_on_with_it(streets: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    settings = recipe(streets, model="pix2pix", imgsz=64, batch=2, epochs=3, lr=2e-3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamvision.training.session.export_run", lambda *given, **rest: {})
        with killed_after(1):
            start_training(settings, project=tmp_path, name="run", command="train")
        stopped = read_run(run / "weights" / "last.pt")
        done = resume_training(run, command="train --resume")
    assert stopped is not None
    ended = read_run(run / "weights" / "last.pt")
    assert ended is not None
    steps = [state["discriminator"]["optimizer"]["state"][0]["step"] for state in (stopped, ended)]
    assert float(steps[1]) == 3 * float(steps[0]), "the discriminator went on, and did not begin anew"
    assert done["best_epoch"] == 3, "with a discriminator the last epoch counts"
    losses = [row["train_loss"] for row in figures(run)]
    assert losses[2] < losses[0]
    assert "pictures that look real" in (run / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_super_resolution_that_looks_sharp_goes_on_with_all_that_it_learns_by(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = recipe(photos, model="edsr_x2", epochs=3, lr=2e-3, perceptual=0.1, adversarial=0.01)
    with killed_after(1):
        start_training(settings, project=tmp_path, name="run", command="train")
    done = resume_training(run, command="train --resume")
    rows = figures(run)
    assert rows[2]["train_loss"] < rows[0]["train_loss"]
    assert rows[2]["feature_distance"] > 0
    assert done["best_epoch"] == 3, "the PSNR cannot tell the best epoch"
    assert "perceptual loss by road_signs_yolox" in done["beginning"]
    assert done["feature_distance"] == pytest.approx(rows[2]["feature_distance"], abs=1e-4)
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "distance of features" in card and "pictures that look real" in card


def test_features_that_are_not_there_leave_no_folder(photos: Path, tmp_path: Path) -> None:
    settings = recipe(photos, model="edsr_x2", perceptual=0.1, features=str(tmp_path / "vgg16.pth"))
    with pytest.raises(ConfigError, match="nothing is downloaded unasked"):
        start_training(settings, project=tmp_path, name="run", command="train")
    assert not (tmp_path / "run").exists()


def test_a_discriminator_tells_made_pictures_from_true_ones() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(patch_network(), torch.device("cpu"), lr=2e-3)
    generator = torch.Generator().manual_seed(1)
    given = torch.rand(4, 3, 16, 16, generator=generator)
    true = torch.rand(4, 3, 32, 32, generator=generator)
    made = true * 0.2 + 0.4  # grey
    first = float(discriminator.against(paired(given, made)))
    for _ in range(25):
        discriminator.learn(paired(given, made), paired(given, true), rate=2e-3)
    assert float(discriminator.against(paired(given, made))) > first + 0.2, "what is made is told for what it is"
    assert float(discriminator.against(paired(given, true))) < first


def test_pix2pix_needs_pairs(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="inputs/ and targets/"):
        prepare_pictures(RunFolder(tmp_path), recipe(photos, model="pix2pix"))
