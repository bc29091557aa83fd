from __future__ import annotations

import gc
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pipelines.outputs.background import BEHIND, BackgroundSink
from pipelines.outputs.mp4 import Mp4Sink
from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame


def annotated(index: int) -> RenderedFrame:
    picture = BgrPicture(np.full((90, 160, 3), index % 256, np.uint8))
    result = Result(Frame("gate", index, index / 25, 0.0, picture), Detections.empty())
    return RenderedFrame(result, draw=picture.to_canvas, encode=lambda canvas: b"")


class GatedSink:
    """Writes only while its gate is open, and fails at a chosen frame."""

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.seen: list[int] = []
        self.closed = threading.Event()
        self._fail_at = fail_at

    def write(self, annotated: RenderedFrame) -> None:
        self.begun.set()
        assert self.gate.wait(200)
        index = annotated.result.frame.index
        if index == self._fail_at:
            raise OutputError("cannot write x: No space left on device; give another file")
        self.seen.append(index)

    def close(self) -> None:
        self.closed.set()


def test_a_live_stream_never_waits_and_loses_the_oldest() -> None:
    slow = GatedSink()
    sink = BackgroundSink(slow, name="recording", lossless=False, capacity=4)
    sink.write(annotated(0))
    assert slow.begun.wait(60)
    begin_s = time.monotonic()
    for index in range(1, 101):
        sink.write(annotated(index))
    assert time.monotonic() - begin_s < 100
    slow.gate.set()
    sink.close()
    assert slow.seen == [0, 97, 98, 99, 100]
    assert sink.drops.by_cause() == {BEHIND: 96}
    assert sink.failure is None


def test_a_file_waits_and_loses_nothing() -> None:
    slow = GatedSink()
    sink = BackgroundSink(slow, name="recording", lossless=True, capacity=4)
    writer = threading.Thread(target=lambda: [sink.write(annotated(index)) for index in range(50)])
    writer.start()
    assert slow.begun.wait(60)
    writer.join(0.2)
    assert writer.is_alive()
    slow.gate.set()
    writer.join(60)
    sink.close()
    assert slow.seen == list(range(50))
    assert sink.drops.by_cause() == {}


@pytest.mark.parametrize("lossless", [True, False])
def test_a_failure_closes_the_recorder_and_is_reported_once(lossless: bool) -> None:
    failing = GatedSink(fail_at=1)
    failing.gate.set()
    sink = BackgroundSink(failing, name="recording", lossless=lossless)
    sink.write(annotated(0))
    sink.write(annotated(1))
    assert failing.closed.wait(60)
    with pytest.raises(OutputError, match="No space left"):
        sink.write(annotated(2))
    assert isinstance(sink.failure, OutputError)
    sink.close()
    sink.close()
    assert failing.seen == [0]


def test_a_failure_at_the_very_end_is_raised_by_close() -> None:
    failing = GatedSink(fail_at=0)
    sink = BackgroundSink(failing, name="recording", lossless=True)
    sink.write(annotated(0))
    failing.gate.set()
    with pytest.raises(OutputError, match="No space left"):
        sink.close()
    sink.close()


def test_an_unexpected_error_becomes_an_output_error() -> None:
    class Broken(GatedSink):
        def write(self, annotated: RenderedFrame) -> None:
            raise ZeroDivisionError("by zero")

    sink = BackgroundSink(Broken(), name="recording r.mp4", lossless=True)
    sink.write(annotated(0))
    with pytest.raises(OutputError, match=r"recording r\.mp4 failed: by zero"):
        sink.close()


def test_a_hanging_writer_does_not_keep_a_live_stream_from_stopping() -> None:
    hanging = GatedSink()
    sink = BackgroundSink(hanging, name="recording", lossless=False)
    sink.write(annotated(0))
    begin_s = time.monotonic()
    with pytest.raises(OutputError, match="did not finish"):
        sink.close()
    assert time.monotonic() - begin_s < 28  # as a file may have, whose writer is behind
    hanging.gate.set()


def test_a_full_disk_ends_the_recording_but_not_the_writer() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    sink = BackgroundSink(Mp4Sink(Path("/dev/full")), name="recording /dev/full", lossless=True)
    with pytest.raises(OutputError, match="No space left on device"):
        for index in range(2000):
            sink.write(annotated(index))
    sink.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_recording_that_failed_is_gone_at_once() -> None:
    gc.collect()
    gc.disable()  # which comes too seldom for an encoder's megabytes at each attempt
    try:
        recorder = Mp4Sink(Path("/dev/full"))
        sink = BackgroundSink(recorder, name="recording /dev/full", lossless=True)
        with pytest.raises(OutputError, match="No space left"):
            for index in range(60):
                sink.write(annotated(index))
        with suppress(OutputError):
            sink.close()
        left = weakref.ref(recorder)
        del recorder, sink
        assert left() is None
    finally:
        gc.enable()
