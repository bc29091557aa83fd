"""``streamvision train --model style``: it paints, goes on after a kill, and its file is measured and run."""

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

import streamvision
from streamvision.core.errors import ConfigError
from streamvision.datasets.picture_pairs import read_made_worse
from streamvision.evaluation.style import recoloured
from streamvision.training.comparing import measure_added
from streamvision.training.data import TrainingData
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe, load_recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.session import resume_training, start_training
from support.command_line import called
from support.killed_runs import killed_after
from support.smooth_photos import smooth, write_photos

pytestmark = [pytest.mark.slow, pytest.mark.reference]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures, two of which are held out."""
    return write_photos(tmp_path_factory.mktemp("photos"), count=8, size_px=(101, 75), levels=(60, 196))


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style: diagonal stripes, red and white."""
    path = tmp_path_factory.mktemp("style") / "stripes.png"
    rows, columns = np.mgrid[:96, :96]
    is_red = ((rows + columns) // 8 % 2).astype(bool)
    cv2.imwrite(str(path), np.where(is_red[..., None], (20, 20, 220), (250, 250, 250)).astype(np.uint8))
    return path


def recipe(data: Path, style: Path, **more: Any) -> Recipe:
    settings = {"epochs": 4, "imgsz": 48, "batch": 4, "lr": 5e-3, "warmup": 0.3, "threads": 1, "precision": "fp32"}
    return load_recipe(None, {"data": data, "model": "style", "style": style, **settings, **more})


@pytest.fixture(scope="module")
def run(photos: Path, stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after its second epoch, and went on to the fourth."""
    project = tmp_path_factory.mktemp("runs")
    with killed_after(2):
        start_training(recipe(photos, stripes), project=project, name="run", command="train")
    resume_training(project / "run", command="train --resume")
    return project / "run"


def test_it_comes_nearer_to_the_style(run: Path) -> None:
    with (run / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert rows[-1]["style_gain"] > rows[0]["style_gain"]
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["task"] == "image"
    assert summary["onnx_checked"].startswith("equal")
    assert "stripes.png by road_signs_yolox" in summary["beginning"]
    assert summary["style_gain"] == pytest.approx(max(row["style_gain"] for row in rows), abs=1e-4)
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "share of the style's loss that is gone" in card
    assert "and the picture whose style it is" in card
    assert "`streamvision eval image --style stripes.png`" in card
    assert (run / "results.png").stat().st_size > 0


def test_its_file_is_measured_as_in_training(run: Path, photos: Path, stripes: Path, tmp_path: Path) -> None:
    given = ("--data", photos, "--split", "val", "--style", stripes, "--threads", "1")
    done = called("eval", "image", run / "weights" / "best.onnx", *given, "--json")
    assert done.code == 0, done.stderr
    found = done.report
    best = json.loads((run / "summary.json").read_text(encoding="utf-8"))["style_gain"]
    gain = 1 - (found["content"] + 3 * found["style"]) / (3 * found["plain_style"])
    assert gain == pytest.approx(best, abs=5e-3)
    assert found["images"] == 2
    assert found["recoloured_style"] < found["plain_style"]
    shown = called("eval", "image", run / "weights" / "best.onnx", *given, "--report", tmp_path / "report.html")
    assert "in its colours" in shown.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"{found['style']:.3f}" in page and page.count("<figure") == 2
    python = streamvision.evaluate(run / "weights" / "best.onnx", photos, split="val", style=stripes, threads=1)
    assert {**python.to_json(), "seconds": 0} == {**found, "seconds": 0}
    with pytest.raises(ConfigError, match="no truth to compare with; leave noise out"):
        streamvision.evaluate(run / "weights" / "best.onnx", photos, style=stripes, noise=5)
    with pytest.raises(ConfigError, match="have no classes"):
        streamvision.evaluate(run / "weights" / "best.onnx", photos, style=stripes, classes=["car"])


def test_what_is_added_to_a_style_has_no_truth_to_be_measured_by(run: Path, photos: Path, stripes: Path) -> None:
    pictures = read_made_worse(photos)
    data = TrainingData(pictures.names, (), (), (), "by hand", (), held_out_added=pictures.images)
    assert measure_added(recipe(photos, stripes), RunFolder(run), data, TrainingProgress(), trusted=False) == {}


def test_frames_keep_their_size(run: Path, tmp_path: Path) -> None:
    record = tmp_path / "painted.mp4"
    source = "synthetic:drive?seed=9&size=102x58&fps=30&frames=3&realtime=0"
    done = called("run", "--source", source, "--model", run / "weights" / "best.onnx", "--record", record, "--json")
    assert done.code == 0, done.stderr
    film = cv2.VideoCapture(str(record))
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (102, 58)


def test_the_naive_answer_has_the_colours_of_the_style() -> None:
    style, plain = (smooth(64, 48, seed, levels=(60, 196)) for seed in (1, 2))
    style = style // 2 + 80
    before, after, wanted = (
        cv2.cvtColor(one, cv2.COLOR_BGR2LAB).astype(float) for one in (plain, recoloured(plain, style), style)
    )
    for figure in (np.mean, np.std):
        own, other, new = (figure(one, axis=(0, 1)) for one in (before, wanted, after))
        assert np.abs(new - other).max() < 4 < np.abs(own - other).max()


@pytest.mark.parametrize("more", [("--noise", 5), ("--lpips", "alex"), ("--shrink", 2)])
def test_a_style_has_no_truth(more: tuple[object, ...], run: Path, photos: Path, stripes: Path) -> None:
    done = called("eval", "image", run / "weights" / "best.onnx", "--data", photos, "--style", stripes, *map(str, more))
    assert f"leave {str(more[0])[2:]} out" in done.stderr


def test_a_picture_in_which_networks_find_nothing_is_one_sentence(run: Path, stripes: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "line.png"), np.zeros((1, 500, 3), np.uint8))
    with pytest.raises(ConfigError, match=r"line\.png is 500x1 px, and features need 8; take it out"):
        streamvision.evaluate(run / "weights" / "best.onnx", tmp_path, style=stripes)


def test_what_is_no_style_is_one_sentence(photos: Path, stripes: Path, tmp_path: Path) -> None:
    def refused(settings: Recipe) -> str:
        with pytest.raises(ConfigError) as told:
            start_training(settings, project=tmp_path, name="run", command="train")
        assert not (tmp_path / "run").exists()
        return str(told.value)

    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((16, 40, 3), np.uint8))
    assert "sides are 32 to 2048 px" in refused(recipe(photos, tmp_path / "tiny.png"))
    assert "give --style PICTURE" in refused(recipe(photos, stripes).model_copy(update={"style": None}))
    assert "perceptual works with networks" in refused(recipe(photos, stripes, perceptual=0.1))
