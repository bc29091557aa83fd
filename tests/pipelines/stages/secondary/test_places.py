"""Objects placed in space on a stream: the cuboid of a crop follows its box, is drawn, and needs to know the camera."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.stages.secondary.attributes import parts_of, placed
from pipelines.stages.secondary.secondary_inference import camera_of
from streamvision.core.config.camera import CameraConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.cuboid import BoxedCuboid, Cuboid, Pinhole
from streamvision.core.detections import attributes_text
from streamvision.core.errors import ModelError
from streamvision.inference.heads.cuboid import COLUMNS, CuboidHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

CAMERA = Pinhole(900.0, 640.0, 330.0)
CAR = Cuboid((2.0, 0.65, 20.0), (4.6, 1.8, 1.5), math.pi)
BOX = (680.0, 325.0, 780.0, 395.0)
CARD = make_card("cuboid", classes=1)
LETTERBOX = Letterbox.fit(64, 64, CARD.input)
HEAD = CuboidHead(CARD, [TensorSpec("out", (None, COLUMNS), "float32")])


def row(changed: dict[int, float]) -> NDArray[np.float32]:
    """Return what a network says of a car straight ahead, with some numbers in place of its own."""
    numbers = np.array([[4.6, 1.8, 1.5, 1, 0, 1, 0, 1, 0, 0, 0, 0, -3]], np.float32)
    numbers[0, list(changed)] = list(changed.values())
    return numbers


def seen(spread: float = 0.05) -> dict[str, object]:
    shown = BoxedCuboid.of(CAR, BOX, CAMERA)
    boxed = BoxedCuboid(shown.size_lwh_m, shown.alpha_rad, shown.depth_factor, shown.offset, spread)
    return {"cuboid": boxed, "score": boxed.score}


def test_what_the_crop_shows_is_placed_by_the_box_and_is_plain() -> None:
    found = placed(seen(), BOX, CAMERA)
    assert found["center_m"] == pytest.approx([2.0, 0.65, 20.0], abs=1e-3)
    assert found["size_lwh_m"] == [4.6, 1.8, 1.5]
    assert abs(found["yaw_rad"]) == pytest.approx(math.pi, abs=1e-3)
    assert found["distance_m"] == pytest.approx(math.hypot(20 - 2.3, 2 - 0.9), abs=1e-2)
    assert found["score"] == pytest.approx(0.95)
    assert found["corners_px"] == pytest.approx(CAMERA.project(CAR.corners_m).round(1))
    assert attributes_text({"space": found}) == "18 m"


def test_it_follows_the_box_without_the_network() -> None:
    left, top, right, bottom = BOX
    twice = (left - 50, top - 35, right + 50, bottom + 35)
    assert placed(seen(), twice, CAMERA)["center_m"][2] == pytest.approx(10.0, abs=1e-2)


def test_a_box_that_the_picture_s_edge_cuts_off_says_nothing_of_the_road() -> None:
    on_road = Pinhole(900.0, 640.0, 330.0, height_m=1.5, pitch_spread_rad=0.003)
    alone, joined = placed(seen(), BOX, CAMERA), placed(seen(), BOX, on_road)
    assert joined["center_m"][2] != pytest.approx(alone["center_m"][2], abs=0.05)
    assert placed(seen(), BOX, on_road, ends_at_road=False)["center_m"] == alone["center_m"]


def test_its_edges_are_drawn_unless_it_reaches_behind_the_camera() -> None:
    lines = parts_of({"space": placed(seen(), BOX, CAMERA)}, {})
    corners = [tuple(point) for point in CAMERA.project(CAR.corners_m).round(1).tolist()]
    assert [len(line.points_px) for line in lines] == [4, 4, 2, 2, 2, 2, 2]
    assert {point for line in lines[:-1] for point in line.points_px} == set(corners)
    huge = (-4000.0, -4000.0, 6000.0, 6000.0)
    near = placed(seen(), huge, CAMERA)
    assert "corners_px" not in near
    assert parts_of({"space": near}, {}) == []


def test_the_drawn_drive_s_camera_is_known_and_others_are_what_is_set() -> None:
    drive = camera_of(StreamConfig(source="synthetic:drive?seed=1"))
    assert drive is not None
    assert drive.pinhole(1280, 720).focal_px == pytest.approx(1152)
    assert drive.pinhole(1280, 720).center_y_px == pytest.approx(331.2)
    assert camera_of(StreamConfig(source="rtsp://camera/")) is None
    own = CameraConfig(field_of_view_deg=90)
    assert camera_of(StreamConfig(source="synthetic:drive", camera=own)) is own
    assert own.pinhole(800, 600) == Pinhole(pytest.approx(400), 400, 300, None, pytest.approx(math.radians(0.2)))


def test_corners_far_beside_the_picture_are_not_drawn() -> None:
    far = placed({"cuboid": BoxedCuboid((4.6, 1.8, 1.5), 0.0, 1.0, (1e5, 0.0), 0.05)}, BOX, CAMERA)
    assert "corners_px" not in far
    assert parts_of({"space": far}, {}) == []


def test_the_steered_drive_has_the_drive_s_camera() -> None:
    assert camera_of(StreamConfig(source="synthetic:steered_drive?fps=5")) == camera_of(
        StreamConfig(source="synthetic:drive")
    )
    assert camera_of(StreamConfig(source="synthetic:drives_of_another_package")) is None


@pytest.mark.parametrize(
    "changed",
    [{0: 1e-3}, {2: 1e5}, {10: np.nan}, {10: 1e38}, {11: -1e38}],
)
def test_a_network_s_nonsense_is_refused_before_it_is_placed(changed: dict[int, float]) -> None:
    with pytest.raises(ModelError, match="sizes or places that are none"):
        HEAD.read([row(changed)], [LETTERBOX])


@pytest.mark.parametrize("log_ratio", [-1e3, 1e3])
@pytest.mark.parametrize("log_spread", [-1e3, 1e3])
def test_whatever_distance_and_spread_are_told_the_place_is_finite(log_ratio: float, log_spread: float) -> None:
    ((found),) = HEAD.read([row({9: log_ratio, 12: log_spread})], [LETTERBOX])
    on_road = Pinhole(900.0, 640.0, 330.0, height_m=1.5, pitch_spread_rad=0.003)
    for camera in (CAMERA, on_road):
        place = placed({"cuboid": found.cuboid}, BOX, camera)
        assert np.isfinite([*place["center_m"], place["distance_m"], place["yaw_rad"], place["score"]]).all()
