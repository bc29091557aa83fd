"""What a page can draw is left to it; all else that is drawn is known to need drawing, whatever the model's task."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np
import pytest

from pipelines.rendering.drawing_need import HOLD_S, DrawingNeed, needs_drawing
from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder, Renderer
from streamvision.core.analysis import Analysis, LineTally, ZoneTally
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.cuboid import BoxedCuboid
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, KeyFrame, Result
from streamvision.core.image_result import ImageResult
from streamvision.core.masks import BoxMask
from streamvision.core.picture import BgrPicture, YuvPicture
from streamvision.core.stage_output import Note, Outline
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model_card import Task

NAMES = ("background", "road")
CONFIG = OverlayConfig()
PLAIN = YuvPicture(
    np.full((180, 320), 60, np.uint8), np.full((90, 160), 128, np.uint8), np.full((90, 160), 128, np.uint8), True
)
MADE = BgrPicture(np.full((180, 320, 3), 200, np.uint8))
SOUND = ImageResult(class_score=np.array([0.2, 0.8], np.float32))


def objects(**more: Any) -> Detections:
    box = np.array([[40, 40, 120, 140]], np.float32)
    return Detections(box, np.array([0.9], np.float32), np.array([1], np.int32), **more)


def result(
    detections: Detections | None = None, image: ImageResult | None = None, *, pts_s: float = 0.0, **more: Any
) -> Result:
    frame = Frame("gate", 0, pts_s, time.monotonic(), PLAIN)
    return Result(frame, Detections.empty() if detections is None else detections, image, **more)


OF_TASKS: dict[Task, tuple[Result, bool]] = {
    "detect": (result(objects()), False),
    "segment": (result(objects(mask=(BoxMask(40, 40, np.ones((100, 80), bool)),))), False),
    "pose": (
        result(
            objects(keypoint_xy_px=np.full((1, 2, 2), 60, np.float32), keypoint_score=np.full((1, 2), 0.9, np.float32))
        ),
        False,
    ),
    "obb": (result(objects(obb_cxcywhr_px=np.array([[80, 90, 60, 40, 0.3]], np.float32))), False),
    "classify": (result(image=SOUND), False),
    "embed": (result(image=ImageResult(embedding=np.ones(4, np.float32) / 2)), False),
    "text": (result(image=ImageResult(text="STOP", text_score=0.9)), False),
    "caption": (
        result(image=ImageResult(text="a van", text_score=0.9, word_score=np.array([0.9, 0.8], np.float32))),
        False,
    ),
    "semantic": (result(image=ImageResult(class_map=np.ones((4, 4), np.uint8))), True),
    "depth": (result(image=ImageResult(depth_map=np.linspace(1, 9, 16, dtype=np.float32).reshape(4, 4))), True),
    "image": (result(image=ImageResult(picture=MADE)), True),
    "cuboid": (result(image=ImageResult(cuboid=BoxedCuboid((4.6, 1.8, 1.5), 0.1, 1.2, (0.0, 0.1), 0.05))), False),
}
LINE = LineTally("gate", ((0.1, 0.5), (0.9, 0.5)), ("in", "out"), ({"car": 1}, {}))
ZONE = ZoneTally("yard", ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)), 1, 2, 1, 2, None, None, {})
OTHERS = {
    "attributes": (result(objects(attributes=({"colour": {"value": "red", "score": 0.9}},))), False),
    "lines and zones": (result(objects(), analysis=Analysis(lines=(LINE,), zones=(ZONE,))), False),
    "speeds": (result(objects(), analysis=Analysis(speed_kmh=np.array([50.0]))), False),
    "heat": (result(analysis=Analysis(heat=np.eye(8, dtype=np.float32))), True),
    "numbers": (result(image=ImageResult(values={"angle": 0.3})), False),
    "outline": (result(marks=(Outline(((10, 10), (90, 90), (10, 90))),)), False),
    "note": (result(marks=(Note("mind the gap", (20, 20)),)), False),
    "words of a slow model": (result(key_frames=(KeyFrame("scene", SOUND, NAMES, 1.0, {}),)), False),
    "map of a slow model": (
        result(key_frames=(KeyFrame("depth", ImageResult(depth_map=np.eye(4, dtype=np.float32)), NAMES, 1.0, {}),)),
        True,
    ),
}


def beyond_the_page(whole: Result) -> Result:
    """Return a result without what a page draws."""
    image, analysis = whole.image_result, whole.analysis
    return replace(
        whole,
        detections=Detections.empty(),
        image_result=image and replace(image, class_score=None, values=None, text=None),
        analysis=analysis and replace(analysis, lines=(), zones=(), speed_kmh=None),
        marks=(),
        key_frames=tuple(one for one in whole.key_frames if one.image_result is not SOUND),
    )


def test_each_task_is_tried() -> None:
    assert set(OF_TASKS) == set(get_args(Task))


@pytest.mark.parametrize("what", [*OF_TASKS, *OTHERS])
def test_it_is_needed_exactly_where_something_is_drawn_that_a_page_cannot_draw(what: str) -> None:
    whole, expected = {**OF_TASKS, **OTHERS}[what]
    assert needs_drawing(whole, CONFIG) == expected
    canvas = Overlay(CONFIG, NAMES).plan(beyond_the_page(whole), fps=25).draw()
    plain = PLAIN.to_canvas()
    drawn = any((getattr(canvas, plane) != getattr(plain, plane)).any() for plane in "yuv")
    assert drawn == expected


def test_what_is_not_to_be_drawn_needs_nothing() -> None:
    assert not needs_drawing(OTHERS["heat"][0], CONFIG.model_copy(update={"analytics": False}))


def test_whatever_a_result_may_hold_is_decided_upon() -> None:
    """A new field needs a decision, and a case above."""
    assert {one.name for one in fields(ImageResult)} == {
        *(
            "class_score",
            "class_map",
            "depth_map",
            "embedding",
            "picture",
            "values",
            "text",
            "text_score",
            "word_score",
            "cuboid",
            "units",
        )
    }
    assert {one.name for one in fields(Result)} == {
        *("frame", "detections", "image_result", "analysis", "marks", "stage_events", "key_frames", "plan", "sequence"),
        "found",  # what the tracker chose from is not drawn
    }


def test_maps_that_come_and_go_do_not_begin_the_video_anew_each_time() -> None:
    need = DrawingNeed()
    slow = OTHERS["map of a slow model"][0].key_frames
    needed = [need.update(result(pts_s=n, key_frames=slow if n in (3, 8) else ()), CONFIG) for n in range(25)]
    assert needed == [3 <= n < 8 + HOLD_S for n in range(25)]
    assert need.update(result(pts_s=26, key_frames=slow), CONFIG)


def test_rendered_frames_say_it() -> None:
    renderer = Renderer(Overlay(CONFIG, NAMES), JpegEncoder(), StageTimes())
    assert not renderer.render(OF_TASKS["detect"][0], fps=25).needs_drawing
    assert renderer.render(OF_TASKS["depth"][0], fps=25).needs_drawing
