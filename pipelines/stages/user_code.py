"""The user's own code behind the built-in stages: each piece in a thread of its own, with a time budget.

The stream's worker waits for a piece no longer than its budget. One that is late is not waited for again before it has
come back: frames meanwhile go on without it, counted as skipped. Python cannot end a thread, so code that never comes
back keeps its thread, and nothing else.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.base import FrameStage
from streamvision.core.analysis import Analysis
from streamvision.core.detections import Detections
from streamvision.core.frame import Result
from streamvision.core.picture import BgrPicture
from streamvision.core.redaction import redact_outside
from streamvision.core.stage_output import StageOutput, checked_output
from streamvision.core.stage_view import StageView
from streamvision.core.status import StageStatus
from streamvision.core.telemetry import Distribution
from streamvision.core.user_stage import Stage

log = logging.getLogger(__name__)

_MOST_WORDS = 300
"""Longest reason that the page is given, in characters."""
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

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

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


class StageRunner:
    """Runs one stage for one stream; the stream's worker calls, any thread may ask for the :meth:`status`.

    Args:
        stage: the code and its settings.
        stream_id: the stream, for messages.

    Raises:
        ConfigError: when the stage does not take its options.
    """

    def __init__(self, stage: Stage, *, stream_id: str) -> None:
        self.stage = stage
        self._function = stage.create()
        self._stream_id = stream_id
        self._changed = threading.Condition()
        self._job: StageView | None = None
        self._output: StageOutput | None = None
        self._busy_since_s: float | None = None
        self._closed = False
        self._off = False
        self._late = False
        self._reason = ""
        self._failures_in_row = 0
        self._done = self._overruns = self._skipped = self._failures = 0
        self._seconds = Distribution(512)
        self._thread: threading.Thread | None = None

    def run(self, view: StageView) -> StageOutput | None:
        """Return what the stage makes of a frame; ``None`` where it failed, is late, or is switched off."""
        with self._changed:
            if self._off or self._busy_since_s is not None:
                self._skipped += 1
                return None
            self._job, self._output = view, None
            self._busy_since_s = time.monotonic()
            self._begin()
            self._changed.notify_all()
            if not self._changed.wait_for(self._is_back, self.stage.settings.budget_ms / 1e3):
                self._overruns += 1
                self._late = True
                self._reason = f"took longer than its {self.stage.settings.budget_ms:g} ms"
                return None
            output = self._take()
            if output is not None:
                self._done += 1
                self._late = False
            return output

    def close(self) -> None:
        """Call it no more; a thread that is in the middle of it ends when it comes back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def status(self) -> StageStatus:
        """Return how the stage is doing now."""
        with self._changed:
            state = "off" if self._off else "failing" if self._failures_in_row else "late" if self._late else "running"
            reason = self._reason if state != "running" else ""
            if state == "late" and self._busy_since_s is not None:
                reason = f"{self._reason}; busy for {time.monotonic() - self._busy_since_s:.1f} s"
            quantiles = self._seconds.quantiles()
            return StageStatus(
                name=self.stage.name,
                state=state,
                reason=reason,
                budget_ms=self.stage.settings.budget_ms,
                done=self._done,
                overruns=self._overruns,
                skipped=self._skipped,
                failures=self._failures,
                p95_ms=round(quantiles["p95"] * 1e3, 3) if quantiles else None,
            )

    def _is_back(self) -> bool:
        return self._busy_since_s is None

    def _take(self) -> StageOutput | None:
        output, self._output = self._output, None
        return output

    def _begin(self) -> None:
        if self._thread is None:
            name = f"stage-{self.stage.name}-{self._stream_id}"
            self._thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (view := self._next()) is not None:
            begin_s = time.perf_counter()
            output, error = None, None
            try:
                shape = (view.picture.height_px, view.picture.width_px)
                output = checked_output(self._function(view), shape=shape, classes=len(view.names))
            except BaseException as caught:  # sys.exit() in a stage must not end its thread without a word
                error = caught
            self._come_back(output, error, time.perf_counter() - begin_s)

    def _next(self) -> StageView | None:
        with self._changed:
            self._changed.wait_for(lambda: self._job is not None or self._closed)
            job, self._job = self._job, None
            return None if self._closed else job

    def _come_back(self, output: StageOutput | None, error: BaseException | None, seconds: float) -> None:
        with self._changed:
            self._seconds.add(seconds)
            if error is None:
                self._failures_in_row = 0
                self._output = output
            else:
                self._fail(error)
            self._busy_since_s = None
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        self._failures += 1
        self._failures_in_row += 1
        self._reason = redact_outside(_where(error))[:_MOST_WORDS]
        if self._failures_in_row == 1:
            log.warning("stream %s, stage %s: %s", self._stream_id, self.stage.name, self._reason, exc_info=error)
        if self._failures_in_row >= self.stage.settings.give_up_after:
            self._off = True
            times = f"{self._failures_in_row} errors in a row" if self._failures_in_row > 1 else "an error"
            self._reason = f"switched off after {times}: {self._reason}"[:_MOST_WORDS]
            log.warning("stream %s, stage %s: %s", self._stream_id, self.stage.name, self._reason)


def _where(error: BaseException) -> str:
    """Return an error in words, with the line of the user's own code that it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    at = next((f for f in reversed(frames) if not f.filename.endswith("stage_output.py")), None)
    place = f" ({at.filename.rpartition('/')[2]}, line {at.lineno})" if at is not None else ""
    return f"{type(error).__name__}: {error}{place}"
