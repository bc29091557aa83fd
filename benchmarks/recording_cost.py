"""What recording a camera's own packets costs, in percent of one core.

    PYTHONPATH=tests python -m benchmarks.recording_cost --turns 10

A camera in a process of its own sends 1080p H.264 over RTSP. This process reads and decodes it, as a run does, and
records it all or nothing, in turn, on one connection; each turn is as long as the camera's clip, so that all decode the
same pictures. Written down is the processor time of this process in each turn, the medians, and their difference: by
picture, too, since on a machine that is busy with other things not all of them come. Writes DIR/recording_cost.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pipelines.capture.registry import parse_source
from pipelines.capture.stream import StreamCapture
from pipelines.recording.stream_recorder import StreamRecorder
from streamvision.bench.usage import Usage, machine
from streamvision.core.config.recording import RecordingConfig, StreamRecordingConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.telemetry import DropCounter
from support.recording import FolderStore
from support.rtsp_server import RtspServer

FPS = 25
CLIP_S = 20.0
BIT_S = "4M"
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Turn:
    """What was used while it was recorded, or not."""

    recorded: bool
    cpu_percent: float
    ms_per_picture: float
    others_percent: float | None
    frames: int


def make_clip(path: Path, *, seconds: float, size: str) -> Path:
    """Write a clip with as many bits a second as cameras send, and a key frame each two seconds."""
    source = f"testsrc2=size={size}:rate={FPS}:duration={seconds},noise=alls=12:allf=t"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "veryfast"]
    command += ["-bf", "0", "-g", str(2 * FPS), "-b:v", BIT_S, "-maxrate", BIT_S, "-bufsize", BIT_S]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(path)], check=True, timeout=600)
    return path


def measured(url: str, folder: Path, *, turns: int, turn_s: float) -> list[Turn]:
    """Record the camera and leave it, in turn; return what each turn used."""
    run = RecordingConfig(mode="off", segment_s=10)
    stream = StreamConfig(source=url)
    recorder, drops = StreamRecorder("camera", run, stream, FolderStore(folder)), DropCounter()
    frames = [0]
    over = threading.Event()
    capture = StreamCapture("camera", parse_source(url), config=stream, on_ready=lambda: None, packets=recorder)

    def look() -> None:
        while not over.is_set():
            frames[0] += capture.buffer.get(0.2) is not None

    viewer = threading.Thread(target=look, daemon=True)
    recorder.start(drops)
    capture.start()
    viewer.start()
    try:
        _wait_for_frames(frames)
        return [_turn(recorder, stream, frames, recorded=bool(number % 2), turn_s=turn_s) for number in range(turns)]
    finally:
        over.set()
        capture.request_stop()
        capture.join(5.0)
        viewer.join(5.0)
        recorder.close()


def _turn(recorder: StreamRecorder, stream: StreamConfig, frames: list[int], *, recorded: bool, turn_s: float) -> Turn:
    mode = "continuous" if recorded else "off"
    recorder.apply(stream.model_copy(update={"recording": StreamRecordingConfig(mode=mode)}))
    time.sleep(1.0)  # what the turn before left is written
    before, seen = Usage.now(), frames[0]
    time.sleep(turn_s)
    now = Usage.now()
    came = frames[0] - seen
    ms_per_picture = 1000 * (now.cpu_s - before.cpu_s) / max(came, 1)
    return Turn(recorded, now.cpu_percent_since(before), ms_per_picture, now.others_percent_since(before), came)


def _wait_for_frames(frames: list[int]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while frames[0] < FPS:
        if time.monotonic() > deadline:
            raise SystemExit(f"the camera sent no pictures within {START_TIMEOUT_S:g} s")
        time.sleep(0.1)


def figures_of(turns: list[Turn]) -> dict[str, Any]:
    """Return the medians and their difference, in percent of one core; by picture, at the camera's full rate."""
    off, on = ([one.cpu_percent for one in turns if one.recorded == recorded] for recorded in (False, True))
    by_picture = {
        recorded: statistics.median(one.ms_per_picture for one in turns if one.recorded == recorded)
        for recorded in (False, True)
    }
    others = [one.others_percent for one in turns if one.others_percent is not None]
    return {
        "off_percent": round(statistics.median(off), 2),
        "recorded_percent": round(statistics.median(on), 2),
        "cost_percent": round(statistics.median(on) - statistics.median(off), 2),
        "cost_by_picture_percent": round((by_picture[True] - by_picture[False]) * FPS / 10, 2),
        "others_percent": round(statistics.median(others)) if others else None,
        "turns": [vars(one) for one in turns],
    }


@click.command()
@click.option("--turns", type=click.IntRange(2), default=10, show_default=True, help="Half of them are recorded.")
@click.option("--size", default="1920x1080", show_default=True, help="Of the camera's pictures.")
@click.option("--output", type=Path, default=Path("recording_cost"), show_default=True, metavar="DIR")
def main(turns: int, size: str, output: Path) -> None:
    """Measure what recording costs."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        clip = make_clip(Path(scratch) / "clip.mp4", seconds=CLIP_S, size=size)
        with RtspServer(clip, copied=True) as camera:
            found = measured(camera.url, Path(scratch), turns=turns, turn_s=CLIP_S)
        written = sum(one.stat().st_size for one in Path(scratch).glob("camera-*.mp4"))
    figures = {"machine": machine(), "size": size, "written_bytes": written, **figures_of(found)}
    (output / "recording_cost.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps({key: value for key, value in figures.items() if key != "turns"}))


if __name__ == "__main__":
    sys.exit(main())
