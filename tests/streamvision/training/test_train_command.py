"""``streamvision train`` for real, on a few pictures: run folders, kills and resumes, and what is missing."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from support.command_line import called, command, running, streamvision
from support.sign_pictures import draw_signs
from support.tiny_architectures import tiny_checkpoint

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

pytestmark = [pytest.mark.slow]
TIMEOUT_S = 500.0


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_signs(tmp_path_factory.mktemp("data") / "signs", count=12, rare_every=3)


@pytest.fixture(scope="module")
def yolo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("ultralytics")
    return tiny_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.pt")


def epochs_of(run: Path) -> list[int]:
    with (run / "curves.csv").open(encoding="utf-8", newline="") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def kill_after_epoch(arguments: list[str], run: Path, *, epoch: int) -> None:
    """Start training, and kill it without warning as soon as the checkpoint of an epoch is there."""
    log = run.with_suffix(".log")
    with log.open("w") as stderr, running(*arguments, stdout=subprocess.DEVNULL, stderr=stderr) as process:
        deadline_s = time.monotonic() + TIMEOUT_S
        while not ((run / "weights" / "last.pt").exists() and epochs_of(run)[-1] >= epoch):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        process.kill()


def test_fine_tuning_leaves_a_complete_run_folder(signs: Path, yolo: Path, tmp_path: Path) -> None:
    done = streamvision(
        *("train", "--data", signs, "--model", yolo, "--epochs", "2", "--imgsz", "96", "--batch", "4"),
        *("--threads", "1"),
        *("--preset", "strong", "--freeze", "4", "--unfreeze-at", "2", "--balance", "oversample"),
        *("--onnx-megabytes", "0.5", "--project", tmp_path, "--name", "run", "--json"),
        timeout_s=TIMEOUT_S,
    )
    assert done.code == 0, done.stderr
    run = tmp_path / "run"
    assert epochs_of(run) == [1, 2]
    assert done.report == json.loads((run / "summary.json").read_text(encoding="utf-8"))
    for name in ("curves.png", "recipe.yaml", "split.json", "weights/best.pt", "weights/last.pt", "MODEL_CARD.md"):
        assert (run / name).stat().st_size > 0, name
    assert f"--model {yolo}" in (run / "command.txt").read_text(encoding="utf-8")
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "AGPL-3.0" in card
    assert "| square |" in card
    assert "epoch 2/2" in done.stderr
    onnx = run / "weights" / "best.onnx"
    assert onnx.stat().st_size <= 500_000
    assert done.report["onnx_weights"] != "float32 weights"
    ran = called("run", "--source", signs / "images", "--model", onnx, "--json")
    assert ran.code == 0, ran.stderr
    assert "yolo_v8, 2 classes, 96 px (dynamic)" in ran.report["model"]


@pytest.mark.usefixtures("without_onnx")
def test_a_killed_fine_tuning_goes_on(signs: Path, yolo: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["train", "--data", signs, "--model", yolo, "--epochs", "7", "--imgsz", "64", "--batch", "4"]
    arguments += ["--threads", "1"]
    kill_after_epoch([*map(str, arguments), "--project", str(tmp_path), "--name", "run"], run, epoch=1)
    before = epochs_of(run)
    assert before[-1] < 7
    done = called("train", "--resume", run)
    assert done.code == 0, done.stderr
    assert epochs_of(run) == list(range(1, 8))
    assert len((run / "command.txt").read_text(encoding="utf-8").splitlines()) == 2
    again = called("train", "--resume", run)
    assert again.code == 1
    assert "has ended" in again.sentence()


def test_a_killed_torchvision_run_goes_on(signs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["train", "--data", signs, "--model", "ssdlite320_mobilenet_v3_large", "--epochs", "5"]
    arguments += ["--imgsz", "96", "--batch", "4", "--preset", "strong", "--freeze", "3", "--unfreeze-at", "2"]
    arguments += ["--threads", "1"]
    kill_after_epoch([*map(str, arguments), "--project", str(tmp_path), "--name", "run"], run, epoch=2)
    done = called("train", "--resume", run, "--json")
    assert done.code == 0, done.stderr
    assert epochs_of(run) == [1, 2, 3, 4, 5]
    assert "went on after epoch" in done.report["beginning"]
    ran = called("run", "--source", signs / "images", "--model", run / "weights" / "best.onnx", "--json")
    assert ran.code == 0, ran.stderr
    assert "rows, 2 classes, 96x96" in ran.report["model"]


def test_a_killed_yolox_goes_on_with_its_average(signs: Path, data_dir: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["train", "--data", signs, "--model", "yolox_nano", "--epochs", "4", "--imgsz", "96", "--batch", "4"]
    arguments += ["--weights", data_dir / "models" / "yolox_nano.onnx", "--threads", "1", "--fold", "1/3"]
    kill_after_epoch([*map(str, arguments), "--project", str(tmp_path), "--name", "run"], run, epoch=1)
    done = called("train", "--resume", run, "--json")
    assert done.code == 0, done.stderr
    assert epochs_of(run) == [1, 2, 3, 4]
    assert "went on after epoch" in done.report["beginning"]
    assert "yolox_nano.onnx" in done.report["beginning"]
    assert "part 1 of 3 held out" in done.stderr
    stored = torch.load(run / "weights" / "last.pt", weights_only=True)
    averaged, learning = stored["model"], stored["learning"]
    assert any(not torch.equal(averaged[key], learning[key]) for key in averaged)
    best = run / "weights" / "best.onnx"
    found = called("eval", "detect", best, "--data", signs, "--json")
    assert found.code == 0, found.stderr
    ran = called("run", "--source", signs / "images", "--model", best, "--json")
    assert "yolo_v8, 2 classes, 96 px (dynamic)" in ran.report["model"]


def test_classes_begin_from_those_of_the_weights(signs: Path, data_dir: Path, tmp_path: Path) -> None:
    nano = ("--model", "yolox_nano", "--weights", data_dir / "models" / "yolox_nano.onnx")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("init_classes: {disc: stop sign, ring: traffic light}\n", encoding="utf-8")
    done = called("train", "--config", recipe, "--data", signs, *nano, "--project", tmp_path / "runs")
    assert done.code == 1
    assert "init_classes: 'ring' is no class of the data set" in done.sentence()


def test_the_learning_rate_finder_leaves_a_plot(signs: Path, tmp_path: Path) -> None:
    done = called(
        *("train", "--data", signs, "--model", "ssdlite320_mobilenet_v3_large", "--imgsz", "96", "--batch", "4"),
        *("--find-lr", "--threads", "1", "--project", tmp_path, "--json"),
    )
    assert done.code == 0, done.stderr
    assert 1e-8 < done.report["suggested_lr"] < 0.3
    assert Path(done.report["png"]).stat().st_size > 1000


def test_missing_weights_are_one_sentence_that_says_where_to_put_them(signs: Path, tmp_path: Path) -> None:
    pytest.importorskip("ultralytics")
    done = called("train", "--data", signs, "--model", "yolo11n", "--project", tmp_path / "runs", cwd=tmp_path)
    assert done.code == 1
    sentence = done.sentence()
    assert "yolo11n.pt" in sentence
    assert "nothing is downloaded" in sentence
    assert "put the file there" in sentence
    assert not (tmp_path / "runs").exists()


def test_missing_torchvision_weights_are_one_sentence(signs: Path, tmp_path: Path) -> None:
    done = called(
        *("train", "--data", signs, "--model", "ssdlite320_mobilenet_v3_large", "--weights", tmp_path / "none.pth"),
        *("--project", tmp_path / "runs"),
    )
    assert done.code == 1
    assert "nothing is downloaded" in done.sentence()


def test_the_format_of_the_data_is_taken_at_its_word(signs: Path, tmp_path: Path) -> None:
    done = called(
        *("train", "--data", signs, "--format", "coco", "--model", "ssdlite320_mobilenet_v3_large"),
        *("--project", tmp_path / "runs"),
    )
    assert done.code == 1
    assert f"no labelled picture could be read from {signs} as coco" in done.sentence()


def test_resuming_what_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    done = called("train", "--resume", tmp_path)
    assert done.code == 1
    assert "recipe.yaml" in done.sentence()


def test_absence_of_torch_names_the_extra(signs: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here', name='torch')\n", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command("train", "--data", signs, "--model", "ssdlite320_mobilenet_v3_large", "--project", tmp_path / "runs"),
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'streamvision-edge[train]'" in done.stderr
    assert "Traceback" not in done.stderr
