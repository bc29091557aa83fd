"""``streamvision.index_objects``: what recordings showed, described once and searched as often as you like."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.assembly import name_streams
from pipelines.capture.registry import create_reader, parse_source, source_files
from pipelines.capture.source import NOT_YET, SourceSpec
from streamvision.api.options import Sources, build_config
from streamvision.api.stream import ResultStream
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import CALLS_KEYS
from streamvision.core.config.stream import StreamConfig
from streamvision.core.crops import crop_edges, cut
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.picture import Picture
from streamvision.core.status import StreamStatus
from streamvision.search.collector import TrackletCollector
from streamvision.search.embedder import Embedder
from streamvision.search.index import ObjectIndex, Recording

Box = tuple[float, float, float, float]
REPORT_EVERY = 10
"""Frames between two calls of ``on_progress``."""


def index_objects(
    source: Sources | None = None,
    *,
    model: str | Path | None = None,
    embedder: str | Path,
    embedder_head: str | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    on_progress: Callable[[list[StreamStatus]], None] | None = None,
    **options: Any,
) -> ObjectIndex:
    """Run a detector and a tracker over recordings and describe each identity by an embedding model.

    Args:
        source: a recording, several, or recordings by stream id, as for :func:`streamvision.stream`.
        model: the detector.
        embedder: the embedding model.
        embedder_head: layout of its output, for files that do not say it: ``embed``.
        config: a YAML file or mapping, as for :func:`streamvision.stream`.
        on_progress: called with the status of each stream, every few frames.
        options: as for :func:`streamvision.stream`.

    Returns:
        The identities, to be searched (:meth:`ObjectIndex.search`) or saved
        (:func:`streamvision.search.index_file.save_index`).

    Raises:
        ConfigError: when an argument is not accepted, or a source is live and never ends.
        StreamVisionError: when a source or a model is refused, or fails.
    """
    settled = build_config(source, model=model, config=config, options=options)
    with Embedder.open(embedder, head=embedder_head) as describer:
        return build_index(settled, describer, on_progress=on_progress)


def build_index(
    config: AppConfig, embedder: Embedder, *, on_progress: Callable[[list[StreamStatus]], None] | None = None
) -> ObjectIndex:
    """Do what :func:`index_objects` does, with a configuration and an open embedding model.

    Raises:
        ConfigError: when a source is live and never ends.
        StreamVisionError: when a source or the detector is refused, or fails.
    """
    recordings = recordings_of(config)
    with ResultStream(config) as results:
        collector = TrackletCollector(embedder, names=results.names, memory_s=config.tracker.memory_s)
        for number, result in enumerate(results):
            collector.add(result.result)
            if on_progress is not None and number % REPORT_EVERY == 0:
                on_progress(results.statuses())
    return collector.finish(recordings, settings_sha256=settings_of(config))


def recordings_of(config: AppConfig) -> dict[str, Recording]:
    """Return what would be searched, by stream id.

    Raises:
        ConfigError: when a source is live and has no end, or nothing gives identities.
        SourceError: when a source does not exist.
    """
    if config.tracker.name == "none":
        raise ConfigError("finding an object needs identities, but the tracker is none; give --tracker steady")
    named = name_streams(config.streams)
    for spec, stream in named.values():
        if (spec.live or stream.loop) and config.max_frames is None:
            raise ConfigError(f"{spec.safe_uri} is live and has no end; give a recording, or --max-frames")
    return {name: Recording(spec.safe_uri, _size(spec)) for name, (spec, _) in named.items()}


def settings_of(config: AppConfig) -> str:
    """Return a digest of what decides which identities are found in given recordings."""
    model = config.model.model_dump_json(exclude=set(CALLS_KEYS))
    sections = (config.tracker, config.adaptive, *([config.slices] if config.slices.is_on else []))
    rest = [section.model_dump_json() for section in sections]
    return hashlib.sha256("\n".join([model, *rest, str(config.max_frames)]).encode()).hexdigest()


def picture_of(source: str | Path, *, frame: int = 0, box_xyxy_px: Box | None = None) -> Picture:
    """Return an object on a picture or on a frame of a recording.

    Args:
        source: picture file or recording.
        frame: index of the frame in the recording, from 0.
        box_xyxy_px: where the object is: left, top, right, bottom in pixels; by default it is the whole picture.

    Raises:
        SourceError: when the source cannot be read, or ends before that frame.
        ConfigError: when the box is not on the picture, or the source is live.
    """
    spec = parse_source(str(source), policy="file")
    if spec.kind not in ("file", "images", "synthetic"):
        raise ConfigError(f"{spec.safe_uri} is no recording; give a picture or a video file as the query")
    picture = _frame(spec, frame)
    if box_xyxy_px is None:
        return picture
    size = picture.width_px, picture.height_px
    edges = np.array(box_xyxy_px, np.float32)
    shown = np.clip(edges, 0, [*size, *size])
    if not np.isfinite(edges).all() or (shown[2:] <= shown[:2]).any():
        raise ConfigError(
            f"the box {','.join(f'{edge:g}' for edge in box_xyxy_px)} is not on the picture of {size[0]}x{size[1]}; "
            "give left, top, right and bottom in pixels"
        )
    return cut(picture, *crop_edges(edges[None], picture_px=size, margin=0.0)[0].tolist())


def _frame(spec: SourceSpec, index: int) -> Picture:
    reader = create_reader(spec, config=StreamConfig(source=spec.uri, policy="file"))
    try:
        reader.open()
        number = 0
        while (captured := reader.read()) is not None:
            if captured is NOT_YET:
                continue
            if number == index:
                return captured.picture
            number += 1
        raise SourceError(f"{spec.safe_uri} has {number} frames; give a frame from 0 below that", permanent=True)
    finally:
        reader.close()


def _size(spec: SourceSpec) -> int | None:
    files = source_files(spec)
    return sum(file.stat().st_size for file in files) if files else None
