"""Behind the network: in order, drawn only for those who look, and no fault of one output ends the stream."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder, Renderer
from pipelines.stages.analytics import Analytics
from pipelines.stages.analytics.analytics import Analysing
from pipelines.stages.base import FrameStage
from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.stage import Tracking
from pipelines.stream_worker import StreamWorker
from streamvision.core.analysis import Analysis
from streamvision.core.config.app import parse_analytics
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result
from streamvision.core.live import LiveChannel
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import StageTimes

PICTURE = BgrPicture(np.full((120, 160, 3), 60, np.uint8))


class Recorder:
    """A sink that keeps what it is given, and fails when told to."""

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.frames: list[int] = []
        self.identities: list[list[int | None]] = []
        self.closed = 0
        self.analysed = 0
        self._fail_at = fail_at

    def write(self, rendered: RenderedFrame) -> None:
        index = rendered.result.frame.index
        if index == self._fail_at:
            raise OutputError("the disk is full; free some space")
        self.frames.append(index)
        self.identities.append(rendered.result.detections.identities())
        self.analysed += rendered.result.analysis is not None

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def times() -> StageTimes:
    return StageTimes()


def worker_of(times: StageTimes, *further: FrameStage) -> StreamWorker:
    tracker = create_tracker(TrackerConfig(), score=0.25)
    assert tracker is not None
    return StreamWorker(
        "gate",
        stages=[Tracking(tracker, ("car",)), *further],
        renderer=Renderer(Overlay(OverlayConfig(), ("car",)), JpegEncoder(80), times),
        channel=LiveChannel("gate", ("car",)),
        times=times,
        on_capacity=lambda: None,
    )


@pytest.fixture
def worker(times: StageTimes) -> StreamWorker:
    return worker_of(times)


def identities(worker: StreamWorker) -> dict[str, int]:
    tracking = worker._stages[0]
    assert isinstance(tracking, Tracking)
    return dict(tracking.identities)


def result(index: int, *, segment: int = 0) -> Result:
    left = 10.0 + index
    found = Detections(
        np.array([[left, 20, left + 40, 60]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int32)
    )
    return Result(Frame("gate", index, index / 25, 0.0, PICTURE, segment), found)


def play(
    worker: StreamWorker, sinks: list[Recorder], frames: int, *, segment_of: Callable[[int], int] = lambda _index: 0
) -> None:
    worker.start(sinks)
    for index in range(frames):
        worker.put(worker.expect(), result(index, segment=segment_of(index)))
    assert worker.finish(timeout_s=60)


def test_every_sink_is_told_everything_in_order_and_closed_once(worker: StreamWorker) -> None:
    sinks = [Recorder(), Recorder()]
    play(worker, sinks, 20)
    assert [sink.frames for sink in sinks] == [list(range(20))] * 2
    assert [sink.closed for sink in sinks] == [1, 1]
    assert worker.frames_done == 20
    assert identities(worker) == {"car": 1}


class Faulty(Recorder):
    """A sink with a fault that nobody foresaw."""

    def write(self, rendered: RenderedFrame) -> None:
        raise ValueError("unforeseen")

    def close(self) -> None:
        super().close()
        raise ValueError("unforeseen")


def test_an_unforeseen_fault_ends_that_output_once_and_not_the_stream(worker: StreamWorker) -> None:
    faulty, sound = Faulty(), Recorder()
    play(worker, [faulty, sound], 10)
    assert sound.frames == list(range(10))
    assert (faulty.closed, sound.closed) == (1, 1)
    assert worker.frames_done == 10
    assert len(worker.failures) == 1
    assert "unforeseen" in worker.failures[0]


def test_a_full_disk_ends_that_output_and_not_the_stream(worker: StreamWorker) -> None:
    broken, healthy = Recorder(fail_at=5), Recorder()
    play(worker, [broken, healthy], 10)
    assert broken.frames == list(range(5))
    assert broken.closed == 1
    assert healthy.frames == list(range(10))
    assert worker.failures == ["the disk is full; free some space"]


def test_nothing_is_drawn_unless_somebody_looks(worker: StreamWorker, times: StageTimes) -> None:
    play(worker, [Recorder()], 3)
    assert "draw" not in times.distributions()
    newest = worker.channel.latest
    assert newest is not None
    assert newest.jpeg().startswith(b"\xff\xd8")
    assert times.distributions()["draw"].count == 1


def test_each_frame_is_encoded_once_while_somebody_watches(worker: StreamWorker, times: StageTimes) -> None:
    with worker.channel.watching(), worker.channel.watching():
        play(worker, [], 5)
        newest = worker.channel.latest
        assert newest is not None
        newest.jpeg()
    assert times.distributions()["encode"].count == 5


def test_identities_do_not_cross_a_reconnect(worker: StreamWorker) -> None:
    sink = Recorder()
    play(worker, [sink], 20, segment_of=lambda index: index // 10)
    before, after = (
        {i[0] for i in half if i and i[0] is not None} for half in (sink.identities[:10], sink.identities[10:])
    )
    assert before
    assert after
    assert not before & after
    assert identities(worker) == {"car": 2}


class BrokenAnalytics(Analytics):
    """Analytics with a fault that shows on one frame."""

    def update(self, result: Result) -> Analysis | None:
        if result.frame.index == 5:
            raise ZeroDivisionError("unforeseen")
        return super().update(result)


@pytest.mark.parametrize(("kind", "analysed"), [(Analytics, 10), (BrokenAnalytics, 5)])
def test_a_fault_of_the_analytics_ends_them_and_not_the_stream(
    times: StageTimes, kind: type[Analytics], analysed: int
) -> None:
    config = parse_analytics({"lines": [{"name": "door", "points": [[0.2, 0.1], [0.2, 0.9]]}]}, origin="test")
    worker = worker_of(times, Analysing(kind(config, ("car",), memory_s=1.0)))
    sink = Recorder()
    play(worker, [sink], 10)
    assert sink.frames == list(range(10))
    assert sink.analysed == analysed
    assert worker.failures == (
        [] if kind is Analytics else ["stream gate: its analytics broke on frame 5: ZeroDivisionError('unforeseen')"]
    )


def test_a_lane_that_never_started_is_finished() -> None:
    idle = worker_of(StageTimes())
    assert idle.finish(timeout_s=60)


def test_it_takes_no_more_than_it_can_work_off(worker: StreamWorker) -> None:
    assert worker.has_capacity()
    sequences = worker.expect(), worker.expect()
    assert not worker.has_capacity(), "one in the network and one behind it"
    for index, sequence in enumerate(sequences):
        worker.put(sequence, result(index))
    assert not worker.has_capacity()
    assert not worker.idle()
    worker.start([])
    assert worker.finish(timeout_s=60)


def test_results_that_overtake_each_other_come_out_in_order(worker: StreamWorker) -> None:
    sink = Recorder()
    worker.start([sink])
    sequences = [worker.expect() for _ in range(30)]
    for index in np.random.default_rng(0).permutation(30).tolist():
        worker.put(sequences[index], result(index) if index % 7 else None)
    assert worker.finish(timeout_s=60)
    assert sink.frames == [index for index in range(30) if index % 7]
    assert worker.idle()


def test_a_result_that_never_comes_does_not_hold_up_the_end(worker: StreamWorker) -> None:
    sink = Recorder()
    worker.start([sink])
    worker.put(worker.expect(), result(0))
    worker.expect()
    worker.put(worker.expect(), result(2))
    assert worker.finish(timeout_s=60)
    assert sink.frames == [0]
    assert sink.closed == 1


class Faltering(FrameStage):
    """A stage that a frame is lost without."""

    def __init__(self) -> None:
        self.resets = self.closes = 0

    def process(self, result: Result) -> None:
        if result.frame.index == 3:
            raise ValueError("unforeseen")

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closes += 1


def test_a_fault_of_a_stage_that_is_needed_loses_that_frame_alone(times: StageTimes) -> None:
    stage, sink = Faltering(), Recorder()
    worker = worker_of(times, stage)
    play(worker, [sink], 10, segment_of=lambda index: index // 5)
    assert sink.frames == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert worker.failures == ["stream gate: frame 3 could not be finished: ValueError('unforeseen')"]
    assert (stage.resets, stage.closes) == (1, 1)
