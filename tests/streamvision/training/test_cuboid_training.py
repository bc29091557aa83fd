"""``train --model deep3dbox``: it learns, goes on after a kill, is exported equal, and runs on a stream."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints import open_source
from streamvision.core.errors import ConfigError, ModelError
from streamvision.datasets.drive import DriveSampling
from streamvision.datasets.drive_cuboids import write_drive_cuboids
from streamvision.datasets.kitti_cuboids import read_cuboids
from streamvision.evaluation.cuboid import evaluate_cuboids
from streamvision.evaluation.model import open_model
from streamvision.inference.heads.cuboid import BINS, COLUMNS
from streamvision.training.cuboid.data import TURN_STEP_DEG, prepare_cuboids, single
from streamvision.training.cuboid.loss import cuboid_loss
from streamvision.training.cuboid.samples import CuboidSamples
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.session import checked, start_training
from support.command_line import called
from support.killed_runs import killed_and_resumed

pytestmark = [pytest.mark.slow, pytest.mark.reference]


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "deep3dbox", "imgsz": 32, "batch": 8, "lr": 3e-3, "warmup": 0.5, "threads": 1}
    return load_recipe(None, given | more)


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "drive"
    write_drive_cuboids(folder, DriveSampling(40, seed=4, width_px=640, height_px=360, val_images=16))
    return folder


@pytest.fixture(scope="module")
def run(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after its third epoch, and went on to the eighth."""
    project = tmp_path_factory.mktemp("runs")
    killed_and_resumed(recipe(drive, epochs=8), project, after=3)
    return project / "run"


