"""What tests ask of a pipeline whose streams come, change and go."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipelines.engine import Pipeline
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus

LIVE = "synthetic:boxes?fps=20&size=160x120"


def until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    """Wait for something that must come."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


def status_of(pipeline: Pipeline, stream_id: str) -> StreamStatus:
    """Return the status of one stream."""
    return next(status for status in pipeline.statuses() if status.id == stream_id)


def until_frames(pipeline: Pipeline, stream_id: str, count: int = 3) -> None:
    """Wait until a stream has finished so many frames more."""
    goal = status_of(pipeline, stream_id).frames_done + count
    until(lambda: status_of(pipeline, stream_id).frames_done >= goal, f"{stream_id} goes on")


def newest(pipeline: Pipeline, stream_id: str) -> RenderedFrame:
    """Return the newest frame of a stream that has one."""
    latest = pipeline.view.channels[stream_id].latest
    assert latest is not None
    return latest
