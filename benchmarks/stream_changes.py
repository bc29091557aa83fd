"""Streams that come and go beside one that stays: does that one notice, and is anything left behind?

    PYTHONPATH=tests python -m benchmarks.stream_changes --video car-detection.mp4 --model tiny.onnx --cycles 200

All read a real RTSP server. First the control stream and a guest run for a while; then guests come, are watched, and
go, now and then with a model of their own. Written down are the frame numbers that the control stream misses, the age
of its frames before and meanwhile, and threads, open files and memory. Writes DIR/stream_changes.json; ends with 1
where the control stream misses a frame, its p99 of age grows by a fifth, threads or files are left, or memory grows by
1 MB in 100 cycles.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from pipelines.engine import Pipeline
from streamvision.bench.usage import machine, rss_mb
from streamvision.core.config.app import AppConfig, StreamConfig, parse_config
from streamvision.core.live import LiveChannel
from streamvision.core.telemetry import quantiles_of
from streamvision.web.server import WebServer
from support.rtsp_server import RtspServer

CAMERA_FPS = 10.0
CAMERA_SIZE = (320, 180)
CONTROL = "control"
OTHER_MODEL_EVERY = 10
"""Each so many cycles the guest brings a model of its own, which opens and closes with it."""
GUEST_IDS = 4
GUEST_FRAMES = 3
PATIENCE_S = 60.0
SETTLING = 1 / 3
"""Share of the cycles that the trend of memory leaves out: caches and pools fill then."""
MOST_AGE = 1.2
MOST_MB_PER_100 = 1.0


class Missed:
    """Counts the frame numbers that a channel does not show."""

    def __init__(self, channel: LiveChannel) -> None:
        self.count = 0
        self.cycles: list[int] = []
        """In which cycle each was missed; 0 before the first."""
        self.cycle = 0
        self._last: int | None = None
        channel.add_listener(self._note)

    def _note(self, channel: LiveChannel) -> None:
        newest = channel.latest
        if newest is not None:
            index = newest.result.frame.index
            if self._last is not None:
                gap = index - self._last - 1
                self.count += gap
                self.cycles += [self.cycle] * gap
            self._last = index


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that must come.

    Raises:
        TimeoutError: when it does not.
    """
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"in {PATIENCE_S:.0f} s there was no {what}")
        time.sleep(0.01)


def held() -> dict[str, float]:
    """Return what the process holds."""
    files = len(list(Path("/proc/self/fd").iterdir()))
    return {"threads": threading.active_count(), "open_files": files, "rss_mb": round(rss_mb(), 2)}


def come_and_go(pipeline: Pipeline, port: int, stream: StreamConfig) -> float:
    """Let a guest come, be watched and go; return the seconds that its going took."""
    name = pipeline.add_stream(stream)
    channel = pipeline.view.channels[name]
    viewer = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    viewer.request("GET", f"/streams/{name}/mjpeg")
    response = viewer.getresponse()
    wait_until(lambda: (newest := channel.latest) and newest.sequence >= GUEST_FRAMES, "frame of a guest")
    begin_s = time.monotonic()
    pipeline.remove_stream(name)
    seconds = time.monotonic() - begin_s
    response.read()  # to its end, which must come
    viewer.close()
    response.close()
    return seconds


