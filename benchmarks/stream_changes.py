"""Streams that come and go beside one that stays: does that one notice, and is anything left behind?

    PYTHONPATH=tests python -m benchmarks.stream_changes --video car-detection.mp4 --model tiny.onnx --cycles 200

All read a real RTSP server. Beside a control stream guests come, are watched, and go, now and then with a model of
their own; in turn with that, one guest stays for a while, so that whatever else the machine does weighs on both.
Written down are the frame numbers that the control stream misses, the age of its frames, and threads, open files and
memory. Writes DIR/stream_changes.json; ends with 1 where the control stream misses more with the changes than without,
its p99 of age grows by a fifth, threads or files are left, or memory grows by 1 MB in 100 cycles.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from pipelines.engine import Pipeline
from streamvision.bench.usage import machine, rss_mb
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.heap import limit_arenas
from streamvision.core.live import LiveChannel
from streamvision.core.telemetry import Distribution, quantiles_of
from streamvision.web.server import WebServer
from support.rtsp_server import RtspServer

CAMERA_FPS = 10.0
CAMERA_SIZE = (320, 180)
CONTROL = "control"
SPELL_CYCLES = 10
"""Cycles in a row; the last of them brings a model of its own, which opens and closes with it."""
GUEST_IDS = 4
GUEST_FRAMES = 3
PATIENCE_S = 60.0
SETTLING = 1 / 3
"""Share of the cycles that the trend of memory leaves out: caches and pools fill then."""
MOST_AGE = 1.2
MOST_MB_PER_100 = 1.0


class Control:
    """Watches the stream that stays: the frame numbers that it misses, and the age of its frames."""

    def __init__(self, channel: LiveChannel, age_s: Distribution) -> None:
        self._channel = channel
        self._age_s = age_s
        self._missed = 0
        self._last: int | None = None
        self._spells: dict[str, list[tuple[int, NDArray[np.float64]]]] = {}
        channel.add_listener(self._note)

    def _note(self, channel: LiveChannel) -> None:
        newest = channel.latest
        if newest is not None:
            index = newest.result.frame.index
            if self._last is not None:
                self._missed += index - self._last - 1
            self._last = index

    @contextmanager
    def spell(self, kind: str) -> Iterator[None]:
        """Count what happens in the block as of that kind."""
        missed, frames = self._missed, self._age_s.count
        yield
        ages_s = self._age_s.newest(self._age_s.count - frames)
        self._spells.setdefault(kind, []).append((self._missed - missed, ages_s))

    def figures(self) -> dict[str, Any]:
        """Return frames, missed ones and ages by kind of spell."""
        return {
            kind: {
                "frames": sum(len(ages_s) for _, ages_s in spells),
                "missed": sum(missed for missed, _ in spells),
                "age_s": quantiles_of(np.concatenate([ages_s for _, ages_s in spells])),
            }
            for kind, spells in self._spells.items()
        }


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


def stay(pipeline: Pipeline, control: Control, stream: StreamConfig, seconds: float) -> None:
    """Let a guest come and be watched for a while, as the others are, so that the work is the same; then it goes."""
    name = pipeline.add_stream(stream)
    channel = pipeline.view.channels[name]
    with channel.watching():
        wait_until(lambda: channel.latest, "frame of a guest")
        with control.spell("calm"):
            time.sleep(seconds)
    pipeline.remove_stream(name)


def measured(config: AppConfig, url: str, *, cycles: int, calm_s: float) -> dict[str, Any]:
    """Run the control stream and the cycles, and return the figures.

    Args:
        config: what :func:`config_of` gives.
        url: what the guests read.
        cycles: how often one comes and goes.
        calm_s: how long, before each few cycles, a guest stays.
    """
    with Pipeline(config, service=True) as pipeline:
        server = WebServer(pipeline.view, port=0)
        server.start()
        wait_until(lambda: pipeline.view.channels[CONTROL].latest, "frame of the control stream")
        come_and_go(pipeline, server.port, StreamConfig(source=url, id="first", record=False))
        control = Control(pipeline.view.channels[CONTROL], pipeline.ages()[CONTROL])
        samples, going_s = [{"cycle": 0, **held()}], []
        for first in range(1, cycles + 1, SPELL_CYCLES):
            stay(pipeline, control, StreamConfig(source=url, id="steady", record=False), calm_s)
            last = min(first + SPELL_CYCLES - 1, cycles)
            with control.spell("changes"):
                for cycle in range(first, last + 1):
                    own = None if cycle % SPELL_CYCLES else "other"
                    guest = StreamConfig(source=url, id=f"guest-{cycle % GUEST_IDS}", model=own, record=False)
                    going_s.append(come_and_go(pipeline, server.port, guest))
            samples.append({"cycle": last, **held()})
        wait_until(lambda: all(held()[key] <= samples[0][key] for key in ("threads", "open_files")), "end of the rest")
        figures = {
            "cycles": cycles,
            "control": control.figures(),
            "going_s": quantiles_of(np.array(going_s)),
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
    calm, changes, growth = figures["control"]["calm"], figures["control"]["changes"], figures["mb_per_100_cycles"]
    grown = changes["age_s"]["p99"] / calm["age_s"]["p99"]
    faults = list(figures["failures"])
    if changes["missed"] * calm["frames"] > calm["missed"] * changes["frames"]:
        faults.append(f"the control stream missed {changes['missed']} frames, and {calm['missed']} without changes")
    if grown >= MOST_AGE:
        faults.append(f"its p99 of age grew to {grown:.0%}")
    if growth is not None and growth >= MOST_MB_PER_100:
        faults.append(f"memory grew by {growth:.2f} MB in 100 cycles")
    return faults


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--cycles", default=200, show_default=True)
@click.option("--calm", "calm_s", default=15.0, show_default=True, help="Seconds without changes before each ten.")
@click.option("--output", default=Path("runs/stream_changes"), show_default=True, type=Path, metavar="DIR")
def stream_changes(video: Path, model: Path, cycles: int, calm_s: float, output: Path) -> None:
    """Measure, write down and judge."""
    limit_arenas()  # as the commands do whose pipelines run for long
    output.mkdir(parents=True, exist_ok=True)
    with RtspServer(video, fps=CAMERA_FPS, size=CAMERA_SIZE) as camera, tempfile.TemporaryDirectory() as folder:
        figures = measured(config_of(model, camera.url, Path(folder)), camera.url, cycles=cycles, calm_s=calm_s)
    document = {"machine": machine(), "load": os.getloadavg(), **figures}
    (output / "stream_changes.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    faults = faults_of(figures)
    click.echo(json.dumps({key: document[key] for key in document if key != "samples"} | {"faults": faults}, indent=1))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    stream_changes()
