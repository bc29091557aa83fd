"""Checks of the video: a film is made and decoded, on the GPU too, and streams of it go through the whole pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import NOT_YET
from streamvision.bench.device.finding import Finding, NotTriedError, Settings, nvidia_machine
from streamvision.bench.device.machine_checks import device_here
from streamvision.bench.pipeline import PipelineFigures, bench_pipeline
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.picture import Picture
from streamvision.models import find_model
from streamvision.synthetic.drive import DriveScene

FPS = 25
MAX_DIFFERENCE_LEVELS = 2.0
"""Mean difference of two decoders' frames; H.264 asks for equal ones, and conversions of a layout may round."""
AGE_ROUNDS, AGE_SLACK_S = 4.0, 0.5
"""A frame may be as old as so many rounds through all streams, at the rate that the machine really does: the queues in
front of the network are as long as that, and not longer."""
_ENCODERS = ("libx264", "libopenh264")
_SAMPLED = 4
_BITS_PER_PIXEL = 0.15
_DRAWN_FRAMES = 50
"""Drawing costs more than all else; the film goes through these there and back."""


def film(settings: Settings) -> Finding:
    """A film of a drawn drive is encoded, and the processor decodes each of its frames."""
    encoder = next((name for name in _ENCODERS if name in av.codecs_available), None)
    if encoder is None:
        raise NotTriedError("this PyAV has no encoder for H.264: pip install --force-reinstall av")
    count = max(round(settings.film_s * FPS), 2)
    part = settings.film.with_suffix(".part.mp4")
    _write_film(part, encoder, count, settings.film_px)
    begin_s = time.monotonic()
    decoded = sum(1 for _ in _pictures(StreamConfig(source=str(part))))
    fps = decoded / (time.monotonic() - begin_s)
    figures = {"frames": decoded, "decode_fps": round(fps, 1)}
    if decoded != count:
        return Finding("failed", f"{decoded} of {count} frames were decoded", figures)
    part.replace(settings.film)
    size = "x".join(map(str, settings.film_px))
    return Finding(
        "passed", f"{count} frames of {size} in H.264, decoded by the processor at {fps:.0f} a second", figures
    )


def decoder(settings: Settings) -> Finding:
    """The GPU's video decoder (NVDEC) gives the processor's frames, each of them."""
    machine = nvidia_machine()
    _need_film(settings)
    if machine.decoder is None:
        raise NotTriedError("neither libnvcuvid (FFmpeg) nor nvv4l2decoder (GStreamer) is installed on this machine")
    if machine.decoder == "cuda":
        config = StreamConfig(source=str(settings.film), decode="cuda")
    else:
        config = StreamConfig(source=gstreamer_source(settings.film), policy="file")
    expected = list(_sampled(StreamConfig(source=str(settings.film))))
    begin_s = time.monotonic()
    found = list(_sampled(config))
    fps = len(found) / (time.monotonic() - begin_s)
    worst = max((_difference(*pair) for pair in zip(found, expected, strict=False)), default=255.0)
    figures = {"frames": len(found), "decode_fps": round(fps, 1), "worst_difference_levels": round(worst, 3)}
    if len(found) != len(expected):
        return Finding("failed", f"{machine.decoder} gave {len(found)} of {len(expected)} frames", figures)
    if worst > MAX_DIFFERENCE_LEVELS:
        return Finding(
            "failed", f"frames of {machine.decoder} are up to {worst:.1f} levels off the processor's", figures
        )
    return Finding("passed", f"{len(found)} frames by {machine.decoder}, equal to the processor's", figures)


def gstreamer_source(path: Path) -> str:
    """Return the source that reads an MP4 file of H.264 by a Jetson's decoder, as the documentation gives it."""
    return f'gst:filesrc location="{path}" ! qtdemux ! h264parse ! nvv4l2decoder ! nvvidconv ! video/x-raw,format=I420'


def streams_1(settings: Settings) -> Finding:
    """One stream."""
    return _streams(1, settings)


def streams_2(settings: Settings) -> Finding:
    """Two streams."""
    return _streams(2, settings)