def measured(config: AppConfig, url: str, *, cycles: int, before_s: float) -> dict[str, Any]:
    """Run the control stream and the cycles, and return the figures."""
    guest = {"source": url, "record": False}
    with Pipeline(config, service=True) as pipeline:
        server = WebServer(pipeline.view, port=0)
        server.start()
        wait_until(lambda: pipeline.view.channels[CONTROL].latest, "frame of the control stream")
        missed = Missed(pipeline.view.channels[CONTROL])
        control_age_s = pipeline.ages()[CONTROL]
        come_and_go(pipeline, server.port, StreamConfig.model_validate(guest | {"id": "first"}))
        alone = held()
        pipeline.add_stream(StreamConfig.model_validate(guest | {"id": "steady"}))
        first = control_age_s.count
        time.sleep(before_s)
        before = quantiles_of(control_age_s.newest(control_age_s.count - first))
        pipeline.remove_stream("steady")
        missed_before, first = missed.count, control_age_s.count
        samples, going_s = [{"cycle": 0, **held()}], []
        for cycle in range(1, cycles + 1):
            missed.cycle = cycle
            own = {"id": f"guest-{cycle % GUEST_IDS}"} | ({} if cycle % OTHER_MODEL_EVERY else {"model": "other"})
            going_s.append(come_and_go(pipeline, server.port, StreamConfig.model_validate(guest | own)))
            if cycle % 10 == 0 or cycle == cycles:
                samples.append({"cycle": cycle, **held()})
        meanwhile = quantiles_of(control_age_s.newest(control_age_s.count - first))
        wait_until(lambda: all(held()[key] <= alone[key] for key in ("threads", "open_files")), "end of what was left")
        figures = {
            "cycles": cycles,
            "control": {
                "frames": control_age_s.count,
                "missed_before": missed_before,
                "missed": missed.count - missed_before,
                "missed_in_cycles": missed.cycles,
                "drops": next(status.drops for status in pipeline.statuses() if status.id == CONTROL),
                "age_s_before": before,
                "age_s_meanwhile": meanwhile,
            },
            "going_s": quantiles_of(np.array(going_s)),
            "held_alone": alone,
            "samples": samples,
            "mb_per_100_cycles": _growth(samples),
            "failures": pipeline.failures(),
        }
        server.stop()
    return figures


def _growth(samples: list[dict[str, float]]) -> float | None:
    """Return the slope of the memory after the settling, by least squares."""
    settled = [one for one in samples if one["cycle"] >= SETTLING * samples[-1]["cycle"]]
    if len(settled) < 3:
        return None
    slope = np.polyfit([one["cycle"] for one in settled], [one["rss_mb"] for one in settled], 1)[0]
    return round(float(slope) * 100, 3)


def config_of(model: Path, url: str, folder: Path, **control: Any) -> AppConfig:
    """Return the run: the control stream, a second model for guests, and outputs that all have."""
    document = {
        "model": {"path": model, "threads": 1, "requests": 1},
        "models": {"other": {"path": model, "threads": 1, "requests": 1}},
        "streams": [{"source": url, "id": CONTROL, "record": False} | control],
        "outputs": {"detections": folder / "d.jsonl", "mot": folder / "m.txt", "record": folder / "r.mp4"},
    }
    return parse_config(document, origin="benchmark")


def faults_of(figures: dict[str, Any]) -> list[str]:
    """Return what is not as it should be, in words."""
    control, growth = figures["control"], figures["mb_per_100_cycles"]
    grown = control["age_s_meanwhile"]["p99"] / control["age_s_before"]["p99"]
    faults = list(figures["failures"])
    if control["missed"]:
        faults.append(f"the control stream missed {control['missed']} frames")
    if grown >= MOST_AGE:
        faults.append(f"its p99 of age grew to {grown:.0%}")
    if growth is not None and growth >= MOST_MB_PER_100:
        faults.append(f"memory grew by {growth:.2f} MB in 100 cycles")
    return faults


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--cycles", default=200, show_default=True)
@click.option("--before", "before_s", default=30.0, show_default=True, help="Seconds of the control stream before.")
@click.option("--output", default=Path("runs/stream_changes"), show_default=True, type=Path, metavar="DIR")
def stream_changes(video: Path, model: Path, cycles: int, before_s: float, output: Path) -> None:
    """Measure, write down and judge."""
    output.mkdir(parents=True, exist_ok=True)
    with RtspServer(video, fps=CAMERA_FPS, size=CAMERA_SIZE) as camera, tempfile.TemporaryDirectory() as folder:
        figures = measured(config_of(model, camera.url, Path(folder)), camera.url, cycles=cycles, before_s=before_s)
    document = {"machine": machine(), "load": os.getloadavg(), **figures}
    (output / "stream_changes.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    faults = faults_of(figures)
    click.echo(json.dumps({key: document[key] for key in document if key != "samples"} | {"faults": faults}, indent=1))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    stream_changes()
