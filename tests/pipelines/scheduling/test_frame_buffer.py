"""Two policies: the newest frame wins, or every frame counts."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipelines.scheduling.frame_buffer import QUEUE_FRAMES, frame_buffer
from streamvision.core.channel import Channel
from streamvision.core.frame import Frame
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import DropCounter

PICTURE = BgrPicture(np.zeros((2, 2, 3), np.uint8))


def frame(index: int) -> Frame:
    return Frame("s", index, index / 25, time.monotonic(), PICTURE)


def buffer(*, live: bool, drops: DropCounter | None = None) -> Channel[Frame]:
    return frame_buffer(live=live, drops=drops or DropCounter(), on_put=lambda: None)


def test_the_newest_frame_replaces_the_one_before_and_is_counted() -> None:
    drops, ready = DropCounter(), []
    frames = frame_buffer(live=True, drops=drops, on_put=lambda: ready.append(1))
    for index in range(5):
        assert frames.put(frame(index))
    assert len(frames) == 1
    taken = frames.get(0)
    assert taken is not None
    assert taken.index == 4
    assert frames.get(0) is None
    assert drops.by_cause() == {"newer_frame": 4}
    assert len(ready) == 5


def test_a_file_hands_on_every_frame_in_order_though_the_consumer_is_slow() -> None:
    drops = DropCounter()
    frames = buffer(live=False, drops=drops)
    producer = threading.Thread(target=lambda: [frames.put(frame(index)) for index in range(20)])
    producer.start()
    taken = []
    while len(taken) < 20:
        got = frames.get(60.0)
        assert got is not None
        taken.append(got.index)
        time.sleep(0.001)
    producer.join(60)
    assert taken == list(range(20))
    assert drops.by_cause() == {}


@pytest.mark.parametrize("live", [True, False])
def test_get_waits_no_longer_than_it_is_told(live: bool) -> None:
    begin_s = time.monotonic()
    assert buffer(live=live).get(0.1) is None
    assert 0.09 < time.monotonic() - begin_s < 60


def test_a_producer_that_waits_is_freed_by_stop_and_by_close() -> None:
    for free in ("stop", "close"):
        stop, drops = threading.Event(), DropCounter()
        frames = buffer(live=False, drops=drops)
        for index in range(QUEUE_FRAMES):
            frames.put(frame(index))
        accepted: list[bool] = []

        def produce(frames: Channel[Frame] = frames, stop: threading.Event = stop, to: list[bool] = accepted) -> None:
            to.append(frames.put(frame(9), give_up=stop.is_set))

        producer = threading.Thread(target=produce)
        producer.start()
        stop.set() if free == "stop" else frames.close(discard=True)
        producer.join(60)
        assert accepted == [False]
        frames.close(discard=True)
        assert drops.by_cause() == {"stopped": QUEUE_FRAMES}
        assert not frames.put(frame(10))
