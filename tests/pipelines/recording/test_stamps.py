"""Times that a source leaves out are filled in so that files take them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipelines.capture.packets import EncodedPacket
from pipelines.recording.stamps import Stamps

TICK = Fraction(1, 90000)
Times = list[tuple[int | None, int | None]]


def filled(times: Times) -> list[tuple[int | None, int | None]]:
    stamps = Stamps(TICK)
    packets = [
        EncodedPacket(
            track=0, data=b"x", pts=pts, dts=dts, duration=3600, is_key=number == 0, arrived_at_s=number * 0.04
        )
        for number, (pts, dts) in enumerate(times)
    ]
    done = [ready for packet in packets for ready in stamps.put(packet)] + stamps.flush()
    assert [packet.arrived_at_s for packet in done] == [packet.arrived_at_s for packet in packets]
    return [(packet.pts, packet.dts) for packet in done]


AS_RTSP_BEGINS: Times = [(None, None), (10800, None), (3600, None), (7200, 3600), (21600, 7200), (14400, 10800)]
WITHOUT_DECODING_TIMES: Times = [(0, None), (10800, None), (3600, None), (7200, None), (21600, None), (14400, None)]


def test_the_first_key_frame_of_rtsp_gets_the_time_before_the_others() -> None:
    assert filled(AS_RTSP_BEGINS) == [
        (0, -7200),
        (10800, -3600),
        (3600, 0),
        (7200, 3600),
        (21600, 7200),
        (14400, 10800),
    ]


@pytest.mark.parametrize("times", [AS_RTSP_BEGINS, WITHOUT_DECODING_TIMES, [(number, None) for number in range(60)]])
def test_what_is_filled_in_can_be_written(times: Times) -> None:
    done = filled(times)
    decoded = [dts for _, dts in done]
    assert all(dts is not None for dts in decoded)
    assert decoded == sorted(set(decoded), key=lambda dts: dts or 0)
    assert all(pts is not None and dts is not None and pts >= dts for pts, dts in done)
    assert [pts for pts, _ in done][1:] == [pts for pts, _ in times][1:]


def test_what_is_complete_stays_as_it_is() -> None:
    times: Times = [(7200, 0), (18000, 3600), (10800, 7200), (14400, 10800)]
    assert filled(times) == times


def test_a_gap_in_the_times_is_filled_by_the_usual_step() -> None:
    assert filled([(0, 0), (3600, 3600), (None, None), (10800, 10800)])[2] == (7200, 7200)


def test_a_source_without_times_gets_none() -> None:
    assert filled([(None, None)] * 30) == [(None, None)] * 30
