"""An hour of cameras as they really are: killed, frozen, with leaping clocks, HLS with discontinuities, all recorded.

    PYTHONPATH=tests python -m benchmarks.faults --video car-detection.mp4 --model tiny.onnx --minutes 60

Written down are threads, open files and memory every half minute, and at the end, for each stream: whether every frame
that came in is accounted for, and whether the recording is as long as what was seen. ``--also`` adds a camera that runs
already, one that loses packets, say. Writes DIR/faults.json and what the run wrote itself; ends with 1 where something
grew or is missing.
"""

from __future__ import annotations

import http.server
import json
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import click

from streamvision.bench.usage import machine
from support.clock_camera import FPS, ClockCamera
from support.rtsp_server import RtspServer

SAMPLE_S = 30.0
SETTLING_S = 300.0
"""What a run takes up by then is its own; what it takes up later has grown."""
CAMERA_FPS = 15.0
CAMERA_SIZE = (320, 180)
SEGMENT_S = 2.0
LEAP_SEGMENTS = 90
LEAPS_S = (7200.0, -7000.0, 40000.0, -100.0, 20.0)
FAULT_EVERY_S = 240.0
FAULT_S = 15.0
CLOCK_LEAP_FRAMES = 180 * FPS


class LeapingPlaylist:
    """A live HLS camera whose times leap at a discontinuity every few minutes."""

    def __init__(self, video: Path) -> None:
        self._segment = _segment(video)
        self._begin_s = time.monotonic()
        playlist = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = playlist.answer(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/live.m3u8"

    def __enter__(self) -> LeapingPlaylist:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> bytes:
        """Return the playlist, or a segment of it."""
        if not path.endswith(".m3u8"):
            number = int(path.strip("/s.t"))
            leaps = number // LEAP_SEGMENTS
            return self._shifted(number * SEGMENT_S + sum(LEAPS_S[n % len(LEAPS_S)] for n in range(leaps)))
        newest = 3 + int((time.monotonic() - self._begin_s) / SEGMENT_S)
        first = max(newest - 5, 0)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{max(first - 1, 0) // LEAP_SEGMENTS}")
        for number in range(first, newest):
            if number and number % LEAP_SEGMENTS == 0:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += [f"#EXTINF:{SEGMENT_S:.1f},", f"s{number}.ts"]
        return ("\n".join(lines) + "\n").encode()

    def _shifted(self, by_s: float) -> bytes:
        command = ["ffmpeg", "-v", "error", "-i", "-", "-c", "copy", "-copyts", "-muxdelay", "0"]
        command += ["-output_ts_offset", str(max(by_s, 0.0)), "-f", "mpegts", "-"]
        return subprocess.run(command, input=self._segment, stdout=subprocess.PIPE, check=True, timeout=30).stdout


def _segment(video: Path) -> bytes:
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-t", str(SEGMENT_S), "-r", "25", "-an", "-c:v", "libx264"]
    command += ["-preset", "veryfast", "-bf", "0", "-s", "320x180", "-f", "mpegts", "-"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout


def _trouble(killed: RtspServer, frozen: RtspServer, over: threading.Event) -> None:
    while not over.wait(FAULT_EVERY_S):
        killed.kill()
        frozen.freeze()
        over.wait(FAULT_S)
        frozen.thaw()
        killed.start()


def _taken(pid: int) -> dict[str, float]:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    return {
        "threads": int(status["Threads"]),
        "open_files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "rss_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
    }


def _watch(run: subprocess.Popen[str], seconds: float) -> list[dict[str, float]]:
    samples = []
    begin_s = time.monotonic()
    while (passed_s := time.monotonic() - begin_s) < seconds and run.poll() is None:
        time.sleep(min(SAMPLE_S, seconds - passed_s))
        samples.append({"at_s": round(time.monotonic() - begin_s), **_taken(run.pid)})
        click.echo(json.dumps(samples[-1]), err=True)
    return samples


def _recorded(folder: Path, stream_id: str) -> dict[str, float]:
    """Return how many frames a stream's recordings hold, and how long they are."""
    frames, length_s = 0, 0.0
    for path in sorted(folder.glob(f"r.{stream_id}*.mp4")):
        if not re.fullmatch(rf"r\.{re.escape(stream_id)}(\.\d{{8}}T.*)?\.mp4", path.name):
            continue
        with av.open(str(path)) as container:
            times_s = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None]
        frames, length_s = frames + len(times_s), length_s + times_s[-1] - times_s[0]
    return {"recorded_frames": frames, "recorded_s": round(length_s, 1)}


def _seen(lines: Path) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = {}
    for line in lines.open(encoding="utf-8"):
        document = json.loads(line)
        seen.setdefault(document["stream"], []).append(document["pts_s"])
    return seen


def _judged(stream: dict[str, Any], seen_s: list[float], folder: Path) -> dict[str, Any]:
    found = {key: stream[key] for key in ("id", "frames_in", "frames_done", "drops", "reconnects")}
    steps_s = [b - a for a, b in pairwise(seen_s)]
    found |= {"seen_frames": len(seen_s), "seen_s": round(seen_s[-1] - seen_s[0], 1), "longest_step_s": max(steps_s)}
    found |= _recorded(folder, stream["id"])
    found["lost_by_outputs"] = {one["name"]: one["lost"] for one in stream["outputs"] if one["lost"]}
    found["steps_back"] = sum(step < 0 for step in steps_s)
    found["unaccounted"] = stream["frames_in"] - stream["frames_done"] - sum(stream["drops"].values())
    return found


def _lost(stream: dict[str, Any]) -> int:
    return sum(sum(causes.values()) for causes in stream["lost_by_outputs"].values())


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--also", multiple=True, metavar="SOURCE")
@click.option("--minutes", default=60.0, show_default=True)
@click.option("--output", default=Path("runs/faults"), show_default=True, type=Path, metavar="DIR")
def faults(video: Path, model: Path, also: tuple[str, ...], minutes: float, output: Path) -> None:
    """Run the cameras and the pipeline and judge what it wrote."""
    output.mkdir(parents=True, exist_ok=True)
    leaps_s = {
        CLOCK_LEAP_FRAMES * (n + 1): leap for n, leap in enumerate((-7200.0, 0.0, 3600.0, 86400.0, 5.0, 0.0) * 4)
    }
    over = threading.Event()
    with ExitStack() as stack:
        killed, frozen = (stack.enter_context(RtspServer(video, fps=CAMERA_FPS, size=CAMERA_SIZE)) for _ in range(2))
        clock = stack.enter_context(ClockCamera(leaps_s=leaps_s))
        playlist = stack.enter_context(LeapingPlaylist(video))
        sources = [killed.url, frozen.url, clock.url, playlist.url, *also]
        command = [sys.executable, "-m", "streamvision", "run", "--json", "--model", str(model), "--score", "0.25"]
        command += [word for source in sources for word in ("--source", source)]
        command += [
            "--detections",
            str(output / "d.jsonl"),
            "--record",
            str(output / "r.mp4"),
            "--serve",
            "127.0.0.1:0",
        ]
        with (output / "log.txt").open("w") as log:
            run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        trouble = threading.Thread(target=_trouble, args=(killed, frozen, over), daemon=True)
        trouble.start()
        samples = _watch(run, 60 * minutes)
        run.send_signal(signal.SIGINT)
        report = json.loads(run.communicate(timeout=60)[0].strip().splitlines()[-1])
        over.set()
        trouble.join(60)
    seen_s = _seen(output / "d.jsonl")
    streams = [_judged(stream, seen_s[stream["id"]], output) for stream in report["streams"]]
    document = {"machine": machine(), "samples": samples, "streams": streams, "exit_code": run.returncode}
    (output / "faults.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(streams, indent=1))
    settled = [one for one in samples if one["at_s"] >= SETTLING_S] or samples
    grown = {key: settled[-1][key] - settled[0][key] for key in ("threads", "open_files", "rss_mb")}
    click.echo(json.dumps({"grown": grown, "exit_code": run.returncode}))
    short = [s["id"] for s in streams if s["unaccounted"] or s["recorded_frames"] + _lost(s) != s["seen_frames"]]
    sys.exit(1 if short else 0)


if __name__ == "__main__":
    faults()