def test_it_learns_and_the_exported_file_is_as_good(drive: Path, run: Path) -> None:
    with (run / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert rows[-1]["train_loss"] < rows[0]["train_loss"] - 1
    best = max(row["iou_3d"] for row in rows)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["iou_3d"] == pytest.approx(best, abs=1e-5)
    assert summary["onnx_checked"].startswith("equal")
    for file in ("best.onnx", "best.pt"):
        with open_model(run / "weights" / file) as model:
            measured = evaluate_cuboids(model, read_cuboids(drive).part("val"))
        assert measured.found.iou_3d == pytest.approx(best, abs=0.002), file
    assert measured.found.size_error_m < 0.8
    assert measured.found.distance_error < 0.3
    assert measured.found.wrong_way_share < 0.3
    assert measured.objects > 10
    assert "mean 3-D IoU" in (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert (run / "results.png").stat().st_size > 0


def test_the_command_says_the_figures_beside_those_of_the_baseline(drive: Path, run: Path, data_dir: Path) -> None:
    done = called("eval", "cuboid", run / "weights" / "best.onnx", "--data", drive, "--json")
    assert done.code == 0, done.stderr
    assert set(done.report["ap_3d"]) <= {"car", "van", "truck"}
    assert 0 < done.report["iou_3d"] < 1
    assert done.report["baseline"]["distance_error_m"] > 0
    one = called("eval", "cuboid", run / "weights" / "best.onnx", "--data", drive, "--class", "car")
    assert one.code == 0, one.stderr
    assert "AP 3-D car at 0.7, hard" in one.stdout
    assert "found boxes" not in one.stdout
    detector = data_dir / "models" / "yolox_nano.onnx"
    chain = called(
        *("eval", "cuboid", run / "weights" / "best.onnx", "--data", drive, "--class", "car", "--detector", detector)
    )
    assert chain.code == 0, chain.stderr
    assert "marked boxes  found boxes  baseline" in chain.stdout
    assert "yolox_nano.onnx" in chain.stdout
    assert "truck" not in one.stdout
    assert called("eval", "cuboid", run / "weights" / "best.onnx", "--data", drive, "--class", "tram").code == 1


def test_batches_mirror_what_they_show_with_the_picture(drive: Path) -> None:
    images = [one for image in read_cuboids(drive).images for one in single(image)][:8]
    samples = CuboidSamples(images, side_px=32)
    plain = recipe(drive, preset="plain", batch=8)
    mirrored = recipe(drive, preset="plain", augment={"flip": 1.0}, batch=8)
    (first,), (second,) = (list(samples.batches((1,) * 8, one, epoch=1, mixing=False)) for one in (plain, mirrored))
    ours, theirs = first[1].numpy(), second[1].numpy()
    assert theirs[:, :3] == pytest.approx(ours[:, :3])
    assert np.cos(theirs[:, 3] + ours[:, 3]) == pytest.approx(np.ones(8), abs=1e-6)
    assert theirs[:, 5] == pytest.approx(-ours[:, 5], abs=1e-6)
    assert np.abs(first[0].numpy()[..., ::-1] - second[0].numpy()).mean() < 0.02  # the letterbox may be odd


def test_the_loss_is_least_for_what_is_true() -> None:
    alpha = torch.tensor([0.2, 3.0, -2.9, -1.4, 1.6])
    targets = torch.zeros(5, 7)
    targets[:, 3] = alpha
    found = torch.zeros(5, COLUMNS)
    found[:, :3] = 1.0
    near = torch.remainder(alpha + math.pi / 2, 2 * math.pi) < math.pi
    found[:, 3], found[:, 4] = torch.where(near, 9.0, -9.0), torch.where(near, -9.0, 9.0)
    for number in range(BINS):
        away = alpha - number * math.pi
        found[:, 5 + 2 * number], found[:, 6 + 2 * number] = away.cos(), away.sin()
    found[:, -1] = -4.0
    right = float(cuboid_loss(found, targets))
    assert right == pytest.approx(-4.0, abs=0.01)
    for column in range(COLUMNS):
        wrong = found.clone()
        wrong[:, column] = -wrong[:, column] + 0.7 if column in range(3, 9) else wrong[:, column] + 0.7
        assert float(cuboid_loss(wrong, targets)) > right + 0.02, column


def test_all_crops_of_a_picture_are_of_one_part_of_a_search_and_added_ones_keep_their_class(
    drive: Path, tmp_path: Path
) -> None:
    from streamvision.training.tuning import PARTS_FILE, _write_parts

    write_drive_cuboids(tmp_path / "more", DriveSampling(6, seed=9, width_px=640, height_px=360))
    folder = RunFolder(tmp_path)
    given = recipe(drive, add=(tmp_path / "more",), balance="oversample")
    data = prepare_cuboids(folder, given)
    own = read_cuboids(tmp_path / "more")
    told = {image.path: {own.names[one.class_id] for one in image.objects} for image in own.images}
    added = [image for image in data.train if image.path in told]
    assert added and all(data.names[image.objects[0].class_id] in told[image.path] for image in added)
    assert max(data.repeats) > 1  # rare kinds of vehicles
    counts = _write_parts(folder, given, data)
    document = json.loads((tmp_path / PARTS_FILE).read_text(encoding="utf-8"))
    assert counts == (len(document["train"]), len(document["val"]))
    assert not set(document["train"]) & set(document["val"])
    assert not set(map(str, told)) & set(document["train"] + document["val"])
    few = prepare_cuboids(RunFolder(tmp_path), checked(recipe(drive, overfit=3), trusted=False))
    assert len(few.train) == len(few.val) == 3  # crops, whatever pictures they are of
    assert len({image.objects[0].class_id for image in few.train}) > 1
    assert sum(few.repeats) >= 10 * 2  # an epoch is some steps


def test_a_turn_is_learnt_as_fast_near_the_middle_of_a_bin_as_far_from_it() -> None:
    """Vehicles on a road stand within some degrees of it; a loss that is flat there leaves them at their mean."""
    slopes = []
    for error_rad in (0.03, 0.1, 0.4):
        turn = torch.tensor(error_rad, requires_grad=True)
        found = torch.zeros(1, COLUMNS)
        found[:, :3] = 1.0
        pair = torch.stack([turn.cos(), turn.sin()])
        cuboid_loss(torch.cat([found[:, :5], pair[None], found[:, 7:]], dim=1), torch.zeros(1, 7)).backward()
        assert turn.grad is not None
        slopes.append(float(turn.grad))
    assert slopes == pytest.approx([slopes[0]] * 3, rel=0.05)


def test_rare_classes_and_turns_are_shown_more_often_by_their_own_crops(drive: Path, tmp_path: Path) -> None:
    data = prepare_cuboids(RunFolder(tmp_path), recipe(drive, balance="oversample", oversample_most=3))
    shown: dict[tuple[int, int], set[int]] = {}
    for crop, times in zip(data.train, data.repeats, strict=True):
        (one,) = crop.objects
        turn_deg = abs(math.degrees(math.remainder(one.cuboid.yaw_rad - one.cuboid.ray_rad, math.pi)))
        shown.setdefault((one.class_id, round(turn_deg / TURN_STEP_DEG)), set()).add(times)
    assert all(len(times) == 1 for times in shown.values()), "whatever else their pictures show"
    (commonest, _), *_, (rarest, _) = data.learnt.most_common()
    assert shown[commonest, 0] == {1} and min(max(shown[one]) for one in shown if one[0] == rarest) > 1
    assert max(shown[commonest, max(turn for class_id, turn in shown if class_id == commonest)]) > 1


def test_sides_that_do_not_fit_and_other_weights_are_said(drive: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="multiple of 16"):
        start_training(recipe(drive, imgsz=40), project=tmp_path, name="run", command="train")
    assert checked(load_recipe(None, {"data": drive, "model": "deep3dbox"}), trusted=False).imgsz == 64
    with pytest.raises(ModelError, match="squares of 32 px"):
        open_source(run / "weights" / "best.pt", size_px=(64, 64))


def test_vehicles_of_a_stream_get_their_place(run: Path, data_dir: Path, tmp_path: Path) -> None:
    """The network sees what a detector of everyday objects finds on the drawn drive."""
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""
model: {{path: {data_dir / "models" / "yolox_nano.onnx"}, head: yolox, classes: [car, truck, bus]}}
streams: [{{source: "synthetic:drive?seed=3&size=960x540&frames=12&realtime=0"}}]
secondary_models: [{{name: space, model: {run / "weights" / "best.onnx"}, score: 0.0}}]
outputs: {{detections: {tmp_path / "found.jsonl"}, record: {tmp_path / "film.mp4"}}}
""",
        encoding="utf-8",
    )
    done = called("run", "--config", config, "--json")
    assert done.code == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text(encoding="utf-8").splitlines()]
    placed = [one["attributes"]["space"] for line in lines for one in line["objects"] if one.get("attributes")]
    assert placed
    for one in placed:
        assert set(one) == {"center_m", "size_lwh_m", "yaw_rad", "distance_m", "score", "corners_px"}
        assert 3 < one["center_m"][2] < 200
        assert len(one["corners_px"]) == 8
