"""Holds the hardest frames of a stretch of time until it is over: what is kept is not the first, but the hardest.

Frames one after the other are hard for one reason and look alike, so of those that lie close together the hardest alone
is held. A stretch stays open a little longer, since some reasons show only later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamvision.collecting.finding import Finding, hardness
from streamvision.collecting.flicker import Earlier
from streamvision.core.frame import Result

MAX_HELD = 3
"""Most frames of a stretch; a frame of 1080p takes 3 MB."""
LAG_S = 1.0
"""How long a stretch that is over waits for what shows later, in seconds of the stream."""


@dataclass(eq=False, slots=True)
class Candidate:
    """A frame that may be kept."""

    result: Result
    """The frame, as it is shown to everybody, and what was found on it."""
    findings: list[Finding] = field(default_factory=list)
    """What was noticed so far."""

    @property
    def hardness(self) -> float:
        """How much labelling it is worth, as far as that is known."""
        return hardness(self.findings)


class Windows:
    """Of one stream.

    Args:
        length_s: of a stretch, in seconds of the stream.
    """

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._begin_s: float | None = None
        self._over_s = 0.0
        self._open: list[Candidate] = []
        self._over: list[Candidate] = []

    @property
    def held(self) -> int:
        """How many frames are held."""
        return len(self._open) + len(self._over)

    def add(self, candidate: Candidate) -> None:
        """Hold a frame if it is harder than those that are held."""
        pts_s = candidate.result.frame.pts_s
        near_s = self._length_s / (2 * MAX_HELD)
        near = [one for one in self._open if abs(one.result.frame.pts_s - pts_s) < near_s]
        rivals = near or (self._open if len(self._open) >= MAX_HELD else [])
        if rivals:
            easiest = max(near, key=lambda one: one.hardness) if near else min(rivals, key=lambda one: one.hardness)
            if easiest.hardness >= candidate.hardness:
                return
            self._open.remove(easiest)
        self._open.append(candidate)

    def note(self, earlier: Sequence[Earlier]) -> None:
        """Add what shows later to the frames that are held."""
        for frame, finding in earlier:
            for one in (*self._open, *self._over):
                if one.result.frame.index == frame:
                    one.findings.append(finding)

    def over(self, pts_s: float) -> list[Candidate]:
        """Return the frames of a stretch that is over, the hardest first; called for each frame, before :meth:`add`."""
        if self._begin_s is None:
            self._begin_s = pts_s
        if not 0 <= pts_s - self._begin_s < self._length_s:
            done, self._over, self._open = self._over, self._open, []
            self._begin_s = self._over_s = pts_s
        elif self._over and pts_s - self._over_s >= LAG_S:
            done, self._over = self._over, []
        else:
            return []
        return _ordered(done)

    def end(self) -> list[list[Candidate]]:
        """Return all that is held, a stretch each: the stream ends, or begins anew."""
        done, self._over, self._open, self._begin_s = [self._over, self._open], [], [], None
        return [_ordered(one) for one in done if one]


def _ordered(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda one: -one.hardness)
