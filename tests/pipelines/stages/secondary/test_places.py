"""Objects placed in space on a stream: the cuboid of a crop follows its box, is drawn, and needs to know the camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.stages.base import StageContext
from pipelines.stages.secondary import SecondaryModels
from pipelines.stages.secondary.attributes import parts_of, placed
from pipelines.stages.secondary.secondary_inference import SecondaryInference, SecondaryModel, camera_of, secondary
from streamvision.cli.options import parse_keys
from streamvision.core.config.app import parse_config
from streamvision.core.config.camera import CameraConfig
from streamvision.core.config.merging import join_options
from streamvision.core.config.secondary import SecondaryModelConfig
from streamvision.core.config.section import validate
from streamvision.core.config.stream import StreamConfig
from streamvision.core.cuboid import BoxedCuboid, Cuboid, Pinhole
from streamvision.core.detections import Detections, attributes_text
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.inference.heads.cuboid import COLUMNS, CuboidHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card
from support.processed import processed
from support.small_networks import one_cuboid

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


def test_a_camera_is_told_by_its_angle_or_its_focal_length_or_taken_for_a_usual_one() -> None:
    by_focal = CameraConfig(focal_px=400, horizon=0.5, height_m=1.3)
    assert by_focal.pinhole(800, 600) == Pinhole(400, 400, 300, 1.3, pytest.approx(math.radians(0.2)))
    assert CameraConfig(field_of_view_deg=90).pinhole(800, 600).focal_px == pytest.approx(400)
    usual = CameraConfig(field_of_view_deg="assumed")
    assert usual.is_assumed and not by_focal.is_assumed
    assert usual.pinhole(800, 600).focal_px == pytest.approx(400 / math.tan(math.radians(30)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give field_of_view_deg, such as 62, or focal_px"),
        ({"height_m": 1.3}, "give field_of_view_deg, such as 62, or focal_px"),
        ({"field_of_view_deg": 60, "focal_px": 900}, "and not both"),
        ({"field_of_view_deg": "assumed", "focal_px": 900}, "and not both"),
        ({"field_of_view_deg": 3}, "5 to 160 degrees"),
        ({"field_of_view_deg": 170.0}, "5 to 160 degrees"),
        ({"field_of_view_deg": "wide"}, "assumed"),
        ({"field_of_view_deg": math.nan}, "field_of_view_deg"),
        ({"focal_px": 0}, "focal_px"),
        ({"focal_px": math.inf}, "focal_px"),
    ],
)
def test_a_camera_that_cannot_be_is_one_sentence(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(CameraConfig, given, origin="here")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_line_says_what_the_camera_is() -> None:
    given = parse_keys("--camera", ["field_of_view_deg=62", "height_m=1.3"], such_as="focal_px=900")
    document = {"streams": [{"source": "a.mp4"}, {"source": "b.mp4", "camera": {"focal_px": 900}}]}
    joined = join_options(document, {"camera": given})
    assert [one["camera"] for one in joined["streams"]] == [{"field_of_view_deg": 62, "height_m": 1.3}] * 2
    assumed = parse_keys("--camera", ["field_of_view_deg=assumed"], such_as="focal_px=900")
    assert validate(CameraConfig, assumed, origin="--camera").is_assumed
    with pytest.raises(ConfigError, match="--camera height_m has no value"):
        parse_keys("--camera", ["height_m"], such_as="focal_px=900")


@pytest.fixture
def look(tmp_path: Path) -> Iterator[SecondaryModel]:
    model = SecondaryModel.open(SecondaryModelConfig(model=str(one_cuboid(tmp_path / "space.onnx")), name="space"))
    model.start()
    yield model
    model.close()


def one_object() -> Result:
    """Return a frame with one box that is followed."""
    identity = np.ma.array([1], mask=[False], dtype=np.int64)
    found = Detections(np.array([BOX], np.float32), np.array([0.9], np.float32), np.array([0], np.int32), identity)
    return Result(Frame("gate", 0, 0.0, 0.0, BgrPicture(np.zeros((720, 1280, 3), np.uint8))), found)


def test_distances_of_a_camera_that_nobody_knows_are_marked_as_estimated(look: SecondaryModel) -> None:
    found = {}
    for angle in (60.0, "assumed"):
        stage = SecondaryInference([look], names=("car",), wait=True, camera=CameraConfig(field_of_view_deg=angle))
        (attributes,) = processed(stage, one_object()).detections.attributes.tolist()
        found[angle] = attributes["space"]
    assert "estimated" not in found[60.0]
    assert found["assumed"] == {**found[60.0], "estimated": True}
    assert attributes_text({"space": found["assumed"]}) == f"~{attributes_text({'space': found[60.0]})}"


def test_a_stream_of_an_unknown_camera_is_refused_with_what_can_be_given(look: SecondaryModel) -> None:
    with pytest.raises(ConfigError, match="field_of_view_deg=assumed takes 60 degrees") as caught:
        secondary(context(look, source="drive.mp4"))
    assert "--camera field_of_view_deg=62" in str(caught.value) and "focal_px" in str(caught.value)
    for camera in ({"focal_px": 900}, {"field_of_view_deg": 62}, {"field_of_view_deg": "assumed"}):
        assert secondary(context(look, source="drive.mp4", camera=camera)) is not None
    assert secondary(context(look, source="synthetic:drive")) is not None


def context(look: SecondaryModel, **stream: object) -> StageContext:
    config = parse_config({"model": {"path": "m.onnx"}, "streams": [stream]}, origin="here")
    models = SecondaryModels(config)
    models.for_objects.append(look)
    return StageContext("gate", False, config, config.streams[0], CARD, secondary=models)


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