def streams_4(settings: Settings) -> Finding:
    """Four streams."""
    return _streams(4, settings)


def streams_8(settings: Settings) -> Finding:
    """Eight streams."""
    return _streams(8, settings)


def streams_16(settings: Settings) -> Finding:
    """Sixteen streams."""
    return _streams(16, settings)


def _streams(count: int, settings: Settings) -> Finding:
    """As many cameras at 25 frames a second: each gives frames, and none is older than the rate explains."""
    _need_film(settings)
    device = device_here()
    stream = StreamConfig(source=str(settings.film), realtime=True, loop=True)
    config = AppConfig(
        model=ModelConfig(path=find_model(settings.model), device=device),
        streams=tuple(stream.model_copy(update={"id": f"camera-{index}"}) for index in range(count)),
    )
    figures = bench_pipeline(
        config, seconds=settings.seconds, warmup_s=min(2.0, settings.seconds), costs_s=min(1.0, settings.seconds)
    )
    silent = [one["id"] for one in figures.streams if not one["fps"]]
    limit_s = AGE_ROUNDS * count / max(figures.fps, 0.01) + AGE_SLACK_S
    known = _known(figures) | {"age_limit_s": round(limit_s, 2)}
    said = (
        f"{figures.fps:.1f} frames a second on {device}, age {figures.age_s['p50']:.2f} s (p99 "
        f"{figures.age_s['p99']:.2f}), lock held {figures.gil_ms or 0:.2f} ms a frame"
    )
    if silent:
        return Finding("failed", f"{', '.join(silent)} gave no frame in {figures.seconds:.0f} s", known)
    if figures.age_s["p95"] > limit_s:
        return Finding("failed", f"{said}; frames are older than {limit_s:.1f} s, so that something queues up", known)
    return Finding("passed", said, known)


def _known(figures: PipelineFigures) -> dict[str, Any]:
    return {
        "streams": len(figures.streams),
        "fps": round(figures.fps, 1),
        "offered_fps": None if figures.offered_fps is None else round(figures.offered_fps, 1),
        "age_p50_s": round(figures.age_s["p50"], 3),
        "age_p95_s": round(figures.age_s["p95"], 3),
        "lock_ms": None if figures.gil_ms is None else round(figures.gil_ms, 3),
        "cpu_percent": round(figures.cpu_percent),
        "others_cpu_percent": None if figures.others_cpu_percent is None else round(figures.others_cpu_percent),
        "rss_mb": round(figures.rss_mb),
        "model": figures.model,
        "slowest_fps": min(one["fps"] for one in figures.streams),
    }


def _need_film(settings: Settings) -> None:
    if not settings.film.is_file():
        raise NotTriedError("there is no film to read; see the check of the processor's decoder above")


def _pictures(config: StreamConfig) -> Iterator[Picture]:
    spec = parse_source(config.source if isinstance(config.source, str) else config.source[0], policy=config.policy)
    reader = create_reader(spec, config=config)
    reader.open()
    try:
        while (captured := reader.read()) is not None:
            if captured is not NOT_YET:
                yield captured.picture
    finally:
        reader.close()


def _sampled(config: StreamConfig) -> Iterator[NDArray[np.uint8]]:
    """Yield every fourth pixel of every fourth row of each frame: enough to compare, and all fit into memory."""
    for picture in _pictures(config):
        yield picture.to_bgr()[::_SAMPLED, ::_SAMPLED].copy()


def _difference(frame: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    return float(np.abs(frame.astype(np.int16) - reference).mean())


def _write_film(path: Path, encoder: str, count: int, size_px: tuple[int, int]) -> None:
    width_px, height_px = size_px
    scene = DriveScene(width_px, height_px, FPS, 1)
    drawn = [scene.picture_at(index).to_bgr() for index in range(min(count, _DRAWN_FRAMES))]
    there_and_back = [*drawn, *drawn[-2:0:-1]]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(encoder, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.bit_rate = round(width_px * height_px * FPS * _BITS_PER_PIXEL)
        stream.time_base = Fraction(1, FPS)
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(there_and_back[index % len(there_and_back)], format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
