"""Training and measuring from Python: what they return, how it shows itself, what is refused."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import streamvision
from streamvision.core.errors import ConfigError
from support.captioned_pictures import write_squares
from support.constant_captioner import constant_captioner
from support.labelled_pictures import save_picture
from support.small_networks import copying_network
from support.tiny_embedder import tiny_embedder

pytest.importorskip("torch", reason="torch is not installed")
HUES = {"blue": (230, 60, 30), "red": (30, 60, 230)}


def draw_classes(folder: Path) -> Path:
    """Draw pictures of two colours, in parts."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 3)):
        for name, colour in HUES.items():
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                noise = rng.integers(-25, 26, (40, 40, 3))
                picture = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / part / name / f"{number}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_classes(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="module")
def run(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> streamvision.TrainingRun:
    project = tmp_path_factory.mktemp("runs")
    settings = {"model": "lenet", "imgsz": 32, "epochs": 3, "batch": 4, "lr": 0.003, "flip": 0.5, "precision": "fp32"}
    return streamvision.train(colours, project=project, name="colours", **settings)


@pytest.mark.reference
def test_a_run_has_its_files_its_figures_and_its_curves(run: streamvision.TrainingRun) -> None:
    assert run.folder.name == "colours"
    assert run.checkpoint.is_file() and run.model.suffix == ".onnx" and run.model.is_file()
    assert [row["epoch"] for row in run.curves()] == [1, 2, 3]
    assert run.figures["top1"] == 1.0
    assert "top-1 1.000" in repr(run)
    assert "streamvision.train(model='lenet'" in (run.folder / "command.txt").read_text(encoding="utf-8")
    assert "flip: 0.5" in (run.folder / "recipe.yaml").read_text(encoding="utf-8")


@pytest.mark.reference
def test_a_run_shows_its_figures_and_its_picture(run: streamvision.TrainingRun) -> None:
    html = run._repr_html_()
    assert "<th>top-1</th>" in html
    (data,) = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert base64.b64decode(data) == (run.folder / "results.png").read_bytes()


@pytest.mark.reference
def test_a_run_is_opened_again(run: streamvision.TrainingRun, tmp_path: Path) -> None:
    again = streamvision.open_run(run.folder)
    assert (again.figures, again.model) == (run.figures, run.model)
    with pytest.raises(ConfigError, match=r"no summary\.json"):
        streamvision.open_run(tmp_path)


@pytest.mark.reference
def test_a_model_is_measured_by_the_task_of_its_card(run: streamvision.TrainingRun, colours: Path) -> None:
    measured = streamvision.evaluate(run.model, colours, split="all")
    document = measured.to_json()
    assert document["images"] == 22 and document["top1"] == 1.0
    html = measured._repr_html_()
    assert "<td>blue</td>" in html and "<th>top1</th>" in html
    assert repr(measured).startswith("ClassifyEvaluation(best.onnx") and len(repr(measured)) < 200


@pytest.mark.reference
def test_an_explanation_shows_its_heat(run: streamvision.TrainingRun, colours: Path) -> None:
    picture = cv2.imread(str(colours / "val" / "red" / "0.png"))
    explained = streamvision.explain(picture, model=run.checkpoint, method="grad-cam", curves=False)
    assert explained.subjects[0].name == "red" and explained.heat.shape == (1, 40, 40)
    shown = cv2.imdecode(np.frombuffer(explained._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and shown.shape[1] >= 40
    assert repr(explained).startswith("Explanation(gradients (Grad-CAM), red ")


@pytest.mark.reference
def test_a_trial_keeps_no_weights_and_says_so(colours: Path, tmp_path: Path) -> None:
    trial = streamvision.train(colours, model="lenet", imgsz=32, lr=0.01, overfit=4, epochs=2, project=tmp_path)
    assert trial.summary["overfit"]["passed"] in (True, False)
    with pytest.raises(ConfigError, match="kept no checkpoint"):
        _ = trial.checkpoint


def test_arguments_that_are_not_known_are_refused(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"streamvision\.train.*epoch"):
        streamvision.train(colours, model="lenet", epoch=3, project=tmp_path)
    with pytest.raises(ConfigError, match="one of them"):
        streamvision.train(colours, model="lenet", find_lr=True, folds=2, project=tmp_path)
    with pytest.raises(ConfigError, match="seeds and overfit are things to do one after the other"):
        streamvision.train(colours, model="lenet", seeds=2, overfit=4, project=tmp_path)
    with pytest.raises(ConfigError, match="trials bound a search"):
        streamvision.train(colours, model="lenet", trials=2, project=tmp_path)
    with pytest.raises(ConfigError, match=r"no option 'score'; it has backend"):
        streamvision.evaluate("road_signs", colours, score=0.3)
    assert not list(tmp_path.iterdir())


def test_a_task_without_figures_is_refused(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a model for embed, for which there are no figures"):
        streamvision.evaluate(tiny_embedder(tmp_path / "looks.onnx"), colours)


def test_sentences_are_measured_too(tmp_path: Path) -> None:
    model = constant_captioner(tmp_path / "says.onnx", ["a", "red", "square", "on", "the", "left"])
    squares = write_squares(tmp_path / "squares", train=2, val=3)
    measured = streamvision.evaluate(model, squares).to_json()
    assert measured["images"] == 3 and measured["sentences"][0]["said"] == "a red square on the left"
    with pytest.raises(ConfigError, match="no classes"):
        streamvision.evaluate(model, squares, classes=["red"])
    told = streamvision.evaluate(model, squares, split="train", train_data=squares)  # nothing else to learn it from
    assert told.baseline.origin != measured["baseline"]["of"]


def test_pictures_are_measured_by_what_makes_them_worse(tmp_path: Path) -> None:
    model = copying_network(tmp_path / "copies.onnx")
    for seed in range(2):
        save_picture(tmp_path / "pictures" / f"{seed}.png", 32, 24, seed=seed)
    plain = [
        streamvision.evaluate(model, tmp_path / "pictures", noise=noise).to_json()["plain_psnr_db"] for noise in (5, 50)
    ]
    assert plain[0] > plain[1] + 10
    with pytest.raises(ConfigError, match=r"give noise .* or shrink"):
        streamvision.evaluate(model, tmp_path / "pictures")
    for wrong in ({"noise": -5}, {"noise": "much"}, {"shrink": 1}, {"shrink": 2.5}, {"camera_height_m": -1}):
        with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: give ") as told:
            streamvision.evaluate(model, tmp_path / "pictures", **wrong)
        assert "\n" not in str(told.value)
    with pytest.raises(ConfigError, match=r"slices is not for .*, a model for image, which is measured with noise, "):
        streamvision.evaluate(model, tmp_path / "pictures", noise=5, slices="2x2")


def test_what_is_no_figure_and_no_path_in_a_summary_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"top1": "high", "best": 5}')
    run = streamvision.open_run(tmp_path)
    assert run.figures == {} and repr(run) == f"TrainingRun({tmp_path.name})"
    with pytest.raises(ConfigError, match="kept no checkpoint"):
        _ = run.checkpoint


def test_showing_is_for_notebooks() -> None:
    with pytest.raises(ConfigError, match="show is for notebooks; here give"):
        streamvision.stream("synthetic:drive?frames=2&realtime=0", model="road_signs").show(seconds=1)
