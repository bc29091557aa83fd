"""Damaged pictures: counted, and kept from the network until the next clean one.

The measured problem: with every twentieth packet of a UDP stream lost, a quarter of the pictures came smeared, and
those predicted from them, too; FFmpeg's decoder for H.264 says it of the first only, and nobody counted either. Its
decoder for H.265 does not always notice a slice that ends too early, and then nobody here does.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Protocol

from streamvision.core.errors import SourceError
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

HEALED_AFTER_FRAMES = 250
"""Streams that refresh themselves bit by bit have no key frames: so many whole pictures in a row are clean again."""
CLEAN_WITHIN_S = 10.0
"""A live source from which no clean picture came for so long is opened again."""
DECODED_WITHIN_S = 2.0
"""So is one whose data the decoder refuses for so long, such as a stream that has changed its codec."""
FEW_FAILURES = 5
KEPT_BACK_TICKS = 450_000
"""Five seconds of MPEG's clock, in which transports count; a key frame that is older still is one of a new count."""
MOST_SUSPECTS = 32
"""More packets than a decoder keeps back."""


class DecodedFrame(Protocol):
    """What is asked of a frame."""

    @property
    def is_corrupt(self) -> bool:
        """Whether the decoder knows that it is damaged."""

    @property
    def key_frame(self) -> bool:
        """Whether it depends on no other."""

    @property
    def pts(self) -> int | None:
        """Its time, by which it is known again."""


class DamageGuard:
    """Decides for each frame of one reader whether it goes on.

    Args:
        drops: where ``damaged`` pictures are counted.
        used: whether damaged pictures go on all the same; then only those that the decoder refuses are lost.
        shown: the source, as it may be shown.
    """

    def __init__(self, drops: DropCounter, *, used: bool, shown: str) -> None:
        self._drops = drops
        self._used = used
        self._shown = shown
        self._holding = False
        self._whole_in_a_row = 0
        self._failures_in_a_row = 0
        self._suspects: deque[int | None] = deque(maxlen=MOST_SUSPECTS)
        self._begun = False
        self._said = False
        now_s = time.monotonic()
        self._clean_at_s = self._decoded_at_s = now_s
        self.damaged = 0
        """Pictures that were damaged or lost."""

    def passes(self, frame: DecodedFrame) -> bool:
        """Say whether the frame goes on; one that does not is counted."""
        corrupt = frame.is_corrupt or (bool(self._suspects) and frame.pts in self._suspects)
        self._begun = True
        if not (corrupt or self._holding or self._failures_in_a_row):
            return True
        self._failures_in_a_row, self._decoded_at_s = 0, time.monotonic()
        self._whole_in_a_row = 0 if corrupt else self._whole_in_a_row + 1
        heals = self._whole_in_a_row > HEALED_AFTER_FRAMES or (frame.key_frame and self._is_newer(frame.pts))
        if not corrupt and (heals or not self._holding):
            self._holding = False
            return True
        self._begin()
        if self._used:
            return True
        self._count(1)
        return False

    def suspect(self, pts: int | None) -> None:
        """Note that a part of a packet is missing, as the transport says, before it is decoded."""
        if self._begun:
            self._begin()
        self._suspects.append(pts)

    def failed(self) -> None:
        """Note that the decoder could do nothing with a packet, which before the first picture is no damage yet."""
        self._count(1)
        if not self._begun:
            return
        self._begin()
        if not self._failures_in_a_row:
            self._decoded_at_s = time.monotonic()
        self._failures_in_a_row += 1

    def lost(self, count: int) -> None:
        """Count pictures that went in and never came out, of a source that is damaged."""
        if self.damaged and count > 0:
            self._count(count)

    def check(self) -> None:
        """Ask it while a live source is read.

        Raises:
            SourceError: when opening the source again is worth more than waiting for a clean picture.
        """
        if not (self._holding or self._failures_in_a_row):
            return
        now_s = time.monotonic()
        if self._failures_in_a_row >= FEW_FAILURES and now_s - self._decoded_at_s > DECODED_WITHIN_S:
            raise SourceError(
                f"{self._shown} sends what its decoder cannot read: it is damaged, or its codec has changed"
            )
        if self._holding and not self._used and now_s - self._clean_at_s > CLEAN_WITHIN_S:
            raise SourceError(f"{self._shown} has sent no undamaged picture for {CLEAN_WITHIN_S:g} s")

    def _is_newer(self, pts: int | None) -> bool:
        """Say whether a key frame went in after what is suspected, and was not only kept back by the decoder."""
        last = self._suspects[-1] if self._suspects else None
        if pts is None or last is None:
            return True
        return not 0 <= last - pts < KEPT_BACK_TICKS

    def _begin(self) -> None:
        if not self._holding:
            self._clean_at_s = time.monotonic()
        self._holding = True
        if not self._said:
            self._said = True
            log.warning(
                "%s: a picture is damaged; such pictures, and what is predicted from them, %s",
                self._shown,
                "go on to the network" if self._used else "are kept from the network",
            )

    def _count(self, count: int) -> None:
        self.damaged += count
        self._drops.add("damaged", count)
