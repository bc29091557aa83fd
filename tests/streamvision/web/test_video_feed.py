"""What is kept of a layer for those who join, and what is left out where the event loop does not keep up."""

from __future__ import annotations

from streamvision.core.live import LiveChannel
from streamvision.core.live_video import VideoFormat, VideoLayer, VideoPacket
from streamvision.web.loop_calls import LoopCalls
from streamvision.web.video_feed import MAX_GROUP_BYTES, MAX_WAITING, Beginning, PacketInbox, VideoFeed

FORMAT = VideoFormat(1, "avc1.42c01e", 320, 180, "passed_on", is_drawn=False, reorders=False)


def packet(number: int, *, size: int = 10) -> VideoPacket:
    return VideoPacket(1, "video", bytes(size), number % 10 == 0, number, number)


def test_who_joins_gets_all_since_the_last_key_frame_unless_that_is_too_much() -> None:
    feed = VideoFeed(LiveChannel("gate", ()), VideoLayer("passed_on"))
    feed.begin(Beginning(FORMAT, [packet(number) for number in range(4)]))
    feed.keep(packet(4))
    assert [one.time_us for one in feed.joining(2.0)] == [0, 1, 2, 3, 4]
    for number in (10, 11):
        feed.keep(packet(number))
    assert [one.time_us for one in feed.joining(3.0)] == [10, 11]
    feed.keep(packet(12, size=MAX_GROUP_BYTES))
    assert feed.joining(4.0) == []


def test_of_packets_that_nobody_takes_only_a_key_frame_is_the_next() -> None:
    inbox = PacketInbox(LoopCalls(), lambda inbox: None)
    inbox.begin(FORMAT, [packet(0)])
    for number in range(1, MAX_WAITING + 15):
        inbox.take(packet(number))
    events = []
    while (event := inbox.next_event()) is not None:
        events.append(event)
    assert events[0] == Beginning(FORMAT, ())
    assert [event.time_us for event in events[1:] if isinstance(event, VideoPacket)] == list(range(1030, 1039))
