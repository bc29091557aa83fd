"""What came before an event is kept from key frame to key frame, as far back as asked for and as memory allows."""

from __future__ import annotations

from pipelines.capture.packets import EncodedPacket
from pipelines.recording.ring import PacketRing


def packet(number: int, *, size: int = 10, track: int = 0) -> EncodedPacket:
    is_key = track == 0 and number % 10 == 0
    return EncodedPacket(
        track=track, data=bytes(size), pts=number, dts=number, duration=1, is_key=is_key, arrived_at_s=float(number)
    )


def filled(ring: PacketRing, numbers: range, *, reach_s: float) -> PacketRing:
    for number in numbers:
        ring.add(packet(number), keep_since_s=number - reach_s)
    return ring


def arrivals(ring: PacketRing, since_s: float) -> list[float]:
    return [one.arrived_at_s for one in ring.take_since(since_s)]


def test_it_gives_all_from_the_key_frame_before_a_moment() -> None:
    ring = filled(PacketRing(10_000), range(100), reach_s=50)
    assert arrivals(ring, 65.0) == list(map(float, range(60, 100)))
    assert (ring.size_bytes, ring.start_at_s, arrivals(ring, 0.0)) == (0, None, [])


def test_it_reaches_back_as_far_as_asked_and_no_group_further() -> None:
    ring = filled(PacketRing(10_000), range(96), reach_s=33)
    assert ring.start_at_s == 60.0


def test_memory_bounds_it_and_it_begins_with_a_key_frame() -> None:
    ring = filled(PacketRing(250), range(96), reach_s=1000)
    assert ring.size_bytes <= 250
    assert ring.start_at_s == 80.0


def test_a_group_that_is_too_large_by_itself_is_let_go_of() -> None:
    ring = filled(PacketRing(50), range(19), reach_s=1000)
    assert (ring.size_bytes, ring.start_at_s) == (0, None)
    filled(ring, range(20, 23), reach_s=1000)
    assert ring.start_at_s == 20.0


def test_what_comes_before_the_first_key_frame_is_left_out_and_sound_stays_with_its_group() -> None:
    ring = PacketRing(10_000)
    for number in range(5, 15):
        ring.add(packet(number, track=1), keep_since_s=0)
        ring.add(packet(number), keep_since_s=0)
    assert arrivals(ring, 0.0) == [10.0, 11.0, 11.0, 12.0, 12.0, 13.0, 13.0, 14.0, 14.0]
