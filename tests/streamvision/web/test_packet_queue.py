"""What waits for one viewer of video: in order, bounded, and never begun in the middle of a group of pictures."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from streamvision.web.packet_queue import MAX_AGE_S, MAX_BYTES, PacketQueue


def drained(queue: PacketQueue) -> list[bytes]:
    found = []
    while queue:
        found.append(queue.pop(0.0))
    return found


def test_streams_have_their_turns_and_keep_their_order() -> None:
    queue = PacketQueue()
    for record in (b"a1", b"a2", b"a3"):
        queue.put("a", record, "packet", 0.0)
    queue.put("b", b"b1", "key", 0.0)
    queue.put("b", b"b2", "packet", 0.0)
    assert drained(queue) == [b"a1", b"b1", b"a2", b"b2", b"a3"]


def test_where_too_much_waits_all_up_to_the_next_key_frame_is_left_out() -> None:
    queue = PacketQueue()
    queue.put("a", b"format", "format", 0.0)
    assert not queue.put("a", b"x" * (MAX_BYTES - 1000), "packet", 0.0)
    queue.put("a", b"result", "result", 0.0)
    assert queue.put("a", b"y" * 2000, "packet", 0.1)
    assert queue.skipping == {"a"}
    assert not queue.accepts("a", "packet") and not queue.accepts("a", "result") and queue.accepts("a", "scene")
    assert queue.accepts("b", "packet"), "other streams go on"
    assert queue.accepts("a", "key") and not queue.skipping
    queue.put("a", b"key", "key", 0.2)
    assert drained(queue) == [b"format", b"key"]


def test_it_goes_on_with_a_key_frame_that_waits_already() -> None:
    queue = PacketQueue()
    queue.put("a", b"old", "packet", 0.0)
    queue.put("a", b"key", "key", 0.9)
    assert queue.put("a", b"new", "packet", MAX_AGE_S + 0.1)
    assert not queue.skipping
    assert drained(queue) == [b"key", b"new"]


def test_what_a_viewer_joins_with_may_be_as_much_as_it_is_but_not_for_long() -> None:
    queue = PacketQueue()
    queue.put("a", lambda now_s: b"key, sent at %d" % now_s + b"k" * MAX_BYTES, "key", 0.0)
    assert not queue.put("a", lambda _: b"p" * MAX_BYTES, "packet", 0.0)
    assert queue.pop(5.0).startswith(b"key, sent at 5k")
    assert not queue.put("a", b"live", "packet", 0.5)
    assert queue.put("a", b"late", "packet", 1.5)
    assert queue.skipping == {"a"} and not queue


def test_another_video_leaves_states_alone() -> None:
    queue = PacketQueue()
    for record, kind in ((b"scene", "scene"), (b"key", "key"), (b"result", "result")):
        queue.put("a", record, kind, 0.0)
    queue.skipping.add("a")
    queue.forget_video("a")
    assert not queue.skipping and drained(queue) == [b"scene"]


@pytest.mark.parametrize("changes_video", [True, False])
def test_of_states_the_newest_waits_however_often_they_change(changes_video: bool) -> None:
    queue = PacketQueue()
    for number in range(1000):
        for kind in ("notice", "format", "scene"):
            queue.put("a", b"%s %d" % (kind.encode(), number), kind, number * 0.01)
        queue.put("a", b"key", "key", number * 0.01)
        if changes_video:
            queue.forget_video("a")
    queue.put("a", b"late", "packet", 20.0)
    assert drained(queue) == [b"notice 999", b"format 999", b"scene 999"]


def test_whatever_comes_each_gap_ends_with_a_key_frame_and_the_bound_holds() -> None:
    chance = random.Random(7)
    queue, taken, now_s = PacketQueue(), [], 0.0
    for number in range(20_000):
        now_s += chance.random() * 0.02
        kind = "key" if number % 50 == 0 else "packet"
        record = b"%d %s " % (number, kind.encode()) + b"x" * chance.randrange(60_000)
        if queue.accepts("a", kind):
            queue.put("a", record, kind, now_s)
        while queue and chance.random() < 0.45:
            taken.append(queue.pop(0.0).split()[:2])
        assert sum(len(entry.record) for row in queue._rows.values() for entry in row.entries) <= MAX_BYTES
    gaps = [after for before, after in pairwise(taken) if int(after[0]) != int(before[0]) + 1]
    assert len(gaps) > 10 and all(kind == b"key" for _, kind in gaps)
