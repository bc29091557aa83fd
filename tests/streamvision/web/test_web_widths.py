"""Which width a viewer can take in time, and what that is learnt from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from streamvision.web.pacing import Look, Pace
from streamvision.web.widths import HOLD_S, MAX_HOLD_S, Taken, WidthControl, step_for


class Viewer:
    """Takes pictures of a camera over a link of a certain rate."""

    def __init__(self, bytes_per_s: float, *, full_px: int = 1280, streams: int = 1) -> None:
        self.control = WidthControl()
        self._streams = streams
        self.now_s = 100.0
        self.rate = bytes_per_s
        self._full_px = full_px

    @property
    def width_px(self) -> int:
        return self.control.limit_px or self._full_px

    def take(self, seconds: float) -> set[int]:
        """Take pictures one after the other; return their widths."""
        seen, end_s = set(), self.now_s + seconds
        while self.now_s < end_s:
            seen.add(self.width_px)
            sent_at_s, take_s = self.now_s, 100_000 * (self.width_px / 1280) ** 1.6 / self.rate
            self.now_s += max(take_s, 0.04)
            taken = Taken(take_s if take_s > 0.04 else 0.0, sent_at_s=sent_at_s, at_s=self.now_s)
            self.control.note_taken(taken, self.width_px, streams=self._streams)
        return seen


@pytest.mark.parametrize(
    ("asked", "step"), [(1, 160), (160, 160), (161, 320), (640, 640), (700, 960), (1280, 1280), (1281, None)]
)
def test_steps(asked: int, step: int | None) -> None:
    assert step_for(asked) == step


def test_a_fast_viewer_keeps_the_full_size() -> None:
    assert Viewer(10e6).take(30) == {1280}


def test_a_slow_viewer_settles_where_pictures_come_in_time() -> None:
    viewer = Viewer(40_000)
    viewer.take(10)
    settled = viewer.take(30)
    assert max(settled) <= 480
    assert viewer.width_px in (320, 480)


def test_a_link_that_recovers_is_noticed_and_one_that_gets_worse_too() -> None:
    viewer = Viewer(40_000)
    viewer.take(10)
    viewer.rate = 10e6
    viewer.take(8 * HOLD_S)
    assert viewer.width_px == 1280
    viewer.rate = 20_000
    viewer.take(10)
    assert viewer.width_px <= 320


def test_many_streams_share_the_link() -> None:
    one, nine = Viewer(200_000), Viewer(200_000, streams=9)
    one.take(20), nine.take(20)
    assert nine.width_px < one.width_px


class SlowCamera:
    """Gives a viewer about one picture a second; whether the last one has come is seen when the next one is there."""

    def __init__(self) -> None:
        self.control = WidthControl()
        self.now_s = 100.0

    @property
    def width_px(self) -> int:
        return self.control.limit_px or 1280

    def give(self, seconds: float, take_s: Callable[[int], float]) -> list[int]:
        """Give pictures, each of which takes so long for its width; return their widths."""
        seen, end_s = [], self.now_s + seconds
        while self.now_s < end_s:
            seen.append(self.width_px)
            sent_at_s, way_s = self.now_s, take_s(self.width_px)
            self.now_s += max(way_s, 0.9)
            taken = Taken(way_s if way_s > 0.9 else 0.0, sent_at_s=sent_at_s, at_s=self.now_s)
            self.control.note_taken(taken, self.width_px)
        return seen


@pytest.mark.parametrize("slow_s", [1.2, 3.0, 10.0])
@pytest.mark.parametrize("busy_s", [2.0, 15.0, 60.0])
def test_pictures_that_were_slow_at_first_are_soon_in_full_size(slow_s: float, busy_s: float) -> None:
    viewer = SlowCamera()
    viewer.give(busy_s, lambda _: slow_s)
    assert viewer.width_px < 1280
    viewer.give(15.0, lambda _: 0.05)
    assert viewer.width_px == 1280


@pytest.mark.parametrize("period", [2, 3, 5])
def test_pictures_that_were_slow_now_and_then_at_first_are_soon_in_full_size(period: int) -> None:
    viewer, numbers = SlowCamera(), count()
    viewer.give(90.0, lambda _: 2.0 if next(numbers) % period == 0 else 0.05)
    viewer.give(MAX_HOLD_S + 10.0, lambda _: 0.05)
    assert viewer.width_px == 1280


@pytest.mark.parametrize("bytes_per_s", [5_000, 10_000, 40_000, 80_000])
def test_few_pictures_over_a_slow_link_do_not_flap(bytes_per_s: float) -> None:
    viewer = SlowCamera()

    def take_s(width_px: int) -> float:
        return 100_000 * (width_px / 1280) ** 1.6 / bytes_per_s

    viewer.give(60.0, take_s)
    seen = viewer.give(240.0, take_s)
    usual_px = max(set(seen), key=seen.count)
    assert seen.count(usual_px) > 0.85 * len(seen)
    assert take_s(usual_px) < 1.0


class Connection:
    """A connection as the kernel describes it: what is written, taken by the viewer's kernel, and read."""

    def __init__(self, window_bytes: int) -> None:
        self.acknowledged = self.read = self.written = 0
        self._room = window_bytes

    def look(self) -> Look:
        unread = self.acknowledged - self.read
        return Look(self.acknowledged, self.written - self.acknowledged, self._room - unread, 0.001, 1448)

    def move(self, read_bytes: float) -> None:
        self.read = min(self.read + int(read_bytes), self.acknowledged)
        self.acknowledged = min(self.written, self.read + self._room)


