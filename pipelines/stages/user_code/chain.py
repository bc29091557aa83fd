"""The stages of one stream, one after another, and what their outputs change about a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

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


class StageChain:
    """Applies stages in order, from the lane's thread.

    Args:
        stages: user code with its settings.
        stream_id: the stream.
        names: class names by class id.

    Raises:
        ConfigError: when a stage does not take its options.
    """

    def __init__(self, stages: Sequence[Stage], *, stream_id: str, names: tuple[str, ...]) -> None:
        self._names = names
        self._runners = [StageRunner(stage, stream_id=stream_id) for stage in stages]

    def apply(self, result: Result) -> Result:
        """Return the result as the stages leave it; one that fails or is late changes nothing, or hides the picture."""
        for runner in self._runners:
            output = runner.run(StageView(result, self._names))
            if output is not None:
                result = _changed(result, output, runner.stage.name)
            elif runner.stage.settings.unfinished == "hide":
                result = _with_picture(result, _unrecognisable(result))
        return result

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how each stage is doing now."""
        return tuple(runner.status() for runner in self._runners)

    def close(self) -> None:
        """Call the stages no more."""
        for runner in self._runners:
            runner.close()


def _changed(result: Result, output: StageOutput, name: str) -> Result:
    if output.detections is not None:
        analysis = _moved(result.analysis, result.detections, output.detections)
        result = replace(result, detections=output.detections, analysis=analysis)
    if output.picture is not None:
        result = _with_picture(result, output.picture)
    told = tuple({"stage": name, **event.to_json()} for event in output.events)
    return replace(result, marks=(*result.marks, *output.marks), stage_events=(*result.stage_events, *told))


def _moved(analysis: Analysis | None, old: Detections, new: Detections) -> Analysis | None:
    """Return the analysis with the speeds in the order of the new objects; they know each other by identity."""
    if analysis is None or analysis.speed_kmh is None:
        return analysis
    known: dict[Any, float] = dict(zip(old.identities(), analysis.speed_kmh.tolist(), strict=True))
    known[None] = np.nan
    speed = np.array([known.get(identity, np.nan) for identity in new.identities()], np.float64)
    return replace(analysis, speed_kmh=speed)


def _with_picture(result: Result, bgr: NDArray[np.uint8]) -> Result:
    """Put a picture in place of the frame's, and of the network's where that made one: neither may remain behind."""
    picture = BgrPicture(np.ascontiguousarray(bgr))
    frame = result.frame
    whole = result.whole
    if whole is not None and whole.picture is not None:
        whole = replace(whole, picture=picture)
    size = (frame.picture.width_px, frame.picture.height_px)
    if (picture.width_px, picture.height_px) != size:
        resized: Any = cv2.resize(picture.bgr, size, interpolation=cv2.INTER_AREA)
        picture = BgrPicture(resized)
    return replace(result, frame=replace(frame, picture=picture), whole=whole)


def _unrecognisable(result: Result) -> NDArray[np.uint8]:
    picture = StageView(result, ()).picture
    width_px, height_px = picture.width_px, picture.height_px
    shrink = _HIDDEN_SIDE_PX / max(width_px, height_px)
    small = picture.resize_rgb(max(round(width_px * shrink), 1), max(round(height_px * shrink), 1))
    large: Any = cv2.resize(small[..., ::-1], (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8)
