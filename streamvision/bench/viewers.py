"""How many can watch: real connections over loopback, and what they cost the process that serves them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder
from streamvision.bench.usage import Usage, machine, rss_mb
from streamvision.bench.video_film import FilmedVideo
from streamvision.bench.viewer_clients import allow_open_files
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import OutputError
from streamvision.core.frame import Frame, Result
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import quantiles_of
from streamvision.synthetic.boxes import BoxesScene
from streamvision.web.certificate import Certificate
from streamvision.web.layers import Layer
from streamvision.web.open_files import raise_limit
from streamvision.web.self_signed import self_signed
from streamvision.web.server import WebServer

STREAM_ID = "bench"
FULL_RATE = 0.98
"""A viewer counts as served at full rate from this share of the published pictures on; the rest is the edge of the
measurement."""
FILM_FRAMES = 50
GRACE_S = 60.0


@dataclass(frozen=True)
class ViewerFigures:
    """What was measured."""

    layer: Layer
    """What they took: MJPEG, the camera's own packets, or video that is encoded here."""
    viewers: int
    """Connections that read."""
    stalled: int
    """Connections that never read."""
    published_fps: float
    """Pictures a second that there were to see."""
    fps: tuple[float, ...]
    """Pictures a second of each viewer."""
    lost: int
    """Viewers whose connection the server ended."""
    cpu_percent: float
    """Of the serving process, with what is drawn and encoded once for all; 100 is one core."""
    idle_cpu_percent: float
    """The same without any viewer."""
    clients_cpu_percent: float
    """Of the process with all the viewers."""
    others_cpu_percent: float | None
    """Of everything else on the machine."""
    rss_mb: float
    """Memory of the serving process at the end."""
    added_mb: float
    """How much of it came with the viewers."""
    picture_kb: float
    """Size of a picture; of packets that are passed on the mean."""
    sent_age_s: Mapping[str, float]
    """Quantiles of a picture's age when it was handed to the network for its first viewer."""

    @property
    def full_rate(self) -> int:
        """How many viewers had every picture."""
        return sum(fps >= FULL_RATE * self.published_fps for fps in self.fps)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        others = self.others_cpu_percent
        return {
            "layer": self.layer,
            "viewers": self.viewers,
            "stalled": self.stalled,
            "published_fps": round(self.published_fps, 2),
            "fps": {
                "min": round(min(self.fps), 2),
                "p50": round(float(np.median(self.fps)), 2),
                "max": round(max(self.fps), 2),
            },
            "full_rate": self.full_rate,
            "lost": self.lost,
            "cpu_percent": round(self.cpu_percent, 1),
            "idle_cpu_percent": round(self.idle_cpu_percent, 1),
            "clients_cpu_percent": round(self.clients_cpu_percent, 1),
            "others_cpu_percent": None if others is None else round(max(others - self.clients_cpu_percent, 0.0), 1),
            "rss_mb": round(self.rss_mb, 1),
            "added_mb": round(self.added_mb, 1),
            "picture_kb": round(self.picture_kb, 1),
            "sent_age_s": self.sent_age_s,
            "machine": machine(),
        }


