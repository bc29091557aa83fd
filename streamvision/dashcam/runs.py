"""Runs of clips of one lens that follow on each other: they show clocks an hour wrong, and even out whole seconds.

What has its own positions is where it says. A run without, whose clock was put an hour on or back, fits at one place
only: in the hole that it left, or behind the run whose numbers it goes on from.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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
        joints = _Joints(runs)
        moves = [move for run in sorted(runs, key=_length_s) if (move := _move(run, joints)) is not None]
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


class _Joints:
    """The ends of all runs, in the order of time: where another one may join."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._by_end = sorted(runs, key=lambda run: run[-1].end_s)
        self._by_start = sorted(runs, key=lambda run: run[0].start_s)
        self._ends_s = [run[-1].end_s for run in self._by_end]
        self._starts_s = [run[0].start_s for run in self._by_start]
        self._of_loop = [run for run in runs if not all(clip.is_extra for clip in run)]

    def before(self, run: Run, start_s: float) -> Run | None:
        """Return the run but this one that ends nearest to a time; ``None`` where none does within a seam."""
        return _nearest(self._by_end, self._ends_s, start_s, run)

    def after(self, run: Run, end_s: float) -> Run | None:
        """Return the run but this one that begins nearest to a time; ``None`` where none does within a seam."""
        return _nearest(self._by_start, self._starts_s, end_s, run)

    def is_free(self, run: Run, start_s: float, end_s: float) -> bool:
        """Say whether no run of the loop but this one was recording between two times."""
        return not any(
            other[0].start_s < end_s - SEAM_S and start_s + SEAM_S < other[-1].end_s
            for other in self._of_loop
            if other is not run
        )


def _nearest(runs: Sequence[Run], times_s: Sequence[float], at_s: float, but: Run) -> Run | None:
    near = range(bisect_left(times_s, at_s - SEAM_S), bisect_right(times_s, at_s + SEAM_S))
    others = [at for at in near if runs[at] is not but]
    return runs[min(others, key=lambda at: abs(times_s[at] - at_s))] if others else None


def _move(run: Run, joints: _Joints) -> tuple[Run, int, int] | None:
    """Return by how many hours a run is off, and at how many ends it fits then; ``None`` where it may be right."""
    if any(clip.by_satellites for clip in run) or all(clip.is_extra for clip in run):
        return None
    by_distance = sorted(range(-FARTHEST_HOURS, FARTHEST_HOURS + 1), key=lambda hours: (abs(hours), hours))
    return next(((run, hours, ends) for hours in by_distance if hours and (ends := _fits(run, joints, hours))), None)


def _fits(run: Run, joints: _Joints, hours: int) -> int:
    """Return at how many ends a run joins others when its clock is moved; 0 where it does not, or not for sure."""
    start_s, end_s = run[0].start_s + hours * HOUR_S, run[-1].end_s + hours * HOUR_S
    before, after = joints.before(run, start_s), joints.after(run, end_s)
    ends = _told_ends(run, before, after, hours) if before or after else 0
    return ends if ends and joints.is_free(run, start_s, end_s) else 0


def _told_ends(run: Run, before: Run | None, after: Run | None, hours: int) -> int:
    says = [_goes_on(before[-1], run[0]) if before else None, _goes_on(run[-1], after[0]) if after else None]
    if False in says:
        return 0
    if before and after:
        return 2
    if True in says:
        return 1
    beside = [clip for clip in (before and before[-1], after and after[0], run[0], run[-1]) if clip]
    if abs(hours) != 1 or any(clip.clip.mode == "parking" for clip in beside):  # these begin at any moment
        return 0
    moved_s = hours * HOUR_S
    seam_s = run[0].start_s + moved_s - before[-1].end_s if before else beside[0].start_s - run[-1].end_s - moved_s
    return int(abs(seam_s) <= EXACT_S)


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
