"""Chapters of a video: one for each object, at the time at which it is seen first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

TICKS_PER_S = 1000
"""Chapters are counted in milliseconds."""
LONGEST_TITLE_BYTES = 200
"""MP4's list of chapters has one byte for a title's length."""
BEGIN = "Start"
"""Title of what comes before the first object."""


@dataclass(frozen=True)
class Chapter:
    """Where a player can jump to."""

    start_unix_s: float
    """When it begins, UTC."""
    title: str
    """What it is called; any text."""


def chapter_rows(chapters: Sequence[Chapter], *, start_unix_s: float, end_unix_s: float) -> list[dict[str, Any]]:
    """Return chapters as PyAV takes them: from the beginning to the end, each up to the next, none without a title.

    Args:
        chapters: in any order; what begins outside of the video is left out.
        start_unix_s: the video's beginning, UTC.
        end_unix_s: its end.
    """
    starts: list[tuple[int, str]] = []
    for chapter in sorted(chapters, key=lambda one: one.start_unix_s):
        if start_unix_s <= chapter.start_unix_s < end_unix_s:
            tick = round((chapter.start_unix_s - start_unix_s) * TICKS_PER_S)
            starts.append((max(tick, starts[-1][0] + 1 if starts else 0), _title(chapter.title)))
    if not starts:
        return []
    if starts[0][0] > 0:
        starts.insert(0, (0, BEGIN))
    end = max(round((end_unix_s - start_unix_s) * TICKS_PER_S), starts[-1][0] + 1)
    ends = [*(start for start, _ in starts[1:]), end]
    return [_row(*one) for one in zip(range(len(starts)), starts, ends, strict=True)]


def _row(number: int, begin: tuple[int, str], end: int) -> dict[str, Any]:
    start, title = begin
    metadata = {"title": title}
    return {"id": number, "start": start, "end": end, "time_base": Fraction(1, TICKS_PER_S), "metadata": metadata}


def _title(text: str) -> str:
    """Return a title without what no player shows, cut to what the file holds."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return shown.encode("utf-8", "replace")[:LONGEST_TITLE_BYTES].decode("utf-8", "ignore") or "-"
