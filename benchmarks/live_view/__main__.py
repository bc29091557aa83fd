"""What live video in the browser promises, measured from the camera to the screen; prints one JSON document.

    PYTHONPATH=tests python -m benchmarks.live_view --work /tmp/live-view --background photographs --part latency

A real RTSP server sends a film of 1080p at 25 pictures a second, encoded beforehand, so that the camera costs next to
nothing; each picture carries its number, and the camera notes when it sends it. A network finds the one object in it.
What the page shows is read from its pixels in Chromium. Ends with 1 where a figure is below what is promised.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.live_view.boxes import measure_boxes
from benchmarks.live_view.cost import measure_bytes, measure_cost, measure_viewers
from benchmarks.live_view.fallbacks import measure_fallbacks
from benchmarks.live_view.faults import measure_faults
from benchmarks.live_view.latency import measure_latency
from benchmarks.live_view.setting import Setting
from benchmarks.live_view.wall import measure_wall
from streamvision.bench.usage import machine

PARTS: Mapping[str, Callable[[Setting], Any]] = {
    "latency": measure_latency,
    "bytes": measure_bytes,
    "boxes": measure_boxes,
    "cost": measure_cost,
    "viewers": measure_viewers,
    "fallbacks": measure_fallbacks,
    "faults": measure_faults,
    "wall": measure_wall,
}
MOST_AGE_S = 0.15
MOST_BYTES = 1 / 5
MOST_COST = 1 / 3
MOST_OF_A_CORE = 10.0
SMOOTH_FPS = 20.0
MOVING_FPS = 5.0


@click.command()
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder of films and figures.")
@click.option("--part", "parts", type=click.Choice([*PARTS]), multiple=True, default=[*PARTS], help="What is measured.")
@click.option("--background", type=click.Path(exists=True, path_type=Path), help="A folder of photographs.")
@click.option("--seconds", default=10.0, show_default=True, help="How long each thing is measured.")
@click.option("--frames", default=500, show_default=True, help="Pictures in a row that must have their boxes.")
def main(work: Path, parts: tuple[str, ...], background: Path | None, seconds: float, frames: int) -> None:
    """Measure."""
    work.mkdir(parents=True, exist_ok=True)
    setting = Setting(work, background, seconds, frames)
    document: dict[str, Any] = {"machine": machine(), "seconds": seconds}
    for name in parts:
        begin_s = time.monotonic()
        document[name] = PARTS[name](setting)
        click.echo(f"{name}: {time.monotonic() - begin_s:.0f} s", err=True)
        (work / "figures.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    document["load"] = os.getloadavg()
    document["below"] = below(document)
    click.echo(json.dumps(document, indent=2))
    if document["below"]:
        raise SystemExit(1)


def below(document: Mapping[str, Any]) -> list[str]:
    """Return what is promised and not reached, one sentence each."""
    said: list[str] = []

    def check(is_reached: bool, what: str) -> None:
        if not is_reached:
            said.append(what)

    for way, one in document.get("latency", {}).items():
        for kind in ("repaint_s", "screenshot_s") if not way.startswith("mjpeg") else ():
            p95 = one[kind]["p95"]
            check(p95 is not None and p95 <= MOST_AGE_S, f"latency: {way}: p95 of {kind} is {p95} s")
    if one := document.get("bytes"):
        check(_at_most(one["video_to_mjpeg"], MOST_BYTES), f"bytes: {one['video_to_mjpeg']} of MJPEG's")
    for case, one in document.get("boxes", {}).items():
        check(one["right"] == one["pictures"] > 0, f"boxes: {case}: {one['right']} of {one['pictures']} are right")
    if one := document.get("cost"):
        check(_at_most(one["video_to_mjpeg"], MOST_COST), f"cost: {one['video_to_mjpeg']} of MJPEG's")
    if one := document.get("viewers"):
        added = one["added_percent"]
        check(added < MOST_OF_A_CORE, f"viewers: {one['viewers']} take {added} percent of a core")
    for part in ("fallbacks", "faults"):
        for case, one in document.get(part, {}).items():
            check(one["right"] == one["pictures"] > 0, f"{part}: {case}: {one['right']} of {one['pictures']} are right")
            check(bool(one["way"]), f"{part}: {case}: the page does not say how the picture comes")
            check(one.get("fps", MOVING_FPS) >= MOVING_FPS, f"{part}: {case}: {one.get('fps')} pictures a second")
    slowest = min(document.get("wall", {}).get("auto", {}).get("fps", {"": SMOOTH_FPS}).values())
    check(slowest >= SMOOTH_FPS, f"wall: {slowest} pictures a second in the slowest tile")
    return said


def _at_most(value: float | None, limit: float) -> bool:
    return value is not None and value <= limit


if __name__ == "__main__":
    main()
