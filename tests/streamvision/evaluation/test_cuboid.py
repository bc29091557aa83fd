"""Overlaps of cuboids against shapely, average precision against a plain count of another shape."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import streamvision
from streamvision.core.cuboid import Cuboid, Pinhole
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import CuboidPicture, LabelledCuboid, PictureSet
from streamvision.datasets.drive import DriveSampling
from streamvision.datasets.drive_cuboids import write_drive_cuboids
from streamvision.datasets.kitti_cuboids import read_cuboids
from streamvision.evaluation.cuboid import evaluate_cuboids
from streamvision.evaluation.cuboid.evaluate import FOUND_SCORE
from streamvision.evaluation.cuboid.figures import PlacedBox, PlacedCuboid, PlacedPicture, figures_of
from streamvision.evaluation.cuboid.kitti import LEVELS, PictureMatch, average_precision
from streamvision.evaluation.cuboid.overlap import cuboid_overlaps
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import read_bgr
from streamvision.evaluation.report import build_cuboid_report
from streamvision.inference.model import Model
from streamvision.models import default_model_path
from support.small_networks import one_cuboid

EASY, MODERATE, HARD = LEVELS


def random_cuboid(random: np.random.Generator) -> Cuboid:
    center_m = (random.uniform(-2, 2), random.uniform(-0.5, 0.5), random.uniform(9, 13))
    size_lwh_m = (random.uniform(3, 6), random.uniform(1.5, 2.5), random.uniform(1.4, 2.5))
    return Cuboid(center_m, size_lwh_m, random.uniform(-math.pi, math.pi))


def test_overlaps_are_those_of_shapely() -> None:
    geometry = pytest.importorskip("shapely.geometry")
    random = np.random.default_rng(1)
    ones, others = ([random_cuboid(random) for _ in range(20)] for _ in range(2))
    in_space, above = cuboid_overlaps(ones, others)
    for i, a in enumerate(ones):
        for j, b in enumerate(others):
            faces = [geometry.Polygon([(x, z) for x, _, z in one.corners_m[:4].tolist()]) for one in (a, b)]
            shared = faces[0].intersection(faces[1]).area
            assert above[i, j] == pytest.approx(shared / faces[0].union(faces[1]).area, abs=1e-9)
            tops = [one.corners_m[:, 1].min() for one in (a, b)]
            bottoms = [one.corners_m[:, 1].max() for one in (a, b)]
            volume = shared * max(min(bottoms) - max(tops), 0)
            whole = math.prod(a.size_lwh_m) + math.prod(b.size_lwh_m) - volume
            assert in_space[i, j] == pytest.approx(volume / whole, abs=1e-9)
    assert (in_space > 0.2).sum() > 20


def test_the_same_is_all_the_same_and_a_turn_by_half_too() -> None:
    one = Cuboid((1.0, 0.5, 20.0), (4.0, 2.0, 1.5), 0.4)
    turned = Cuboid(one.center_m, one.size_lwh_m, 0.4 + math.pi)
    in_space, above = cuboid_overlaps([one], [one, turned])
    assert in_space == pytest.approx(np.ones((1, 2)))
    assert above == pytest.approx(np.ones((1, 2)))
    higher = Cuboid((1.0, -0.25, 20.0), one.size_lwh_m, 0.4)
    in_space, above = cuboid_overlaps([one], [higher])
    assert above[0, 0] == pytest.approx(1)
    assert in_space[0, 0] == pytest.approx(1 / 3)


def labelled(height_px: float, occluded: int = 0, truncated: float = 0.0) -> LabelledCuboid:
    cuboid = Cuboid((0.0, 0.0, 20.0), (4.0, 2.0, 1.5), 0.0)
    return LabelledCuboid(0, (0.0, 0.0, 50.0, height_px), cuboid, truncated, occluded)


def plain_precision(wanted: int, scored: list[tuple[float, bool]]) -> float:
    """Average precision over 40 levels of recall, by counting anew at every threshold."""
    points = []
    for threshold in {score for score, _ in scored}:
        kept = [hit for score, hit in scored if score >= threshold]
        points.append((sum(kept) / wanted, sum(kept) / len(kept)))
    return sum(max((p for r, p in points if r >= n / 40 - 1e-9), default=0.0) for n in range(1, 41)) / 40


def test_average_precision_is_that_of_a_plain_count() -> None:
    random = np.random.default_rng(7)
    pictures, scored = [], []
    for _ in range(60):
        marked = [labelled(50) for _ in range(3)]
        score, hit = random.uniform(0, 1, 3).round(6), random.uniform(0, 1, 3) < 0.6
        iou = np.where(np.eye(3, dtype=bool) & hit, random.uniform(0.5, 1), 0.2)
        pictures.append(PictureMatch(marked, score, np.full(3, 50.0), iou))
        scored += list(zip(score.tolist(), hit.tolist(), strict=True))
    found = average_precision(pictures, EASY, least_iou=0.5)
    assert found == pytest.approx(plain_precision(180, scored), abs=1e-9)
    assert 0.2 < (found or 0) < 0.8


def test_what_is_too_hard_for_a_level_counts_neither_way() -> None:
    marked = [labelled(50), labelled(30), labelled(50, occluded=1), labelled(50, truncated=0.4)]
    match = PictureMatch(marked, np.array([0.9, 0.95, 0.97, 0.99]), np.array([50.0, 30, 50, 50]), np.eye(4))
    assert average_precision([match], EASY, least_iou=0.7) == pytest.approx(1.0)
    assert average_precision([match], MODERATE, least_iou=0.7) == pytest.approx(1.0)
    # Only the first is found, of one, of three and of all four.
    only = PictureMatch(marked, np.array([0.9]), np.array([50.0]), np.eye(4)[:1])
    found = [average_precision([only], level, least_iou=0.7) for level in LEVELS]
    assert found == pytest.approx([1.0, 13 / 40, 10 / 40])
    # A false one that is low enough to be of no level is not held against it; a high one is.
    low, high = (
        PictureMatch(marked, np.array([0.9, 0.95]), np.array([50.0, tall]), np.array([np.eye(4)[0], np.zeros(4)]))
        for tall in (20.0, 60.0)
    )
    assert average_precision([low], EASY, least_iou=0.7) == pytest.approx(1.0)
    assert average_precision([high], EASY, least_iou=0.7) == pytest.approx(0.5)
    assert (
        average_precision([PictureMatch([labelled(20)], *(np.empty(0),) * 2, np.empty((0, 1)))], HARD, least_iou=0.7)
        is None
    )


def test_two_on_one_object_are_one_hit() -> None:
    twice = PictureMatch([labelled(50)], np.array([0.9, 0.8]), np.array([50.0, 50]), np.array([[0.8], [0.9]]))
    other = PictureMatch([labelled(50)], np.array([0.7]), np.array([50.0]), np.array([[0.9]]))
    assert average_precision([twice, other], EASY, least_iou=0.7) == pytest.approx((20 * 1 + 20 * 2 / 3) / 40)


def test_figures_are_told_by_class_and_range_and_precision_counts_all_boxes() -> None:
    near, far = Cuboid((0.0, 0.7, 10.0), (4.0, 2.0, 1.5), 0.1), Cuboid((3.0, 0.2, 50.0), (9.0, 2.5, 3.6), 3.0)
    car, truck = (LabelledCuboid(n, (0.0, 0.0, 50.0, 60.0), one, 0.0, 0) for n, one in enumerate((near, far)))
    moved = Cuboid((3.0, 0.2, 51.0), far.size_lwh_m, 3.0 + math.pi - 0.2)
    image = CuboidPicture(Path("a.jpg"), 100, 100, Pinhole(100.0, 50.0, 50.0), (car, truck))
    right, wrong = PlacedCuboid(image, car, near, 0.9), PlacedCuboid(image, truck, moved, 0.9)
    figures = figures_of([right, wrong], ("car", "truck", "van"))
    assert (figures.objects, set(figures.by_class), set(figures.by_range)) == (2, {"car", "truck"}, {"0-20", "40+"})
    assert figures.by_class["car"].iou_3d == pytest.approx(1)
    assert figures.by_range["40+"].distance_error_m == pytest.approx(1)
    assert figures.by_range["40+"].distance_error == pytest.approx(1 / 50)
    assert figures.by_class["truck"].yaw_error_deg == pytest.approx(180 - math.degrees(0.2))
    assert figures.wrong_way_share == pytest.approx(0.5)
    assert figures.ap_3d["car"]["0.7"]["easy"] == pytest.approx(1)
    assert "van" not in figures.ap_3d
    # A box of nothing that is surer than the right one costs precision, and an object without a box recall.
    boxes = [PlacedBox(0, car.box_xyxy_px, one, score) for one, score in ((near, 0.9), (moved, 0.99))]
    pictures = [PlacedPicture((car,), tuple(boxes)), PlacedPicture((car,), ())]
    figures = figures_of([right], ("car",), pictures)
    assert figures.objects == 1
    assert figures.ap_3d["car"]["0.7"]["easy"] == pytest.approx(0.5 * 0.5)


def test_boxes_of_a_detector_are_placed_beside_the_marked_ones(data_dir: Path, tmp_path: Path) -> None:
    """COCO's detector on the drawn drive, and a network that says the same of every crop."""
    write_drive_cuboids(tmp_path / "drive", DriveSampling(8, seed=3, width_px=960, height_px=540))
    pictures = read_cuboids(tmp_path / "drive")
    with (
        open_model(one_cuboid(tmp_path / "space.onnx")) as model,
        open_model(data_dir / "models" / "yolox_nano.onnx", as_reported=True) as detector,
    ):
        both = evaluate_cuboids(model, pictures, detector=detector, classes=("car", "truck"))
        alone = evaluate_cuboids(model, pictures, classes=("car", "truck"))
        with pytest.raises(ConfigError, match=r"'van' is not among the detector's classes .* give a detector"):
            evaluate_cuboids(model, pictures, detector=detector)
        with pytest.raises(ConfigError, match="is a model for cuboid; give one for detect"):
            evaluate_cuboids(model, pictures, detector=model)
    assert alone.detected is None and "detected" not in alone.to_json()
    assert both.found.iou_3d == pytest.approx(alone.found.iou_3d)
    assert both.detected is not None
    assert 0.3 < both.detected.recall <= 1
    assert both.detected.found.objects == round(both.detected.recall * both.objects)
    assert both.to_json()["detected"]["ap_bev"]["car"].keys() == {"0.5", "0.7"}
    build_cuboid_report(both, tmp_path / "report.html", title="both")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "easy (model, found boxes)" in page and f"{both.detected.found.distance_error_m:.3f}" in page
    python = streamvision.evaluate(
        tmp_path / "space.onnx",
        tmp_path / "drive",
        detector=data_dir / "models" / "yolox_nano.onnx",
        classes=("car", "truck"),
    )
    assert python.to_json()["detected"] == both.to_json()["detected"]


