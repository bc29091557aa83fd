"""What analytics cost a frame: four lines and four zones, alone and with everything else, by number of objects.

python benchmarks/analytics.py [--objects 10,50,200] [--frames 1500]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.stages.analytics import Analytics
from streamvision.core.config.app import parse_analytics
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture

WIDTH_PX, HEIGHT_PX, FPS = 1920, 1080, 25
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]]


def config_of(*, everything: bool) -> dict[str, Any]:
    """Return four lines and four zones, and what else there is."""
    watched = {"crowd": 9, "idle_s": 5, "stay_s": 4, "heading_deg": 90} if everything else {}
    lines = [{"name": f"line {i}", "points": [[0.1, 0.1 + 0.2 * i], [0.9, 0.1 + 0.2 * i]]} for i in range(4)]
    zones = []
    for index in range(4):
        left, right = 0.1 + 0.2 * index, 0.3 + 0.2 * index
        corners = [[left, 0.1], [right, 0.1], [right, 0.9], [left, 0.9]]
        zones.append({"name": f"zone {index}", "points": corners} | watched)
    more = {
        "speed": {"picture": SQUARE, "ground_m": [[20 * x, 12 * y] for x, y in SQUARE], "limit_kmh": 30},
        "heat_map": {"half_life_s": 60},
    }
    return {"lines": lines, "zones": zones} | (more if everything else {})


def results(objects: int, frames: int) -> Iterator[Result]:
    """Yield frames with objects that drift; one that leaves the picture is followed by one with a new identity."""
    rng = np.random.default_rng(0)
    size = np.array([WIDTH_PX, HEIGHT_PX])
    picture = BgrPicture(np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8))
    xy, speed = rng.uniform(0, 1, (objects, 2)) * size, rng.normal(0, 60, (objects, 2))
    identity, given = np.arange(1, objects + 1), objects
    for index in range(frames):
        xy += speed / FPS
        out = ((xy < 0) | (xy > size)).any(axis=1)
        xy[out] = rng.uniform(0, 1, (int(out.sum()), 2)) * size
        identity[out] = given + 1 + np.arange(out.sum())
        given += int(out.sum())
        box = np.concatenate([xy - 30, xy + 30], axis=1).astype(np.float32)
        found = Detections(
            box,
            np.full(objects, 0.9, np.float32),
            np.zeros(objects, np.int32),
            np.ma.MaskedArray(identity.copy(), mask=False),
        )
        yield Result(Frame("bench", index, index / FPS, time.monotonic(), picture), found)


def main() -> None:
    """Print a table of microseconds a frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", default="10,50,200")
    parser.add_argument("--frames", type=int, default=1500)
    given = parser.parse_args()
    print("| objects | measured | least us | median us |\n|---|---|---|---|")
    for objects in (int(part) for part in given.objects.split(",")):
        for everything in (False, True):
            subject = Analytics(
                parse_analytics(config_of(everything=everything), origin="bench"), ("car",), memory_s=1.0
            )
            spent_us = []
            for result in results(objects, given.frames):
                begin_s = time.perf_counter()
                subject.update(result)
                spent_us.append((time.perf_counter() - begin_s) * 1e6)
            what = "everything" if everything else "4 lines, 4 zones"
            print(f"| {objects} | {what} | {min(spent_us):.0f} | {np.median(spent_us):.0f} |")


if __name__ == "__main__":
    main()