def furthest_behind_s(rate: float, *, window_bytes: int, picture_bytes: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """Send a picture whenever there is room, 25 times a second at most; return how long the last wait was, at worst."""
    now_s = 50.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    connection = Connection(window_bytes)
    pace = Pace(connection.look)
    behind_s = []
    for frame in range(25 * 30):
        for _ in range(4):
            now_s += 0.01
            connection.move(rate * 0.01)
        if pace.has_room(now_s):
            connection.written += picture_bytes
            pace.note_sent(picture_bytes, now_s)
            connection.move(0)
            if frame > 25 * 10:
                behind_s.append((connection.written - connection.read) / rate)
    assert len(behind_s) > min(rate / picture_bytes, 25) * 20 * 0.6, "the link is made use of"
    return max(behind_s)


@pytest.mark.parametrize("window_bytes", [20_000, 65_536, 1_000_000])
def test_little_waits_before_a_slow_viewer_however_much_its_kernel_holds(
    window_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert furthest_behind_s(40_000, window_bytes=window_bytes, picture_bytes=8_000, monkeypatch=monkeypatch) < 1.2


def test_a_fast_viewer_gets_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    assert furthest_behind_s(5e6, window_bytes=500_000, picture_bytes=30_000, monkeypatch=monkeypatch) < 0.1


@pytest.mark.parametrize(("rate", "was_read"), [(10e6, True), (12_000, False)])
def test_a_message_that_patience_passes_over_is_judged_by_the_one_after_it(
    rate: float, was_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel does not tell of the room that reading made until something comes again."""
    now_s = 50.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    connection, told = Connection(200_000), [Look(0, 0, 200_000, 0.001, 1448)]
    pace = Pace(lambda: told[0])
    judged, last = [], False
    for picture_bytes in [4_000] * 8 + [40_000] * 2:
        for _ in range(90):
            now_s += 0.01
            connection.move(rate * 0.01)
        while not pace.has_room(now_s):
            now_s += 0.01
            connection.move(rate * 0.01)
        if last:
            judged.append(pace.passed_was_read)
        last = pace.passed
        connection.written += picture_bytes
        pace.note_sent(picture_bytes, now_s)
        connection.acknowledged = connection.written
        told[0] = connection.look()
    now_s += 0.9
    pace.has_room(now_s)
    if last:
        judged.append(pace.passed_was_read)
    assert judged
    assert judged[-1] is was_read
