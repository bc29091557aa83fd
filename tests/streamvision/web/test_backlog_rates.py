"""How far behind a viewer of video is, over connections whose kernels tell of themselves as Linux does."""

from __future__ import annotations

import pytest

from streamvision.web.backlog import LATE_S, PATIENCE_S, Backlog
from streamvision.web.pacing import Look

TICK_S = 0.01
WINDOW_BYTES = 64 * 1024


class Connection:
    """A link of a rate, and a reader of a rate behind it, in whose kernel what is unread takes room."""

    def __init__(self, *, link_bytes_s: float, reader_bytes_s: float, window_bytes: int = WINDOW_BYTES) -> None:
        self.link_bytes_s, self.reader_bytes_s, self.window_bytes = link_bytes_s, reader_bytes_s, window_bytes
        self.now_s = 100.0
        self.written = self.arrived = self.read = 0.0
        self._told_bytes = window_bytes
        self.looks = 0
        self.backlog = Backlog(self._look)

    def write(self, size_bytes: int) -> None:
        self.written += size_bytes
        self.backlog.note_sent(size_bytes, self.now_s)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            room = self.window_bytes - (self.arrived - self.read)
            came = min(self.written - self.arrived, self.link_bytes_s * TICK_S, room)
            self.arrived += came
            self.read = min(self.read + self.reader_bytes_s * TICK_S, self.arrived)
            free_bytes = int(self.window_bytes - (self.arrived - self.read))
            if came or free_bytes >= 2 * self._told_bytes:  # else its kernel says nothing
                self._told_bytes = free_bytes

    def is_late(self) -> bool:
        return self.backlog.is_late(self.now_s)

    def send(self, seconds: float, *, bytes_s: float) -> list[float]:
        """Write packets while it is not late; return how long what was unread would take, once a second."""
        behind_s = []
        for number in range(round(seconds * 25)):
            if not self.is_late():
                self.write(int(bytes_s / 25))
            self.run(0.04)
            if number % 25 == 24:
                behind_s.append((self.written - self.read) / min(self.link_bytes_s, self.reader_bytes_s))
        return behind_s

    def _look(self) -> Look:
        self.looks += 1
        return Look(int(self.arrived), int(self.written - self.arrived), self._told_bytes, 0.01, 1448)


def test_a_viewer_that_keeps_up_is_never_late_and_seldom_looked_at() -> None:
    viewer = Connection(link_bytes_s=5e6, reader_bytes_s=5e6)
    for second in range(20):
        viewer.write(200_000 if second % 4 == 0 else 10_000)  # a key frame is larger than the window
        viewer.run(0.04)
        assert max(viewer.send(0.96, bytes_s=250_000), default=0.0) < 0.1
    assert viewer.looks < 20 * 8


@pytest.mark.parametrize("rate", [20_000, 40_000, 150_000])
def test_a_slow_link_is_late_before_much_is_under_way(rate: float) -> None:
    viewer = Connection(link_bytes_s=rate, reader_bytes_s=5e6)
    behind_s = viewer.send(20, bytes_s=300_000)
    # What is sent until it is known to be slow, 120 kB at most, has to come first.
    assert max(behind_s[round(120_000 / rate) + 2 :]) < 1.0
    assert viewer.backlog.taken_bytes_s == pytest.approx(rate, rel=0.15)
    assert viewer.read > 0.9 * rate * 20, "the link is made use of"


def test_what_a_slow_reader_has_not_read_counts() -> None:
    viewer = Connection(link_bytes_s=5e6, reader_bytes_s=40_000)
    behind_s = viewer.send(20, bytes_s=300_000)
    assert max(behind_s[3:]) < WINDOW_BYTES / 2 / 40_000 + 3 * LATE_S, "half a window is not seen"
    assert viewer.backlog.taken_bytes_s == pytest.approx(40_000, rel=0.5)
    assert viewer.read > 0.8 * 40_000 * 20


def test_one_burst_that_the_kernel_takes_is_not_followed_by_another() -> None:
    viewer = Connection(link_bytes_s=40_000, reader_bytes_s=5e6)
    viewer.send(5, bytes_s=300_000)
    viewer.run(5)
    assert not viewer.is_late()
    viewer.write(30_000)
    assert viewer.is_late(), "that takes most of a second"
    viewer.run(0.8)
    assert not viewer.is_late()


def test_a_window_that_has_become_smaller_for_good_stops_nobody() -> None:
    viewer = Connection(link_bytes_s=5e6, reader_bytes_s=5e6)
    viewer.send(2, bytes_s=300_000)
    viewer.window_bytes = WINDOW_BYTES // 4
    viewer.send(2 * PATIENCE_S, bytes_s=300_000)
    written = viewer.written
    viewer.send(4, bytes_s=300_000)
    assert viewer.written - written > 0.9 * 4 * 300_000
