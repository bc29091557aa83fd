"""Live streams below a notebook's cell: the newest picture of each, replaced in place."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from streamvision.api.result import StreamResult
from streamvision.core.words import counted

MOST_AGES = 10_000
"""Of how many frames, from the first on, the age is remembered."""


@dataclass
class SeenLive:
    """What went by while streams were shown."""

    frames: int = 0
    """Frames of all streams."""
    seconds: float = 0.0
    """From the first frame to the last."""
    objects: Counter[str] = field(default_factory=Counter)
    """How often each class was found; an object counts on every frame."""
    identities: set[tuple[str, int]] = field(default_factory=set)
    """Stream and identity of each object that a tracker followed."""
    ages_s: list[float] = field(default_factory=list)
    """How old each frame was when it came here, up to a bound."""

    def add(self, result: StreamResult) -> None:
        """Count a frame."""
        self.frames += 1
        self.objects.update(found.class_name for found in result)
        self.identities.update((result.stream_id, one.track_id) for one in result if one.track_id is not None)
        if len(self.ages_s) < MOST_AGES:
            self.ages_s.append(result.age_s)

    @property
    def age_s(self) -> float | None:
        """Median age of the frames; ``None`` where there was none."""
        return median(self.ages_s) if self.ages_s else None

    def __repr__(self) -> str:
        words = [f"{counted(self.frames, 'frames')} in {self.seconds:.1f} s"]
        if self.age_s is not None:
            words.append(f"{self.age_s * 1e3:.0f} ms old in the median")
        words += [f"{name} {number}" for name, number in self.objects.most_common()]
        return ", ".join(words)


class _Picture:
    """What a notebook displays; a JPEG, since a saved notebook holds the last one."""

    def __init__(self, jpeg: bytes) -> None:
        self._jpeg = jpeg

    def _repr_jpeg_(self) -> bytes:
        return self._jpeg


def show_live(
    take: Callable[[float], StreamResult | None], *, seconds: float, pictures_per_s: float, longest_wait_s: float
) -> SeenLive:
    """Show what comes, a picture of each stream, until the time is over or the streams are.

    Args:
        take: returns the next result within so many seconds, ``None`` where there is none, and raises StopIteration at
            the end.
        seconds: from the first frame on.
        pictures_per_s: most pictures of a stream; all frames count.
        longest_wait_s: for the first frame.
    """
    from IPython.display import display

    seen, handles, shown_s, last = SeenLive(), dict[str, Any](), dict[str, float](), dict[str, StreamResult]()

    def draw(result: StreamResult) -> None:
        picture = _Picture(result.jpeg())
        if (handle := handles.get(result.stream_id)) is None:
            handles[result.stream_id] = display(picture, display_id=True)
        else:
            handle.update(picture)
        last.pop(result.stream_id, None)

    begin_s: float | None = None
    deadline_s = time.monotonic() + longest_wait_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        try:
            result = take(left_s)
        except StopIteration:
            break
        if result is None:
            continue
        now_s = time.monotonic()
        if begin_s is None:
            begin_s, deadline_s = now_s, now_s + seconds
        seen.add(result)
        seen.seconds = now_s - begin_s
        last[result.stream_id] = result
        if now_s - shown_s.get(result.stream_id, -1e9) >= 1 / pictures_per_s:
            shown_s[result.stream_id] = now_s
            draw(result)
    for result in list(last.values()):  # what stays below the cell is the newest
        draw(result)
    return seen
