"""One million frames of random births and deaths: does a tracker's memory stay flat?

    python benchmarks/track_memory.py --frames 1000000

Objects live for a few seconds, some come back, false detections flicker. Notes the process's memory ten times; the
summary is one JSON document on stdout.
"""

from __future__ import annotations

import json
import sys
import time

import click
import numpy as np
import psutil

from pipelines.stages.tracking import TRACKERS, create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections

OBJECTS = 12
FPS = 30.0


@click.command(help=__doc__)
@click.option("--frames", default=1_000_000, show_default=True)
@click.option("--tracker", "name", type=click.Choice(TRACKERS.names()), default="steady", show_default=True)
def main(frames: int, name: str) -> None:
    """Run and report."""
    tracker = create_tracker(TrackerConfig.model_validate({"name": name}), score=0.25)
    assert tracker is not None
    process, rng = psutil.Process(), np.random.default_rng(0)
    place, speed = rng.uniform(0, 1800, (OBJECTS, 2)), rng.normal(0, 3, (OBJECTS, 2))
    notes, highest, begin_s = [], 0, time.monotonic()
    for index in range(frames):
        reborn = rng.random(OBJECTS) < 0.01
        place[reborn] = rng.uniform(0, 1800, (np.count_nonzero(reborn), 2))
        place += speed
        seen = rng.random(OBJECTS) < 0.9
        corner = place[seen].astype(np.float32)
        score = rng.uniform(0.2, 1, len(corner)).astype(np.float32)
        found = Detections(np.hstack([corner, corner + 60]), score, np.zeros(len(corner), np.int32))
        tracked = tracker.update(found, pts_s=index / FPS)
        if tracked.track_id is not None and tracked.track_id.count():
            highest = max(highest, int(tracked.track_id.max()))
        if (index + 1) % max(frames // 10, 1) == 0:
            rss_mb = process.memory_info().rss / 1e6
            notes.append({"frames": index + 1, "rss_mb": round(rss_mb, 2), "identities": highest})
            print(f"{index + 1} frames, {highest} identities, {rss_mb:.1f} MB", file=sys.stderr)
    seconds = time.monotonic() - begin_s
    click.echo(json.dumps({"tracker": name, "frames": frames, "seconds": round(seconds, 1), "notes": notes}))


if __name__ == "__main__":
    main()
