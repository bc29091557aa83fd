"""Whether a viewer of video is behind, from what the kernel says now and then."""

from __future__ import annotations

from itertools import pairwise

from streamvision.web.backlog import LOOK_S, Backlog
from streamvision.web.pacing import Look


class Kernel:
    """Takes what is written at a rate of its own."""

    def __init__(self, bytes_per_s: float, rtt_s: float = 0.001) -> None:
        self.bytes_per_s, self.rtt_s = bytes_per_s, rtt_s
        self.written = self.taken = 0.0
        self.now_s = 0.0
        self.looks = 0

    def go_on(self, now_s: float) -> None:
        self.taken = min(self.written, self.taken + (now_s - self.now_s) * self.bytes_per_s)
        self.now_s = now_s

    def look(self) -> Look:
        self.looks += 1
        return Look(int(self.taken), int(self.written - self.taken), 65536, self.rtt_s, 1448)


def run(kernel: Kernel, *, seconds: float, packet_bytes: int = 10_000, fps: float = 25.0) -> list[bool]:
    backlog, late = Backlog(kernel.look), []
    for index in range(int(seconds * fps)):
        now_s = 10 + index / fps
        kernel.go_on(now_s)
        late.append(backlog.is_late(now_s))
        if not late[-1]:
            kernel.written += packet_bytes
            backlog.note_sent(packet_bytes, now_s)
    return late


def test_one_who_keeps_up_is_hardly_looked_at() -> None:
    kernel = Kernel(bytes_per_s=1e6)
    assert not any(run(kernel, seconds=20))
    assert kernel.looks <= 20 / LOOK_S + 2


def test_one_with_half_the_rate_is_held_back_and_let_go_again() -> None:
    late = run(Kernel(bytes_per_s=125_000), seconds=20)
    assert 0.3 < sum(late) / len(late) < 0.7
    assert sum(one != other for one, other in pairwise(late)) > 6, "again and again"


def test_a_long_way_is_not_late() -> None:
    kernel = Kernel(bytes_per_s=1e6, rtt_s=0.3)
    backlog = Backlog(lambda: Look(0, 140_000, 65536, 0.3, 1448))
    for index in range(16):  # 0.56 s, of which 0.6 s are the way there and back
        backlog.note_sent(10_000, 10 + index / 25)
    assert not backlog.is_late(10.64)
    assert backlog.is_late(12.0)
    assert kernel.looks == 0


def test_where_the_kernel_says_nothing_nobody_is_late() -> None:
    backlog = Backlog(lambda: None)
    backlog.note_sent(10, 1.0)
    assert not backlog.is_late(100.0)
