"""An hour of 1080p from a few painted clips: how long it takes, in how much memory, and after a kill in the middle."""

from __future__ import annotations

import hashlib
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.trip.program import run, start
from streamvision.datasets.collector import no_progress
from streamvision.datasets.trip import TripSpec
from streamvision.datasets.trip.makers import MAKERS, CameraClip
from streamvision.datasets.trip.movie import Movie
from streamvision.datasets.trip.painting import paint_clips, scene_of
from streamvision.datasets.trip.receiver import readings_of
from streamvision.datasets.trip.spec import clip_cuts
from streamvision.datasets.trip.world import DriveWorld

_SAME_FILES = ("objects.csv", "objects.geojson", "results.jsonl", "track.gpx", "track.geojson")
_PAINTED_CLIPS = 2
_KILL_AFTER = 0.4
"""Of the time that an unbroken run took."""


def measure_hour(work: Path, *, minutes: float, clip_s: float = 60.0) -> dict[str, Any]:
    """Return how long a card of that length takes, and whether a run that was killed and goes on gives the same."""
    card = work / f"hour-{minutes:g}"
    if not card.is_dir():
        part = work / "hour.part"
        _write(part, work, minutes, clip_s)
        part.rename(card)
    for name in ("hour-out", "hour-again"):  # what is kept of an earlier call would be skipped
        shutil.rmtree(work / name, ignore_errors=True)
    ran = run(["trip", card, "--output", work / "hour-out", "--no-video", "--json"], work / "hour.log")
    killed = _killed(card, work, ran.seconds * _KILL_AFTER)
    equal = {name: _digest(work / "hour-out" / name) == _digest(work / "hour-again" / name) for name in _SAME_FILES}
    return {
        "video_s": 60 * minutes,
        "seconds": round(ran.seconds, 1),
        "cpu_s": round(ran.cpu_s, 1),
        "times_real_time": round(60 * minutes / ran.seconds, 2),
        "rss_mb": ran.memory(),
        "clips": ran.document["clips"],
        "after_kill": killed,
        "equal_files": equal,
    }


def _killed(card: Path, work: Path, after_s: float) -> dict[str, Any]:
    arguments = ["trip", card, "--output", work / "hour-again", "--no-video", "--json"]
    child = start(arguments, work / "hour-killed.log")
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    child.wait()
    again = run(arguments, work / "hour-again.log")
    return {"seconds": round(again.seconds, 1), "clips": again.document["clips"]}


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _write(folder: Path, work: Path, minutes: float, clip_s: float) -> None:
    """Write a card whose pictures repeat every few clips, with a way that goes on."""
    spec = TripSpec(duration_s=60 * minutes, clip_s=clip_s, width_px=1920, height_px=1080)
    painted = work / "painted"
    painted.mkdir(exist_ok=True)
    cuts = clip_cuts(spec, 0)
    shown = list(paint_clips(spec, cuts[:_PAINTED_CLIPS], painted, workers=None, progress=no_progress))
    movies = [Movie.parse(clip.video.read_bytes()) for clip in shown]
    for clip in _clips(spec, movies):
        path = folder / MAKERS["viofo"].path(clip)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAKERS["viofo"].video(clip))


def _clips(spec: TripSpec, movies: list[Movie]) -> Iterator[CameraClip]:
    scene = scene_of(spec, 0)
    world = DriveWorld(
        scene, scene.course.position_m(spec.begin_of(0) + spec.duration_s), spec.origin_deg, spec.bearing_deg
    )
    readings = readings_of(spec, 0, world)
    for cut in clip_cuts(spec, 0):
        start_unix_s = spec.start_unix_s(0) + cut.first / spec.fps
        end_unix_s = start_unix_s + cut.frames / spec.fps
        own = [one for one in readings if start_unix_s <= one.unix_s + spec.gps_delay_s < end_unix_s]
        clip = CameraClip(spec, movies[0], cut.number + 1, cut.number + 1, 1, start_unix_s, tuple(own), False)
        yield replace(clip, movie=movies[cut.number % len(movies)])
