"""On a busy machine everybody has a turn: pictures that come faster than they can be sent shut nobody out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from streamvision.web import fanout as fanouts
from streamvision.web.fanout import Fanout
from streamvision.web.link import OnTaken
from streamvision.web.viewer import Subscription
from support.live_feed import LiveFeed

TAKEN = 200


class QuickLink:
    """Takes everything at once."""

    def __init__(self, on_write: Callable[[], None] = lambda: None) -> None:
        self.written = 0
        self.on_taken: OnTaken | None = None
        self._on_write = on_write

    def ready(self, now_s: float) -> bool:
        return True

    def write(self, message: bytes, now_s: float) -> None:
        self.written += 1
        if self.written < TAKEN:
            self._on_write()

    def unsent_bytes(self) -> int:
        return 0

    def end(self) -> None:
        pass

    def abort(self) -> None:
        pass


async def _turns_until(holds: Callable[[], bool]) -> int:
    """Return how often the loop had time for something else until then."""
    turns = 0
    while not holds():
        await asyncio.sleep(0)
        turns += 1
    return turns


def test_a_stream_that_is_faster_than_its_viewers_leaves_turns_to_others() -> None:
    feed = LiveFeed("gate")

    async def watch() -> int:
        fanout = Fanout(feed.view)
        fanout.start(asyncio.get_running_loop())
        link = QuickLink(on_write=feed["gate"].publish)  # the next picture is there before this one has left
        fanout.admit(Subscription("mjpeg", ("gate",)), link)
        feed["gate"].publish()
        turns = await _turns_until(lambda: link.written >= TAKEN)
        fanout.stop()
        return turns

    assert asyncio.run(asyncio.wait_for(watch(), 60)) > TAKEN / 4


def test_many_viewers_are_served_in_several_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanouts, "TURN_VIEWERS", 3)
    feed = LiveFeed("gate")

    async def watch() -> tuple[int, list[int]]:
        fanout = Fanout(feed.view)
        fanout.start(asyncio.get_running_loop())
        links = [QuickLink() for _ in range(12)]
        viewers = [fanout.admit(Subscription("mjpeg", ("gate",)), link) for link in links]
        feed["gate"].publish()
        await _turns_until(lambda: any(link.written for link in links))
        fanout.drop(viewers[-1])
        turns = await _turns_until(lambda: sum(link.written for link in links) >= 11)
        fanout.stop()
        return turns, sorted(link.written for link in links)

    turns, written = asyncio.run(asyncio.wait_for(watch(), 60))
    assert turns >= 2
    assert written == [0] + [1] * 11 or written == [1] * 12, "one who has left gets nothing more"


def test_a_connection_that_is_at_fault_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    feed = LiveFeed("gate")

    class BrokenLink(QuickLink):
        def ready(self, now_s: float) -> bool:
            raise AttributeError("the transport has gone")

    async def watch() -> tuple[int, int]:
        fanout = Fanout(feed.view)
        fanout.start(asyncio.get_running_loop())
        links = [QuickLink(), BrokenLink(), QuickLink()]
        for link in links:
            fanout.admit(Subscription("mjpeg", ("gate",)), link)
        feed["gate"].publish()
        await _turns_until(lambda: links[0].written + links[2].written >= 2 and fanout.connections == 2)
        fanout.stop()
        return links[0].written, links[2].written

    assert asyncio.run(asyncio.wait_for(watch(), 60)) == (1, 1)
    assert "broken off" in caplog.text
