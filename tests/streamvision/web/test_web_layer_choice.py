"""Which width of a video a viewer gets, over links of many kinds, as the server sends and skips."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import pytest

from streamvision.web.backlog import Backlog
from streamvision.web.layer_choice import MAX_RETURN_S, RETURN_S, ByteRate, LayerChoice, TakenRate
from streamvision.web.pacing import Look
from streamvision.web.packet_queue import PacketQueue
from streamvision.web.widths import STEPS_PX

FPS = 25
FULL_PX = 1920
FULL_BYTES_S = 300_000
"""Of the camera's own packets at 1080p."""
KEY_S = 4
TICK_S = 0.02
RTT_S = 0.04
KERNEL_BYTES = 128 * 1024
"""What the kernel takes before it lets nothing more be written: unsent, and under way."""


class Packet(NamedTuple):
    captured_s: float
    size_bytes: int
    is_key: bool
    width_px: int


class Link:
    """What is written and not taken yet, as the kernel tells of it."""

    def __init__(self) -> None:
        self.under_way: deque[Packet] = deque()
        self.credit = self.taken_bytes = 0.0
        self.backlog = Backlog(self._look)

    def move(self, size_bytes: float) -> list[Packet]:
        """Let so many bytes through; return the packets that are there."""
        self.credit += size_bytes
        arrived = []
        while self.under_way and self.credit >= self.under_way[0].size_bytes:
            arrived.append(self.under_way.popleft())
            self.credit -= arrived[-1].size_bytes
        if not self.under_way:
            self.credit = 0.0
        return arrived

    def write(self, packet: Packet, now_s: float) -> None:
        self.under_way.append(packet)
        self.backlog.note_sent(packet.size_bytes, now_s)

    def takes_packets(self, now_s: float) -> bool:
        return self._untaken_bytes() < KERNEL_BYTES and not self.backlog.is_late(now_s)

    def _untaken_bytes(self) -> int:
        return max(int(sum(one.size_bytes for one in self.under_way) - self.credit), 0)

    def _look(self) -> Look:
        return Look(0, self._untaken_bytes(), 1 << 20, RTT_S, 1448)


@dataclass
class Server:
    """Sends one stream over a link of a rate that may change, with key frames twelve times as large as others."""

    rate: Callable[[float], float]
    measures: bool = True
    """Whether the choice is told rates."""
    choice: LayerChoice = field(default_factory=LayerChoice)
    now_s: float = 100.0
    shown: list[tuple[float, float, int]] = field(default_factory=list)
    """When a picture was shown, how old it was then, and its width."""
    skips: list[float] = field(default_factory=list)
    widths: list[tuple[float, int]] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        begin_s, frame, key_at_s, is_key_wanted = self.now_s, 0, -9.0, True
        link, packets, waiting, wanted = Link(), PacketQueue(), dict[bytes, Packet](), ByteRate()
        while self.now_s < begin_s + seconds:
            self.now_s += TICK_S
            at_s = self.now_s - begin_s
            for one in link.move(self.rate(at_s) * TICK_S):
                self.shown.append((at_s, self.now_s - one.captured_s, one.width_px))
            while takes := link.takes_packets(self.now_s):
                if not packets:
                    break
                link.write(waiting.pop(packets.pop(self.now_s)), self.now_s)
            if takes and packets.skipping:
                is_key_wanted = True
            if at_s < frame / FPS:
                continue
            frame += 1
            if frame % FPS == 0 and self.widths:
                self.choice.note_time(self.now_s, width_px=self.widths[-1][1], wanted_bytes_s=wanted.per_s(self.now_s))
            width_px = self.choice.limit_px or FULL_PX
            if not self.widths or self.widths[-1][1] != width_px:
                self.widths.append((at_s, width_px))
                packets.forget_video("gate")
                packets.skipping.add("gate")
                wanted = ByteRate()
                is_key_wanted = True
            is_key = self.now_s - key_at_s >= (1.0 if is_key_wanted else KEY_S)
            if is_key:
                key_at_s, is_key_wanted = self.now_s, False
            size_bytes = (
                FULL_BYTES_S * (width_px / FULL_PX) ** 1.6 / FPS * (12 if is_key else 1 - 11 / (KEY_S * FPS - 1))
            )
            packet = Packet(self.now_s, int(size_bytes), is_key, width_px)
            wanted.note(packet.size_bytes, self.now_s)
            if not packets.accepts("gate", "key" if is_key else "packet"):
                continue
            if not packets and link.takes_packets(self.now_s):
                link.write(packet, self.now_s)
                continue
            record = b"%d".ljust(packet.size_bytes) % frame
            waiting[record] = packet
            if packets.put("gate", record, "key" if is_key else "packet", self.now_s):
                self.skips.append(at_s)
                rates = (wanted.per_s(self.now_s), link.backlog.taken_bytes_s) if self.measures else (None, None)
                self.choice.note_skip(self.now_s, width_px=width_px, wanted_bytes_s=rates[0], taken_bytes_s=rates[1])

    def oldest_s(self, begin_s: float, end_s: float = 1e9) -> float:
        return max(age_s for at_s, age_s, _ in self.shown if begin_s <= at_s < end_s)

    def width_at(self, at_s: float) -> int:
        return [width_px for since_s, width_px in self.widths if since_s <= at_s][-1]

    def fps(self, begin_s: float, end_s: float) -> float:
        return sum(begin_s <= at_s < end_s for at_s, _, _ in self.shown) / (end_s - begin_s)


def served(rate: Callable[[float], float], seconds: float, *, measures: bool = True) -> Server:
    server = Server(rate, measures=measures)
    server.run(seconds)
    return server


