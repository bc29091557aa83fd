"""Runs of clips of one lens that follow on each other: they show clocks an hour wrong, and even out whole seconds.

What has its own positions is where it says. A run without, whose clock was put an hour on or back, fits at one place
only: in the hole that it left, or behind the run whose numbers it goes on from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from statistics import median

from streamvision.core.redaction import printable, short
from streamvision.dashcam.timed_clip import HOUR_S, Note, TimedClip, note

SEAM_S = 3.0
"""Clips this near to each other follow on: names cut seconds off, FAT has steps of two, and cameras lose a second."""
SATELLITE_SEAM_S = 1.05
"""The same where satellites tell the time of both, in whole seconds."""
EXACT_S = 2.0
"""A whole hour off is believed up to here where nothing but the time speaks for it."""
FARTHEST_HOURS = 14
"""Zones differ by no more."""
NUMBERS_A_CLIP = 3
"""Where the lenses of a camera share a counter, it goes on by as many from clip to clip."""
EVEN_OVER = 5
"""Seconds are evened out over so many clips before and after."""

Run = list[TimedClip]


def put_right_by_hours(clips: Sequence[TimedClip]) -> tuple[list[TimedClip], list[Note]]:
    """Return the clips of one lens with those an hour off where they belong, and what was done.

    Args:
        clips: of one lens.
    """
    runs = runs_of(clips)
    notes: list[Note] = []
    for _ in range(len(runs)):
        moves = [move for run in sorted(runs, key=_length_s) if (move := _move(run, runs)) is not None]
        if not moves:
            break
        run, hours, _ = max(moves, key=lambda move: move[2])
        moved = [clip.moved(hours * HOUR_S) for clip in run]
        notes.append(note(f"The clock of {_names(run)} was {_off(hours)} that of the other clips, which it follows on "
                          "from: it was put right", *run))  # fmt: skip
        runs = runs_of([*chain.from_iterable(one for one in runs if one is not run), *moved])
    return sorted(chain.from_iterable(runs), key=lambda clip: clip.order), notes


def put_right_by_lens(clips: Sequence[TimedClip], front: Sequence[TimedClip]) -> tuple[list[TimedClip], list[Note]]:
    """Return the clips of another lens with those put right that recorded nothing together with the front one."""
    if any(clip.by_satellites for clip in clips) or not front or _together(clips, front, 0):
        return list(clips), []
    hours = max((0, 1, -1), key=lambda one: _together(clips, front, one))
    if _together(clips, front, hours) < 0.8 * min(len(clips), len(front)):
        return list(clips), []
    moved = [clip.moved(hours * HOUR_S) for clip in clips]
    return moved, [note(f"The clock of the {clips[0].clip.view} lens was {_off(hours)} that of the front one: it was "
                        "put right", *clips)]  # fmt: skip


def runs_of(clips: Sequence[TimedClip]) -> list[Run]:
    """Return clips of one lens in runs: in each, one begins where the one before ended."""
    runs: list[Run] = []
    growing: list[Run] = []
    for clip in sorted(clips, key=lambda one: one.order):
        growing = [run for run in growing if run[-1].end_s >= clip.start_s - SEAM_S]
        fitting = [run for run in growing if run[-1].end_s <= clip.start_s + SEAM_S]
        fitting = [run for run in fitting if _goes_on(run[-1], clip) is not False]
        if fitting:
            max(fitting, key=lambda run: (_goes_on(run[-1], clip) or False, run[-1].end_s)).append(clip)
        else:
            runs.append([clip])
            growing.append(runs[-1])
    return runs


def evened_out(clips: Sequence[TimedClip]) -> list[TimedClip]:
    """Return clips of one lens, in order, with the jitter of whole seconds taken out of the beginnings of each run."""
    even: list[TimedClip] = []
    run: Run = []
    for clip in clips:
        if run and not _is_seamless(run[-1], clip):
            even += _even(run)
            run = []
        run.append(clip)
    return even + _even(run)


def _even(run: Run) -> Run:
    if len(run) < 2:
        return run
    lengths = [clip.length_s for clip in run[:-1]]
    lost_s = (run[-1].start_s - run[0].start_s - sum(lengths)) / len(lengths)
    step_s = lost_s if abs(lost_s) * len(lengths) > 1.5 else 0.0
    expected = [sum(lengths[:at]) + at * step_s for at in range(len(run))]
    off = [clip.start_s - at_s for clip, at_s in zip(run, expected, strict=True)]
    return [
        replace(
            clip.moved(expected[at] + median(_witnesses(run, off, at)) - clip.start_s),
            lost_before_s=step_s if at else None,
        )
        for at, clip in enumerate(run)
    ]


def _witnesses(run: Run, off: Sequence[float], at: int) -> list[float]:
    near = range(max(at - EVEN_OVER, 0), min(at + EVEN_OVER + 1, len(run)))
    return [off[index] for index in near if run[index].by_satellites] or [off[index] for index in near]


def _is_seamless(before: TimedClip, after: TimedClip) -> bool:
    if before.clip.duration_s is None:
        return False
    both = before.by_satellites and after.by_satellites
    return abs(after.start_s - before.end_s) <= (SATELLITE_SEAM_S if both else SEAM_S)


def _move(run: Run, runs: Sequence[Run]) -> tuple[Run, int, int] | None:
    """Return by how many hours a run is off, and at how many ends it fits then; ``None`` where it may be right."""
    if any(clip.by_satellites for clip in run) or all(clip.is_extra for clip in run):
        return None
    others = [other for other in runs if other is not run]
    by_distance = sorted(range(-FARTHEST_HOURS, FARTHEST_HOURS + 1), key=lambda hours: (abs(hours), hours))
    return next(((run, hours, ends) for hours in by_distance if hours and (ends := _fits(run, others, hours))), None)


def _fits(run: Run, others: Sequence[Run], hours: int) -> int:
    """Return at how many ends a run joins others when its clock is moved; 0 where it does not, or not for sure."""
    start_s, end_s = run[0].start_s + hours * HOUR_S, run[-1].end_s + hours * HOUR_S
    if any(other[0].start_s < end_s - SEAM_S and start_s + SEAM_S < other[-1].end_s for other in _of_loop(others)):
        return 0
    before = next((other for other in others if abs(other[-1].end_s - start_s) <= SEAM_S), None)
    after = next((other for other in others if abs(other[0].start_s - end_s) <= SEAM_S), None)
    says = [_goes_on(before[-1], run[0]) if before else None, _goes_on(run[-1], after[0]) if after else None]
    if False in says:
        return 0
    if before and after:
        return 2
    if True in says:
        return 1
    seam_s = abs(before[-1].end_s - start_s) if before else abs(after[0].start_s - end_s) if after else SEAM_S
    return int(abs(hours) == 1 and seam_s <= EXACT_S)


def _of_loop(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if not all(clip.is_extra for clip in run)]


def _goes_on(before: TimedClip, after: TimedClip) -> bool | None:
    """Say whether a clip's number follows on another's; ``None`` where numbers do not tell."""
    first, second = before.clip.name, after.clip.name
    if first is None or second is None or first.counter is None or second.counter is None:
        return None
    if first.maker != second.maker or before.clip.path.parent != after.clip.path.parent:
        return None
    if first.counter == second.counter:
        return second.chapter == first.chapter + 1
    begins_again = second.counter < NUMBERS_A_CLIP and len(str(first.counter + NUMBERS_A_CLIP)) > len(
        str(first.counter)
    )
    return 0 < second.counter - first.counter <= NUMBERS_A_CLIP or begins_again


def _together(clips: Sequence[TimedClip], front: Sequence[TimedClip], hours: int) -> int:
    moved = [clip.moved(hours * HOUR_S) for clip in clips]
    return sum(any(clip.overlap_s(other) > 0 for other in front) for clip in moved)


def _length_s(run: Run) -> float:
    return sum(clip.length_s for clip in run)


def _off(hours: int) -> str:
    return f"{abs(hours)} h {'behind' if hours > 0 else 'ahead of'}"


def _names(run: Run) -> str:
    first, last = (printable(short(clip.clip.path.name)) for clip in (run[0], run[-1]))
    return first if len(run) == 1 else f"{first} to {last} ({len(run)} clips)"
