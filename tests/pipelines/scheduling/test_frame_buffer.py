"""Two policies: the newest frame wins, or every frame counts."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipelines.scheduling.frame_buffer import FrameBuffer, FrameQueue, NewestFrameBuffer
from streamvision.core.frame import Frame
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import DropCounter

PICTURE = BgrPicture(np.zeros((2, 2, 3), np.uint8))


def frame(index: int) -> Frame:
    return Frame("s", index, index / 25, time.monotonic(), PICTURE)


def test_the_newest_frame_replaces_the_one_before_and_is_counted() -> None:
    drops, ready, stop = DropCounter(), [], threading.Event()
    slot = NewestFrameBuffer(drops=drops, on_ready=lambda: ready.append(1))
    for index in range(5):
        assert slot.put(frame(index), stop)
    assert slot.has_frame()
    taken = slot.take(0)
    assert taken is not None
    assert taken.index == 4
    assert slot.take(0) is None
    assert drops.by_cause() == {"newer_frame": 4}
    assert len(ready) == 5


def test_a_queue_hands_on_every_frame_in_order_though_the_consumer_is_slow() -> None:
    drops, stop = DropCounter(), threading.Event()
    slot = FrameQueue(drops=drops, on_ready=lambda: None, capacity=2)
    producer = threading.Thread(target=lambda: [slot.put(frame(index), stop) for index in range(20)])
    producer.start()
    taken = []
    while len(taken) < 20:
        got = slot.take(2.0)
        assert got is not None
        taken.append(got.index)
        time.sleep(0.001)
    producer.join(2)
    assert taken == list(range(20))
    assert drops.by_cause() == {}


@pytest.mark.parametrize("kind", [NewestFrameBuffer, FrameQueue])
def test_take_waits_no_longer_than_it_is_told(kind: type[NewestFrameBuffer] | type[FrameQueue]) -> None:
    slot = kind(drops=DropCounter(), on_ready=lambda: None)
    begin_s = time.monotonic()
    assert slot.take(0.1) is None
    assert 0.09 < time.monotonic() - begin_s < 1.0


def test_a_producer_that_waits_for_room_is_freed_by_stop_and_by_close() -> None:
    for free in ("stop", "close"):
        stop = threading.Event()
        drops = DropCounter()
        slot: FrameBuffer = FrameQueue(drops=drops, on_ready=lambda: None, capacity=1)
        slot.put(frame(0), stop)
        accepted: list[bool] = []
        producer = threading.Thread(target=lambda s=slot, e=stop, a=accepted: a.append(s.put(frame(1), e)))
        producer.start()
        stop.set() if free == "stop" else slot.close()
        producer.join(2)
        assert accepted == [False]
        slot.close()
        assert drops.by_cause() == {"stopped": 1}
        assert not slot.put(frame(2), threading.Event())
