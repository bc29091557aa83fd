"""From configuration to sinks: which files there are, whether they can be written, and who writes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pipelines.outputs.background import BackgroundSink
from pipelines.outputs.event_pictures import EventPictureSink
from pipelines.outputs.events import EventSink, open_event_file
from pipelines.outputs.heat_map import HeatMapSink
from pipelines.outputs.json_lines import JsonLinesSink
from pipelines.outputs.line_file import LineFile, cannot_write
from pipelines.outputs.mot import MotSink
from pipelines.outputs.mp4 import Mp4Sink
from pipelines.outputs.sink import Sink
from streamvision.core.config.app import OutputsConfig
from streamvision.core.errors import OutputError
from streamvision.core.telemetry import DropCounter

_VIDEO_SUFFIXES = frozenset({"", ".m4v", ".mov", ".mp4"})


def path_for_stream(path: Path, stream_id: str, *, several: bool) -> Path:
    """Return the file of one stream: ``F.mp4``, or ``F.<stream>.mp4`` where there are several.

    >>> path_for_stream(Path("out/tour.mp4"), "gate", several=True).as_posix()
    'out/tour.gate.mp4'
    """
    return path.with_name(f"{path.stem}.{stream_id}{path.suffix}") if several else path


def check_outputs(config: OutputsConfig, *, stream_ids: Sequence[str], inputs: Iterable[Path] = ()) -> None:
    """Find out whether every file can be written, without touching any; call it before anything slow begins.

    Args:
        config: the files that are wanted.
        stream_ids: all streams, since some files carry their names.
        inputs: the files that are read; none of them may be overwritten.

    Raises:
        OutputError: naming the first file that cannot be written, and why.
    """
    read = {_identity(path) for path in inputs}
    taken: set[object] = set()
    for path in _paths(config, stream_ids):
        _check_writable(path)
        identity = _identity(path)
        if identity in taken:
            raise OutputError(f"two outputs have the same file {path}; give each its own")
        if identity in read:
            raise OutputError(f"output {path} would overwrite its own source or model; give another file")
        taken.add(identity)
    if config.event_pictures is not None:
        _check_folder(config.event_pictures)
    if config.record is not None and config.record.suffix.lower() not in _VIDEO_SUFFIXES:
        raise OutputError(f"cannot record {config.record}: recordings are MP4; give a name that ends in .mp4")


def open_sinks(
    config: OutputsConfig,
    live: Mapping[str, bool],
    *,
    names: tuple[str, ...],
    drops: Mapping[str, DropCounter] | None = None,
    heat_maps: Mapping[str, Callable[[], bytes | None]] | None = None,
) -> dict[str, list[Sink]]:
    """Open all files, replacing old ones, and return the sinks of each stream.

    Args:
        config: the files that are wanted.
        live: all streams by id; the recorder of a live one drops frames rather than hold it up, a file waits for it.
        names: class names by class id.
        drops: where frames are counted that a recorder had no time for, by stream.
        heat_maps: what gives each stream's heat map as a PNG file.

    Raises:
        OutputError: when a file cannot be written; those opened before are closed again.
    """
    stream_ids = tuple(live)
    check_outputs(config, stream_ids=stream_ids)
    several = len(stream_ids) > 1
    sinks: dict[str, list[Sink]] = {stream_id: [] for stream_id in stream_ids}
    try:
        if config.detections is not None and stream_ids:
            shared = LineFile(config.detections)
            for stream_id in stream_ids:
                sinks[stream_id].append(JsonLinesSink(shared, names=names))
        if config.events is not None and stream_ids:
            events = open_event_file(config.events)
            for stream_id in stream_ids:
                sinks[stream_id].append(EventSink(events))
        for stream_id in stream_ids:
            sinks[stream_id] += _picture_sinks(config, stream_id, live, drops or {}, heat_maps or {})
            if config.mot is not None:
                sinks[stream_id].append(MotSink(LineFile(path_for_stream(config.mot, stream_id, several=several))))
            if config.record is not None:
                path = path_for_stream(config.record, stream_id, several=several)
                recorder = BackgroundSink(
                    Mp4Sink(path),
                    name=f"recording {path}",
                    lossless=not live[stream_id],
                    drops=drops[stream_id] if drops else None,
                )
                sinks[stream_id].append(recorder)
    except Exception:
        for sink in (sink for opened in sinks.values() for sink in opened):
            with suppress(OutputError):
                sink.close()
        raise
    return sinks


def _picture_sinks(
    config: OutputsConfig,
    stream_id: str,
    live: Mapping[str, bool],
    drops: Mapping[str, DropCounter],
    heat_maps: Mapping[str, Callable[[], bytes | None]],
) -> list[Sink]:
    """Return what writes one stream's pictures of events and its heat map."""
    sinks: list[Sink] = []
    if config.event_pictures is not None:
        try:
            config.event_pictures.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(config.event_pictures, error) from error
        kept, lossless = config.event_pictures_kept, not live[stream_id]
        sinks.append(EventPictureSink(config.event_pictures, kept=kept, lossless=lossless, drops=drops.get(stream_id)))
    if config.heat_map is not None and stream_id in heat_maps:
        path = path_for_stream(config.heat_map, stream_id, several=len(live) > 1)
        sinks.append(HeatMapSink(path, heat_maps[stream_id]))
    return sinks


def _identity(path: Path) -> object:
    """Return what is equal for all names of one file, links included."""
    try:
        found = path.stat()
    except OSError:
        return path.resolve()
    return found.st_dev, found.st_ino


def _paths(config: OutputsConfig, stream_ids: Sequence[str]) -> list[Path]:
    several = len(stream_ids) > 1
    paths = [path for path in (config.detections, config.events) if path is not None]
    for path in (config.mot, config.record, config.heat_map):
        if path is not None:
            paths += [path_for_stream(path, stream_id, several=several) for stream_id in stream_ids]
    return paths


def _check_writable(path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give the name of a file in it")
    if not folder.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {folder}; create it with mkdir -p {folder}")
    target = path if path.exists() else folder
    if not os.access(target, os.W_OK):
        raise OutputError(f"cannot write {path}: {target} is not writable; give a file in a folder that you may write")


def _check_folder(path: Path) -> None:
    """Find out whether a folder can be written to, or made."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"cannot write pictures to {path}: it is a file; give a folder")
    if not path.is_dir() and not path.parent.is_dir():
        raise OutputError(f"cannot make {path}: there is no folder {path.parent}; create it with mkdir -p {path}")
    target = path if path.is_dir() else path.parent
    if not os.access(target, os.W_OK):
        raise OutputError(f"cannot write to {path}: {target} is not writable; give a folder that you may write to")
