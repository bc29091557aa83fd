"""One stage of the user's own on one stream: what its output changes about a result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.base import FrameStage
from pipelines.stages.user_code.runner import StageRunner
from streamvision.core.analysis import Analysis
from streamvision.core.detections import Detections
from streamvision.core.frame import Result
from streamvision.core.picture import BgrPicture
from streamvision.core.stage_output import StageOutput
from streamvision.core.stage_view import StageView
from streamvision.core.status import StageStatus
from streamvision.core.user_stage import Stage

_HIDDEN_SIDE_PX = 12
"""Longer side of the picture that remains of a hidden one: shapes of light, and nobody's face."""


class UserStage(FrameStage):
    """Calls the user's code within its time budget. Code that fails or is late changes nothing, or hides the picture.

    Args:
        stage: the code and its settings.
        stream_id: the stream.
        names: class names by class id.

    Raises:
        ConfigError: when the code does not take its options.
    """

    name = "user_stages"

    def __init__(self, stage: Stage, *, stream_id: str, names: tuple[str, ...]) -> None:
        self._names = names
        self._runner = StageRunner(stage, stream_id=stream_id)

    def process(self, result: Result) -> None:
        """Change the result as the code says."""
        output = self._runner.run(StageView(replace(result), self._names))
        if output is not None:
            _apply(output, result, self._runner.stage.name)
        elif self._runner.stage.settings.unfinished == "hide":
            _put_picture(result, _unrecognisable(result))

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how it is doing now."""
        return (self._runner.status(),)

    def close(self) -> None:
        """Call it no more."""
        self._runner.close()


def _apply(output: StageOutput, result: Result, name: str) -> None:
    if output.detections is not None:
        result.analysis = _reordered(result.analysis, result.detections, output.detections)
        result.detections = output.detections
    if output.picture is not None:
        _put_picture(result, output.picture)
    result.marks += tuple(output.marks)
    result.stage_events += tuple({"stage": name, **event.to_json()} for event in output.events)


def _reordered(analysis: Analysis | None, old: Detections, new: Detections) -> Analysis | None:
    """Return the analysis with the speeds in the order of the new objects, which are matched by identity."""
    if analysis is None or analysis.speed_kmh is None:
        return analysis
    known: dict[Any, float] = dict(zip(old.identities(), analysis.speed_kmh.tolist(), strict=True))
    known[None] = np.nan
    speed = np.array([known.get(identity, np.nan) for identity in new.identities()], np.float64)
    return replace(analysis, speed_kmh=speed)


def _put_picture(result: Result, bgr: NDArray[np.uint8]) -> None:
    """Put a picture in place of the frame's, and of the network's where that made one: neither may remain behind."""
    picture = BgrPicture(np.ascontiguousarray(bgr))
    frame = result.frame
    if result.image_result is not None and result.image_result.picture is not None:
        result.image_result = replace(result.image_result, picture=picture)
    size = (frame.picture.width_px, frame.picture.height_px)
    if (picture.width_px, picture.height_px) != size:
        resized: Any = cv2.resize(picture.bgr, size, interpolation=cv2.INTER_AREA)
        picture = BgrPicture(resized)
    result.frame = replace(frame, picture=picture)


def _unrecognisable(result: Result) -> NDArray[np.uint8]:
    picture = StageView(result, ()).picture
    width_px, height_px = picture.width_px, picture.height_px
    shrink = _HIDDEN_SIDE_PX / max(width_px, height_px)
    small = picture.resize_rgb(max(round(width_px * shrink), 1), max(round(height_px * shrink), 1))
    large: Any = cv2.resize(small[..., ::-1], (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8)