def test_boxes_of_objects_that_no_level_measures_count_neither_way(data_dir: Path, tmp_path: Path) -> None:
    """What a detector finds is marked just there; of all pictures but one it is said to be hidden who knows how far."""
    write_drive_cuboids(tmp_path / "drive", DriveSampling(6, seed=3, width_px=960, height_px=540))
    images = read_cuboids(tmp_path / "drive").images
    anywhere = Cuboid((0.0, 0.7, 20.0), (4.0, 2.0, 1.5), 0.0)

    def marked(image: CuboidPicture, detector: Model) -> CuboidPicture:
        found = detector.find([BgrPicture(read_bgr(image.path))])[0].detections
        sure = (found.class_id == detector.names.index("car")) & (found.score >= FOUND_SCORE)
        objects = (LabelledCuboid(0, tuple(box), anywhere, 0.0, 0) for box in found.box_xyxy_px[sure].tolist())
        return replace(image, objects=tuple(objects))

    with (
        open_model(one_cuboid(tmp_path / "space.onnx")) as model,
        open_model(data_dir / "models" / "yolox_nano.onnx", as_reported=True) as detector,
    ):
        pictures = PictureSet(("car",), tuple(marked(image, detector) for image in images))
        placed = evaluate_cuboids(model, pictures).placed
        own = {id(one.marked): one.cuboid for one in placed}
        shown = placed[0].image.path
        there = tuple(
            replace(
                image,
                objects=tuple(
                    replace(one, cuboid=own[id(one)], occluded=0 if image.path == shown else 3)
                    for one in image.objects
                    if id(one) in own
                ),
            )
            for image in pictures.images
        )
        result = evaluate_cuboids(model, PictureSet(("car",), there), detector=detector)
    assert result.objects < len(placed)
    assert result.detected is not None
    assert result.detected.found.ap_3d["car"]["0.7"]["hard"] == pytest.approx(1)


def test_a_model_for_something_else_is_refused(tmp_path: Path) -> None:
    with open_model(default_model_path()) as model, pytest.raises(ConfigError, match="cuboid"):
        evaluate_cuboids(model, PictureSet(("car",), ()))


def test_a_pitch_without_a_height_would_do_nothing_and_is_refused(tmp_path: Path) -> None:
    with (
        open_model(one_cuboid(tmp_path / "space.onnx")) as model,
        pytest.raises(ConfigError, match="give camera_height_m, too, or leave it out"),
    ):
        evaluate_cuboids(model, PictureSet(("car",), ()), pitch_deg=0.5)