def test_a_fast_link_keeps_what_was_asked_for() -> None:
    server = served(lambda _: 2e6, 60)
    assert server.widths == [(pytest.approx(0.02, abs=0.05), FULL_PX)]
    assert server.oldest_s(0) < 0.3
    assert not server.skips


def test_a_link_of_40_kb_a_second_soon_shows_young_pictures() -> None:
    server = served(lambda _: 40_000, 300)
    assert server.width_at(8) in (320, 480)
    assert server.oldest_s(8) < 2.0
    assert server.fps(10, 300) > 0.9 * FPS
    ages = sorted(age_s for at_s, age_s, _ in server.shown if at_s > 8)
    assert ages[int(0.95 * len(ages))] < 1.0


def test_a_link_that_fits_a_middle_width_gets_it_and_does_not_flap() -> None:
    server = served(lambda _: 150_000, 300)
    settled = [server.width_at(at_s) for at_s in range(20, 300)]
    usual_px = max(set(settled), key=settled.count)
    assert usual_px in (640, 960)
    assert settled.count(usual_px) > 0.75 * len(settled)
    assert server.oldest_s(8) < 2.0
    assert len([at_s for at_s in server.skips if at_s > 60]) <= 6


def test_a_link_just_fast_enough_is_made_use_of() -> None:
    server = served(lambda _: 600_000, 120)
    assert server.width_at(100) == FULL_PX
    assert server.oldest_s(8) < 1.5


@pytest.mark.parametrize("period_s", [10, 30, 90])
def test_a_link_that_becomes_slow_and_fast_again(period_s: int) -> None:
    def rate(at_s: float) -> float:
        return 40_000 if int(at_s / period_s) % 2 else 1_000_000

    server = served(rate, 8 * period_s)
    ages = [age_s for at_s, age_s, _ in server.shown if at_s > 1]
    assert sum(age_s > 2.0 for age_s in ages) < 0.05 * len(ages)
    if period_s >= 30:
        slow_from_s = period_s
        assert server.oldest_s(slow_from_s + 8, 2 * period_s) < 2.0
        assert server.width_at(period_s - 1) == FULL_PX
    if period_s == 90:
        assert server.width_at(3 * period_s - 1) >= 960


def test_jitter_does_not_change_what_fits() -> None:
    noise = Random(1)
    rates = [noise.uniform(0.3, 1.7) * 800_000 for _ in range(10_000)]
    server = served(lambda at_s: rates[int(at_s / 0.1)], 120)
    assert {width_px for _, width_px in server.widths} == {FULL_PX}


@pytest.mark.parametrize("pause_s", [1.0, 1.6, 2.5])
def test_one_pause_of_a_fast_link_costs_no_width_for_long(pause_s: float) -> None:
    server = served(lambda at_s: 0 if 20 <= at_s < 20 + pause_s else 2e6, 60)
    assert server.width_at(19) == FULL_PX
    assert server.width_at(45) == FULL_PX
    assert server.oldest_s(25) < 0.5


def test_without_rates_it_goes_down_step_by_step() -> None:
    server = served(lambda _: 60_000, 120, measures=False)
    widths = [width_px for at_s, width_px in server.widths if at_s < 40]
    assert widths[:3] == [FULL_PX, 1280, 960]
    assert server.width_at(60) <= 640
    assert server.oldest_s(60) < 2.0


def test_trials_that_fail_become_rare() -> None:
    choice, now_s, raised_at_s = LayerChoice(), 0.0, []
    choice.note_skip(now_s, width_px=640, wanted_bytes_s=80_000, taken_bytes_s=40_000)
    assert choice.limit_px == 320
    while now_s < 600:
        now_s += 1
        if choice.note_time(now_s, width_px=320, wanted_bytes_s=28_000):
            raised_at_s.append(now_s)
            assert choice.limit_px == 480
            now_s += 2
            choice.note_skip(now_s, width_px=480, wanted_bytes_s=50_000, taken_bytes_s=40_000)
            assert choice.limit_px == 320
    gaps_s = [b - a for a, b in zip([0.0, *raised_at_s], raised_at_s, strict=False)]
    assert gaps_s[0] == RETURN_S
    assert gaps_s == sorted(gaps_s)
    assert MAX_RETURN_S <= gaps_s[-1] <= MAX_RETURN_S + 4


def test_the_narrowest_stays_whatever_happens() -> None:
    choice = LayerChoice()
    choice.note_skip(0, width_px=160, wanted_bytes_s=9_000, taken_bytes_s=1_000)
    assert not choice.note_skip(1, width_px=160, wanted_bytes_s=9_000, taken_bytes_s=1_000)
    assert choice.limit_px is None
    assert choice.note_skip(2, width_px=320, wanted_bytes_s=30_000, taken_bytes_s=0.0)
    assert choice.limit_px == STEPS_PX[0]


def test_rates() -> None:
    rate = ByteRate()
    assert rate.per_s(0) == 0
    for number in range(200):
        rate.note(400, number * 0.04)
    assert rate.per_s(8) == pytest.approx(10_000, rel=0.1)
    assert rate.per_s(60) == 0
    taken = TakenRate()
    assert taken.bytes_per_s is None
    for number in range(100):
        taken.note(number * 800, 50_000, number * 0.02)
    assert taken.bytes_per_s == pytest.approx(40_000, rel=0.05)
    taken.note(99 * 800 + 50_000, 50_000, 6.0)
    assert taken.bytes_per_s == pytest.approx((40_000 + 50_000) / 2, rel=0.05), "a pause of four seconds counts as one"
    taken.note(200_000, 0, 6.0)
    for number in range(100):
        taken.note(200_000 + number * 10_000, 2_000, 6.0 + number * 0.2)
    assert taken.bytes_per_s is None, "a link that waits for bytes says nothing of how fast it is"
