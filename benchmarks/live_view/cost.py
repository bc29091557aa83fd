"""What a viewer costs the server, and how many bytes it gets: video against MJPEG, in turn, in one run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.live_view.setting import Server, Setting, served

MJPEG = "/streams/camera/mjpeg"
VIDEO = "ws:/api/live?streams=camera&layer=source&results=1"
SCALED_JPEG = "/api/live?streams=camera&width=960"
ENCODED = "ws:/api/live?streams=camera&layer=h264&width=960&results=1"
ROUNDS = 3
MANY = 50


def measure_bytes(setting: Setting) -> dict[str, Any]:
    """Return the bytes of the same seconds as video and as MJPEG, and their ratio."""
    with setting.camera() as camera, served(setting, {"camera": camera.server.url}) as server:
        _wait_until_live(server)
        running = {name: _viewers(server, path, 1, setting.seconds) for name, path in _ways(server).items()}
        found = {name: _figures(child) for name, child in running.items()}
    bits_s = {name: round(8 * one["bytes"][0] / one["seconds"]) for name, one in found.items()}
    return {"bit_s": bits_s, "video_to_mjpeg": _ratio(bits_s["video"], bits_s["mjpeg"])}


def measure_cost(setting: Setting) -> dict[str, Any]:
    """Return the server's processor time, in percent of a core: without viewers, and what one of each kind adds."""
    with setting.camera() as camera, served(setting, {"camera": camera.server.url}) as server:
        _wait_until_live(server)
        none: list[float] = []
        more: dict[str, list[float]] = {name: [] for name in _ways(server)}
        for _ in range(ROUNDS):
            for name, path in _ways(server).items():
                before = _turn(server, None, 0, setting.seconds)
                none.append(before)
                more[name].append(_turn(server, path, 1, setting.seconds) - before)
    added = {name: round(statistics.median(values), 2) for name, values in more.items()}
    return {
        "none_percent": round(statistics.median(none), 2),
        "added_percent": added,
        "turns_percent": {name: [round(one, 1) for one in values] for name, values in more.items()},
        "video_to_mjpeg": _ratio(added["video"], added["mjpeg"]),
        "video_to_scaled_jpeg": _ratio(added["video"], added["jpeg, 960 wide"]),
    }


def measure_viewers(setting: Setting) -> dict[str, Any]:
    """Return what many viewers of one camera's own packets cost the server, in percent of a core."""
    with setting.camera() as camera, served(setting, {"camera": camera.server.url}) as server:
        _wait_until_live(server)
        rounds = []
        for _ in range(ROUNDS):
            before = _turn(server, None, 0, setting.seconds)
            rounds.append(_turn(server, VIDEO, MANY, setting.seconds) - before)
    return {
        "viewers": MANY,
        "added_percent": round(statistics.median(rounds), 2),
        "turns_percent": [round(one, 1) for one in rounds],
    }


def _ways(server: Server) -> Mapping[str, str]:
    return {"mjpeg": MJPEG, "video": VIDEO, "jpeg, 960 wide": SCALED_JPEG, "encoded, 960 wide": ENCODED}


def _viewers(server: Server, path: str, count: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.live_view.viewer", str(server.port), path, str(count), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _figures(child: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = child.communicate(timeout=120)
    if child.returncode:
        raise RuntimeError(f"a viewer ended with {child.returncode}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _turn(server: Server, path: str | None, count: int, seconds: float) -> float:
    """Return the server's processor time while so many watch, in percent of a core."""
    if path is None:
        time.sleep(1.0)  # what the turn before left is done
        before_s, cpu_s = time.monotonic(), server.cpu_s()
        time.sleep(seconds)
        return 100 * (server.cpu_s() - cpu_s) / (time.monotonic() - before_s)
    child = _viewers(server, path, count, seconds)
    assert child.stdout is not None
    child.stdout.readline()  # all have begun
    before_s, cpu_s = time.monotonic(), server.cpu_s()
    time.sleep(0.9 * seconds)
    used = 100 * (server.cpu_s() - cpu_s) / (time.monotonic() - before_s)
    _figures(child)
    return used


def _wait_until_live(server: Server) -> None:
    import urllib.request

    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        with urllib.request.urlopen(f"{server.url}api/streams", timeout=10) as answer:
            if all(one["frames_done"] > 25 for one in json.load(answer)["streams"]):
                return
        time.sleep(0.2)
    raise RuntimeError("the cameras gave no pictures within 30 s")


def _ratio(one: float, other: float) -> float | None:
    return round(one / other, 3) if other > 0 else None
