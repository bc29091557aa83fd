"""Clips of the synthetic drive, painted and coded, with the boxes of what they show."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream

from streamvision.core.detections import Detections
from streamvision.core.errors import MissingDependencyError
from streamvision.core.picture import YuvPicture
from streamvision.datasets.collector import Progress
from streamvision.datasets.trip.spec import ClipCut, TripSpec
from streamvision.synthetic.drive import DriveScene

_ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "crf": "24", "x264-params": "scenecut=0"},
    "libopenh264": {},
}
_BITS_PER_PIXEL_S = 3.0
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


@dataclass(frozen=True, eq=False)
class PaintedClip:
    """A clip as FFmpeg writes it."""

    cut: ClipCut
    """Which frames it holds."""
    video: Path
    """An MP4 file."""
    objects: tuple[Detections, ...]
    """What each frame shows; identities are those of :class:`~streamvision.datasets.trip.world.TrueObject`."""


@lru_cache(maxsize=2)
def scene_of(spec: TripSpec, drive: int) -> DriveScene:
    """Return the scene of a drive."""
    size = spec.width_px, spec.height_px
    return DriveScene(*size, spec.fps, spec.seed, start_s=spec.begin_of(drive), traffic=drive)


def paint_clips(
    spec: TripSpec, cuts: Sequence[ClipCut], folder: Path, *, workers: int | None, progress: Progress
) -> Iterator[PaintedClip]:
    """Paint clips into a folder, several at a time, and yield them in their order.

    Args:
        spec: the card.
        cuts: the clips.
        folder: an empty folder.
        workers: how many processes paint; one a processor core by default.
        progress: called for every clip.
    """
    jobs = [(spec, cut, folder / f"{cut.drive}-{cut.number}.mp4") for cut in cuts]
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    if workers == 1:
        yield from (_told(_painted(job), done, len(jobs), progress) for done, job in enumerate(jobs, 1))
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done, clip in enumerate(pool.map(_painted, jobs), 1):
            yield _told(clip, done, len(jobs), progress)


def _told(clip: PaintedClip, done: int, total: int, progress: Progress) -> PaintedClip:
    progress("clips painted", done, total)
    return clip


def _painted(job: tuple[TripSpec, ClipCut, Path]) -> PaintedClip:
    spec, cut, path = job
    scene = scene_of(spec, cut.drive)
    objects = []
    with av.open(str(path), "w", format="mp4") as file:
        stream = _video_stream(file, spec)
        for number in range(cut.frames):
            frame = _video_frame(scene.picture_at(cut.first + number))
            frame.pts, frame.time_base = number, 1 / _rate(spec)
            file.mux(stream.encode(frame))
            objects.append(scene.objects_at(cut.first + number))
        file.mux(stream.encode())
    return PaintedClip(cut, path, tuple(objects))


def _rate(spec: TripSpec) -> Fraction:
    return Fraction(spec.fps).limit_denominator(1001)


def _video_stream(file: av.container.OutputContainer, spec: TripSpec) -> VideoStream:
    name = next((one for one in _ENCODERS if one in av.codecs_available), None)
    if name is None:
        raise MissingDependencyError(
            "this PyAV has no H.264 encoder (libx264 or libopenh264); pip install --force-reinstall av brings one"
        )
    stream: Any = file.add_stream(name, rate=_rate(spec))
    stream.width, stream.height, stream.pix_fmt = spec.width_px, spec.height_px, "yuv420p"
    stream.codec_context.gop_size = max(round(spec.fps), 1)
    stream.codec_context.max_b_frames = 0
    stream.codec_context.color_range = _FULL_RANGE
    stream.codec_context.thread_count = 1  # each clip has a process of its own
    stream.options = _ENCODERS[name] if name == "libx264" else {"b": str(_bits_s(spec))}
    assert isinstance(stream, VideoStream)
    return stream


def _bits_s(spec: TripSpec) -> int:
    return int(_BITS_PER_PIXEL_S * spec.width_px * spec.height_px)


def _video_frame(picture: YuvPicture) -> av.VideoFrame:
    flat = np.concatenate([plane.ravel() for plane in (picture.y, picture.u, picture.v)])
    frame = av.VideoFrame.from_ndarray(flat.reshape(-1, picture.width_px), format="yuv420p")
    frame.color_range = _FULL_RANGE
    return frame
