"""The kinds of sources. A new one is one file with its :class:`SourceKind`, its test and its line here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from pipelines.capture.array_reader import ARRAYS
from pipelines.capture.ffmpeg.sources import FILE, HTTP, NETWORK, PIPE, RTSP, V4L2, VIDEOS, video_source
from pipelines.capture.file_list import is_pattern, list_files, printable
from pipelines.capture.gstreamer_reader import GSTREAMER
from pipelines.capture.packets import PacketListener
from pipelines.capture.pictures.images import IMAGES, picture_source
from pipelines.capture.source import Policy, Reader, SourceKind, SourceSpec, local_path
from pipelines.capture.synthetic_reader import SYNTHETIC
from pipelines.capture.trip.source import TRIP
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.kept_files import first_kept
from streamvision.core.redaction import redact_source
from streamvision.core.registry import Registry
from streamvision.core.telemetry import DropCounter

SOURCES: Registry[SourceKind] = Registry(
    "source kind",
    group="streamvision.sources",
    plugins=[FILE, RTSP, HTTP, NETWORK, V4L2, IMAGES, VIDEOS, PIPE, GSTREAMER, TRIP, SYNTHETIC],
)
"""In the order in which a text is offered to them."""


def parse_source(source: str | Sequence[str], *, policy: Policy = "auto", realtime: bool = False) -> SourceSpec:
    """Return what a text says of a source, by the first kind that knows it.

    Args:
        source: a file, ``rtsp://``, ``rtsps://``, ``http(s)://`` (MJPEG, HLS, files), ``/dev/videoN`` or the bare
            number N (a file of that name where there is no such camera), a folder or glob of pictures or videos,
            ``f_%04d.png``, ``gst:PIPELINE``, ``trip:FOLDER?view=..&drive=..`` (the card of a dashcam),
            ``synthetic:NAME?fps=..&size=WxH&seed=..&frames=..``, or what an installed package adds.
            Several files, folders and globs are one stream.
        policy: ``live`` keeps the newest frame only, ``file`` keeps every frame, ``auto`` decides by the kind.
        realtime: play a file at its own speed, as if it were live. ``policy="live"`` implies it for files.

    Raises:
        SourceError: permanent; when the scheme is unknown, a file or device does not exist, or a file is one of the
            database's of this process.
    """
    spec = _parsed(source, policy, realtime)
    _refuse_kept_files(spec)
    return spec


def _parsed(source: str | Sequence[str], policy: Policy, realtime: bool) -> SourceSpec:
    if not isinstance(source, str) and len(source) != 1:
        return _parse_paths([_local_name(text) for text in source], policy, realtime)
    text = _local_name(source if isinstance(source, str) else source[0])
    if not text:
        raise _refused(text, "is empty")
    kinds: tuple[SourceKind, ...] = (*SOURCES, ARRAYS)
    for kind in kinds:
        try:
            spec = kind.parsed(text, policy, realtime)
        except ValueError as error:
            raise _refused(text, str(error)) from None
        except (OSError, RuntimeError) as error:  # no right to look; the home of nobody
            raise _refused(text, f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
        if spec is not None:
            return spec
    scheme, separator, _ = text.partition("://")
    if separator:
        raise _refused(text, f"has the scheme {scheme.lower()}://, which is not known")
    raise _refused(text, "matches no image or video" if is_pattern(text) else "does not exist")


def _parse_paths(paths: list[str], policy: Policy, realtime: bool) -> SourceSpec:
    """Return the source that reads several files, folders and globs one after another."""
    for path in paths:
        named = local_path(path)
        if not (list_files([path]).exist if named is None else named.is_file() or named.is_dir()):
            raise _refused(path, "is no file, folder or glob, as each of several paths for one stream must be")
    files = list_files(paths)
    if not files.exist:
        raise _refused(", ".join(paths[:3]), "holds no images or videos")
    shown, first = f"{paths[0]} and {len(paths) - 1} more", Path(paths[0]).expanduser()
    spec = video_source(files, first, shown, policy, realtime) or picture_source(files, first, shown, policy, realtime)
    assert spec is not None
    return spec


def _kind_of(spec: SourceSpec) -> SourceKind:
    return ARRAYS if spec.kind == ARRAYS.name else SOURCES.get(spec.kind)


def _local_name(text: str) -> str:
    """Return a text without what is around it; a file of exactly that name is meant as it is written."""
    if local_path(text) is not None:
        return text
    text = text.strip()
    if not text.lower().startswith("file://"):
        return text
    name = re.sub(r"^localhost(?=/)", "", text[len("file://") :])
    return name if local_path(name) is not None else unquote(name)


def create_reader(
    spec: SourceSpec,
    *,
    config: StreamConfig,
    drops: DropCounter | None = None,
    packets: PacketListener | None = None,
) -> Reader:
    """Return a fresh reader, not yet open, which counts what it loses in ``drops``.

    ``packets`` is told of the encoded packets of live sources that have any.

    Raises:
        SourceError: permanent; when a file has become one of the database's since it was parsed.
    """
    _refuse_kept_files(spec)
    kind, drops = _kind_of(spec), drops or DropCounter()
    tapped = {"packets": packets} if packets is not None and kind.has_packets else {}
    reader: Reader = kind.load()(spec, config=config, drops=drops, **tapped)
    return reader


def _refuse_kept_files(spec: SourceSpec) -> None:
    if (kept := first_kept(source_files(spec))) is not None:
        raise SourceError(
            f"source {spec.safe_uri!r} reads {printable(kept.name)!r}, which belongs to the database of this service; "
            "give a camera, a video or pictures",
            permanent=True,
        )


def source_files(spec: SourceSpec) -> list[Path]:
    """Return the files of this machine that a source reads."""
    files = _kind_of(spec).files
    return files(spec) if files is not None else []


def accepted_sources() -> str:
    """Return in words what can be a source."""
    *others, last = [kind.accepts for kind in SOURCES]
    return f"{', '.join(others)}, or {last}"


def _refused(text: str, fault: str) -> SourceError:
    return SourceError(f"source {redact_source(text)!r} {fault}; give {accepted_sources()}", permanent=True)
