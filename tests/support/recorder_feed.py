"""The packets of coded videos, handed to a recording writer as a camera would, and what came to the files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipelines.capture.packets import EncodedPacket
from pipelines.recording.recording_writer import RecordingWriter
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.telemetry import DropCounter
from support.coded_videos import FPS, CodedVideo
from support.recording import FolderStore, pictures_of

START_S = time.monotonic() - 100


def writer_for(store: FolderStore, **settings: Any) -> RecordingWriter:
    return RecordingWriter("cam", RecordingConfig.model_validate(settings), store, DropCounter())


def numbers(path: Path) -> list[int]:
    return [number for _, number in pictures_of(path)]


def all_numbers(store: FolderStore) -> list[list[int]]:
    return [numbers(segment.path) for segment in store.written]


def feed(writer: RecordingWriter, packets: Iterable[EncodedPacket], until_s: float | None = None) -> None:
    for packet in packets:
        if until_s is not None and packet.arrived_at_s > until_s:
            return
        writer.packet(packet)


def second(video: CodedVideo, since_s: float, until_s: float = 1e9, **clock: float) -> Iterator[EncodedPacket]:
    """Yield the packets of these seconds of the video."""
    origin_s = next(video.at(0)).arrived_at_s
    for packet in video.at(START_S - origin_s, **clock):
        if since_s <= round(packet.arrived_at_s - START_S, 4) < until_s:
            yield packet


def seconds(since: int, until_: int) -> list[int]:
    return list(range(since * FPS, until_ * FPS))
