"""What a page is told so that it can draw by itself."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder, Renderer
from streamvision.core.analysis import Analysis, LineTally, ZoneTally
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, PacketTime, Result
from streamvision.core.live import LiveChannel
from streamvision.core.masks import BoxMask
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.stage_output import Note, Outline
from streamvision.core.telemetry import StageTimes
from streamvision.web.scene import result_json, scene_json, scene_key
from streamvision.web.wire import compact_json

CHANNEL = LiveChannel("gate", ("car", "person"))
LINE = LineTally("door", ((0.1, 0.5), (0.9, 0.5)), ("in", "out"), ({"car": 3, "person": 1}, {}))
ZONE = ZoneTally("yard", ((0, 0), (1, 0), (1, 1)), 2, 5, 3, 4, 1.5, 2.0, {})


def found(**more: Any) -> Detections:
    boxes, ids = np.float32([[10, 20, 50, 60], [100, 20, 150, 90]]), np.ma.array([7, 0], mask=[False, True])
    return Detections(boxes, np.float32([0.9, 0.5]), np.int32([0, 1]), ids, **more)


def rendered(
    detections: Detections, *, overlay: Overlay | None = None, packet: PacketTime | None = None, **more: Any
) -> RenderedFrame:
    frame = Frame("gate", 4, 0.16, 12.3456789, BgrPicture(np.zeros((120, 200, 3), np.uint8)), packet=packet)
    renderer = Renderer(overlay or Overlay(OverlayConfig(), CHANNEL.names), JpegEncoder(), StageTimes())
    return renderer.render(Result(frame, detections, **more), fps=25)


def told(shown: RenderedFrame) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(compact_json(result_json(CHANNEL, shown)))
    return read


def test_a_result_says_of_which_packet_it_is() -> None:
    result = told(rendered(found(), packet=PacketTime(3, 160_000)))
    assert (result["generation"], result["time_us"], result["captured_us"]) == (3, 160_000, 12_345_679)
    assert told(rendered(found()))["generation"] is None
    assert (result["width_px"], result["height_px"], result["frame"], result["segment"]) == (200, 120, 4, 0)


def test_objects_come_with_their_identity_or_none() -> None:
    result = told(rendered(found()))
    assert [one["track_id"] for one in result["objects"]] == [7, None]
    assert result["is_tracked"]
    assert not told(rendered(found().with_columns(track_id=None)))["is_tracked"]


def test_masks_come_as_outlines_that_cover_what_the_mask_covers() -> None:
    bits = np.zeros((70, 50), np.uint8)
    cv2.circle(bits, (25, 35), 24, 1, -1)
    cv2.circle(bits, (25, 35), 8, 0, -1)
    masks = np.empty(2, object)
    masks[:] = [BoxMask(10, 20, np.ones((40, 40), np.bool_)), BoxMask(100, 20, bits.view(np.bool_))]
    objects = told(rendered(found(mask=masks)))["objects"]
    assert objects[0]["outlines_px"] == [[10, 20, 10, 59, 49, 59, 49, 20]]
    assert "mask" not in objects[0]
    rings = [np.array(ring, np.int32).reshape(-1, 2) - (100, 20) for ring in objects[1]["outlines_px"]]
    assert len(rings) == 2, "the circle and its hole"
    drawn = cv2.drawContours(np.zeros((70, 50), np.uint8), rings, -1, 1, -1)
    assert np.count_nonzero(drawn != bits) < 0.05 * np.count_nonzero(bits)


def test_marks_of_stages_and_counts_come_along() -> None:
    marks = (Outline(((1, 2), (3.5, 4)), (255, 0, 16), closed=False), Note("<b>", (5, 6)))
    result = told(rendered(found(), marks=marks, analysis=Analysis(lines=(LINE,), zones=(ZONE,))))
    assert result["marks"] == [
        {"points_px": [[1, 2], [3.5, 4]], "closed": False, "colour": "#ff0010"},
        {"text": "<b>", "at_px": [5, 6], "colour": "#f6ff7d"},
    ]
    assert result["counts"] == [[4, 0], [2]]


def test_a_scene_says_what_frames_have_in_common_and_its_key_changes_with_it() -> None:
    overlay = Overlay(OverlayConfig(), CHANNEL.names, skeleton=((0, 1),))
    counted = Analysis(lines=(LINE,), zones=(ZONE,))
    shown = rendered(found(), overlay=overlay, analysis=counted)
    scene = json.loads(compact_json(scene_json(CHANNEL, shown, name="Gate")))
    assert (scene["name"], scene["names"], scene["skeleton"]) == ("Gate", ["car", "person"], [[0, 1]])
    assert scene["regions"] == [
        {"kind": "line", "name": "door", "points": [[0.1, 0.5], [0.9, 0.5]], "directions": ["in", "out"]},
        {"kind": "zone", "name": "yard", "points": [[0, 0], [1, 0], [1, 1]]},
    ]
    assert scene["drawn"] == {"boxes": True, "labels": True, "trails_s": 2.0, "analytics": True}
    key = scene_key(CHANNEL, shown)
    assert key == scene_key(CHANNEL, rendered(found()[:0], overlay=overlay, analysis=counted))
    overlay.apply(OverlayConfig(labels=False))
    assert key != scene_key(CHANNEL, rendered(found(), overlay=overlay, analysis=counted))
    assert key != scene_key(CHANNEL, rendered(found()))
