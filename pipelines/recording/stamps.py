"""Fills in the times that a source leaves out, which a file cannot do without.

The measured problem: of an RTSP stream FFmpeg knows no time of the first key frame, and with pictures that refer to
later ones no decoding time of the first few packets, until it has seen how many are held back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from pipelines.capture.packets import EncodedPacket

_MOST_HELD = 20
"""H.264 and H.265 hold back 16 pictures at most."""
_USUAL_S = Fraction(1, 25)
_RECENT = 16


class Stamps:
    """The times of one track of one connection.

    Args:
        time_base: seconds of one tick of its packets.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._usual = max(1, round(_USUAL_S / time_base))
        self._held: list[EncodedPacket] = []
        self._last: int | None = None
        self._steps: deque[int] = deque(maxlen=_RECENT)
        self._is_untimed = False

    def put(self, packet: EncodedPacket) -> list[EncodedPacket]:
        """Return the packets whose times are known now: both of each, or none where the source has none at all."""
        if self._is_untimed:
            return [packet]
        if self._last is not None:
            return [self._filled(packet)]
        self._held.append(packet)
        return [] if packet.dts is None and len(self._held) < _MOST_HELD else self.flush()

    def flush(self) -> list[EncodedPacket]:
        """Return the packets that wait for the first time that is known."""
        held, self._held = self._held, []
        if not held:
            return []
        if all(packet.pts is None and packet.dts is None for packet in held):
            self._is_untimed = True
            return held
        decoded = _first_decoding_times(held, self._step_of(held[-1]))
        shown = [packet.pts for packet in held if packet.pts is not None]
        first = min(shown, default=decoded[0]) - (self._step_of(held[0]) if held[0].pts is None and shown else 0)
        filled = []
        for number, (packet, dts) in enumerate(zip(held, decoded, strict=True)):
            pts = packet.pts if packet.pts is not None else first if number == 0 else dts
            filled.append(replace(packet, pts=max(pts, dts), dts=dts))
        self._last = decoded[-1]
        return filled

    def _filled(self, packet: EncodedPacket) -> EncodedPacket:
        assert self._last is not None
        dts = packet.dts
        if dts is None:
            dts = self._last + self._step_of(packet)
            if packet.pts is not None and packet.pts < dts:
                dts = packet.pts
        elif dts - self._last > 0:
            self._steps.append(dts - self._last)
        self._last = dts
        return replace(packet, pts=dts if packet.pts is None else packet.pts, dts=dts)

    def _step_of(self, packet: EncodedPacket) -> int:
        """Return how long a packet lasts, as it says itself or as those before it did."""
        return packet.duration or (sorted(self._steps)[len(self._steps) // 2] if self._steps else self._usual)


def _first_decoding_times(packets: Sequence[EncodedPacket], step: int) -> list[int]:
    """Return decoding times back from the first one that is known; without one, from the order of the pictures."""
    known = next((number for number, packet in enumerate(packets) if packet.dts is not None), None)
    if known is not None:
        dts = packets[known].dts
        assert dts is not None
        times = [dts - (known - number) * step for number in range(known)]
        return times + [packet.dts for packet in packets[known:] if packet.dts is not None]
    shown = [packet.pts for packet in packets if packet.pts is not None]
    missing = len(packets) - len(shown)
    ordered = sorted(shown)
    ordered = [ordered[0] - (missing - number) * step for number in range(missing)] + ordered
    held_back = max((ordered[missing + number] - pts for number, pts in enumerate(shown)), default=0)
    return [pts - held_back for pts in ordered]