def bench_viewers(
    *,
    viewers: int,
    stalled: int,
    fps: float,
    size_px: tuple[int, int],
    seconds: float,
    layer: Layer = "jpeg",
    quality: int | None = None,
    tls: bool = False,
) -> ViewerFigures:
    """Publish pictures at a steady rate, serve them, and let a process of viewers count what they get.

    Args:
        viewers: connections that read.
        stalled: connections that never read.
        fps: pictures a second.
        size_px: width and height of the pictures.
        seconds: how long is measured.
        layer: what they take: MJPEG, the camera's own packets, or video that is encoded here.
        quality: of the JPEG files; default: as when serving.
        tls: over HTTPS.

    Raises:
        OutputError: when the viewers could not connect.
    """
    allow_open_files(2 * (viewers + stalled) + 256)
    channel = LiveChannel(STREAM_ID, ("box",))
    encode = JpegEncoder(ServeConfig().jpeg_quality if quality is None else quality)
    view = LiveView({STREAM_ID: channel}, statuses=list, stage_times=dict, model="none")
    # It stays until the end, since the server looks now and then whether the certificate was renewed.
    folder = TemporaryDirectory(prefix="streamvision-bench-") if tls else None
    certificate = _certificate(Path(folder.name)) if folder is not None else None
    raise_limit()  # so that connections have places, too, when all viewers come at once
    server = WebServer(view, port=0, max_viewers=viewers + stalled + 8, certificate=certificate)
    publisher = _Publisher(channel, encode, fps=fps, size_px=size_px)
    if layer != "jpeg":
        publisher.video = view.packets = FilmedVideo(publisher.pictures, fps=fps, view=view)
    server.start()
    try:
        publisher.start()
        with channel.watching() if layer == "jpeg" else nullcontext():
            time.sleep(1.0)
            before = Usage.now()
            time.sleep(min(seconds / 2, 5.0))
            idle_percent, memory_mb = Usage.now().cpu_percent_since(before), rss_mb()
        child = _clients(server.port, viewers=viewers, stalled=stalled, seconds=seconds, layer=layer, tls=tls)
        begin = _when_all_watch(channel, viewers, child)
        published, ages = publisher.published, channel.sent_age_s.count
        document = _finished(child, timeout_s=seconds + GRACE_S)
        end = Usage.now()
        published_fps = (publisher.published - published) / (end.at_s - begin.at_s)
        sent = channel.sent_age_s.newest(channel.sent_age_s.count - ages)
        return ViewerFigures(
            layer=layer,
            viewers=viewers,
            stalled=stalled,
            published_fps=published_fps,
            fps=tuple(document["fps"]),
            lost=document["closed"],
            cpu_percent=end.cpu_percent_since(begin),
            idle_cpu_percent=idle_percent,
            clients_cpu_percent=document["cpu_percent"],
            others_cpu_percent=end.others_percent_since(begin),
            rss_mb=rss_mb(),
            added_mb=rss_mb() - memory_mb,
            picture_kb=publisher.picture_bytes / 1e3,
            sent_age_s=quantiles_of(sent),
        )
    finally:
        publisher.stop()
        server.stop()
        if folder is not None:
            folder.cleanup()


class _Publisher:
    """Publishes a short film over and over, drawn and encoded each time where somebody takes that."""

    def __init__(self, channel: LiveChannel, encode: JpegEncoder, *, fps: float, size_px: tuple[int, int]) -> None:
        scene = BoxesScene(*size_px, fps, 0)
        self._film = [(scene.picture_at(index), scene.objects_at(index)) for index in range(FILM_FRAMES)]
        self._overlay = Overlay(OverlayConfig(), scene.names)
        self._channel, self._encode, self._fps = channel, encode, fps
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.video: FilmedVideo | None = None
        """Its packets; ``None`` where drawn pictures are published."""
        self.published = 0
        self.picture_bytes = 0.0

    @property
    def pictures(self) -> list[BgrPicture]:
        """The pictures of the film."""
        return [picture for picture, _ in self._film]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _run(self) -> None:
        begin_s = time.monotonic()
        index = 0
        while not self._stopping.wait(max(begin_s + index / self._fps - time.monotonic(), 0)):
            picture, objects = self._film[index % FILM_FRAMES]
            captured_at_s = time.monotonic()
            if self.video is not None:
                self.video.send(index, captured_at_s)
            frame = Frame(STREAM_ID, index, index / self._fps, captured_at_s, picture)
            scene = self._overlay.plan(Result(frame, objects), fps=self._fps)
            annotated = RenderedFrame(scene.result, draw=scene.draw, encode=self._encode)
            self.picture_bytes = len(annotated.jpeg()) if self.video is None else self.video.mean_bytes
            self._channel.publish(annotated)
            self.published += 1
            index += 1


def _certificate(folder: Path) -> Certificate:
    """Return a certificate for this measurement alone, whose files lie in a folder."""
    files = self_signed(folder)
    return Certificate(lambda: files)


def _clients(
    port: int, *, viewers: int, stalled: int, seconds: float, layer: Layer, tls: bool
) -> subprocess.Popen[bytes]:
    module = "streamvision.bench.viewer_clients"
    path = f"/streams/{STREAM_ID}/mjpeg" if layer == "jpeg" else f"/api/live?streams={STREAM_ID}&layer={layer}&adapt=0"
    command = [sys.executable, "-m", module, str(port), path, str(viewers), str(stalled), str(seconds)]
    command += ["tls"] if tls else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _when_all_watch(channel: LiveChannel, viewers: int, child: subprocess.Popen[bytes]) -> Usage:
    deadline_s = time.monotonic() + GRACE_S
    while channel.viewers < viewers and child.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return Usage.now()


def _finished(child: subprocess.Popen[bytes], *, timeout_s: float) -> dict[str, Any]:
    try:
        out, error = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise OutputError(f"the viewers were not done within {timeout_s:.0f} s; give fewer viewers") from None
    if child.returncode != 0:
        lines = error.decode(errors="replace").strip().splitlines()
        raise OutputError(f"the viewers could not watch: {lines[-1] if lines else 'no reason given'}")
    document: dict[str, Any] = json.loads(out)
    return document
