"""A clip of a card, cut at random places: what can be decoded is decoded, and nothing fails."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.trip.cards import TrueCard
from benchmarks.trip.frames import captured_frames
from streamvision.core.errors import StreamVisionError
from streamvision.gps.sample_tables import read_tracks


def measure_truncations(card: TrueCard, work: Path, *, cuts: int, seed: int) -> dict[str, Any]:
    """Return how many frames of a clip are read again after cuts, of those that lie in front of them."""
    first, second = card.clips[:2]
    ends = _sample_ends(second)
    content = second.read_bytes()
    dice = random.Random(seed)
    places = [0, 8, len(content) - 1, *(dice.randrange(len(content)) for _ in range(cuts - 3))]
    faults: list[str] = []
    promised = read = 0
    longest_s = 0.0
    for place in places:
        folder = work / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy2(first, folder)
        (folder / second.name).write_bytes(content[:place])
        shutil.copystat(second, folder / second.name)
        there = sum(end <= place for end in ends)
        begin_s = time.monotonic()
        try:
            got = _frames(folder)[second.name]
        except StreamVisionError as error:
            faults.append(f"cut at byte {place}: {error}")
            continue
        longest_s = max(longest_s, time.monotonic() - begin_s)
        promised, read = promised + there, read + min(got, there)
        if got < there:
            faults.append(f"cut at byte {place}: {got} frames of {there}")
    told = {"cuts": len(places), "frames_before_cuts": promised, "frames_read": read, "longest_s": round(longest_s, 2)}
    return told | {"faults": faults}


def _sample_ends(clip: Path) -> list[int]:
    with clip.open("rb") as file:
        (video,) = (track for track in read_tracks(file) if track.handler == b"vide")
        return [sample.start + sample.size for sample in video.samples(file)]


def _frames(folder: Path) -> Counter[str]:
    """Return how many pictures of each file the source gives."""
    return Counter(name for (name, _), _ in captured_frames(folder))
