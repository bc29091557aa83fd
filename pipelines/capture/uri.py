"""Sources by one URI scheme, told apart without flags."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from streamvision.core.errors import SourceError
from streamvision.core.redaction import redact

SourceKind = Literal["file", "rtsp", "http", "v4l2", "images", "gstreamer", "synthetic"]
Policy = Literal["auto", "live", "file"]

ACCEPTED = (
    "a video file, rtsp:// or rtsps://, http:// or https://, /dev/videoN, a folder or glob of images, "
    "gst:PIPELINE, or synthetic:NAME"
)
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

_RECONNECTING: frozenset[SourceKind] = frozenset({"rtsp", "http", "v4l2", "gstreamer"})
_NETWORK_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_NETWORK_URL = re.compile(r"(?:rtsps?|https?)://[^\s\"']+", re.IGNORECASE)
_FILE_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")


@dataclass(frozen=True)
class SourceSpec:
    """One source, understood but not yet opened."""

    kind: SourceKind
    """What sort of source it is."""
    uri: str = field(repr=False)
    """What the reader opens; may carry a password, so it is never shown."""
    live: bool
    """True where the newest frame counts, False where every frame does."""
    safe_uri: str
    """The URI as it may be shown, without user names, passwords and tokens."""
    suggest_id: str
    """A stream id made from the source, in the form that configurations accept."""
    realtime: bool = False
    """Whether a source that could be read faster is played at its own speed."""

    @property
    def reconnects(self) -> bool:
        """Whether the end of the data is a broken connection that is worth another try."""
        return self.kind in _RECONNECTING and not (self.kind == "http" and _is_file_url(self.uri))

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Host and TCP port that must accept before the source can work; ``None`` where there is none."""
        if self.kind not in ("rtsp", "http", "gstreamer"):
            return None
        url = _NETWORK_URL.search(self.uri)
        try:
            parts = urlsplit(url[0] if url else "")
            return (parts.hostname, parts.port or _NETWORK_PORTS[parts.scheme]) if parts.hostname else None
        except ValueError:
            return None


def parse_source(text: str, *, policy: Policy = "auto", realtime: bool = False) -> SourceSpec:
    """Tell the kind of a source apart.

    Args:
        text: a file, ``rtsp://``, ``rtsps://``, ``http(s)://`` (MJPEG, HLS, files), ``/dev/videoN`` or the bare number
            N, an image folder or glob, ``gst:PIPELINE``, or ``synthetic:NAME?fps=..&size=WxH&seed=..&frames=..``.
        policy: ``live`` keeps the newest frame only, ``file`` keeps every frame, ``auto`` decides by the kind.
        realtime: play a file at its own speed, as if it were live. ``policy="live"`` implies it for files.

    Raises:
        SourceError: permanent; when the scheme is unknown, or a file or device does not exist.
    """
    text = text.strip()
    if not text:
        raise _refused(text, "is empty")
    scheme, separator, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme in _NETWORK_PORTS and rest.startswith("//"):
        return _network(text, scheme, policy)
    if scheme == "gst" and separator:
        if not rest.strip():
            raise _refused(text, "is an empty GStreamer pipeline")
        return _spec("gstreamer", rest.strip(), text, "gst", live=policy != "file")
    if scheme == "synthetic" and separator:
        paced = "realtime=0" not in re.split(r"[?&]", rest)
        name = re.split(r"[?&]", rest)[0]
        live = policy == "live" or (policy == "auto" and paced)
        return _spec("synthetic", rest, text, name or "synthetic", live=live, realtime=paced or realtime)
    if text.isascii() and text.isdigit():
        text = f"/dev/video{text}"
    if scheme == "file" and rest.startswith("//"):
        text = rest[2:]
    elif "://" in text:
        raise _refused(text, f"has the scheme {scheme}://, which is not known")
    return _path(text, policy, realtime)


def find_images(pattern: str) -> list[Path]:
    """Return the image files of a folder, a glob or a single file, in natural order: ``2.jpg`` before ``10.jpg``."""
    if Path(pattern).is_dir():
        paths = list(Path(pattern).iterdir())
    else:
        matches = [pattern] if Path(pattern).exists() else glob.glob(pattern, recursive=True)  # noqa: PTH207
        paths = [Path(name) for name in matches]
    return sorted((path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES), key=_natural)


def source_files(spec: SourceSpec) -> list[Path]:
    """Return the files of this machine that a source reads."""
    if spec.kind == "images":
        return find_images(spec.uri)
    return [Path(spec.uri)] if spec.kind == "file" else []


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _network(text: str, scheme: str, policy: Policy) -> SourceSpec:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # as the resolver will; "a..b" is no name
    except ValueError:
        host = None
    if not host:
        raise _refused(text, "names no host or a wrong port (write @ : / ? # in a password as %40 %3A %2F %3F %23)")
    names = [name for name in urlsplit(redact(text)).path.split("/") if name and "=" not in name]
    is_file = scheme.startswith("http") and _is_file_url(text)
    live = policy == "live" or (policy == "auto" and not is_file)
    uri = f"{scheme}{text[len(scheme) :]}"
    return _spec("rtsp" if scheme.startswith("rtsp") else "http", uri, text, "-".join([host, *names]), live=live)


def _is_file_url(uri: str) -> bool:
    return urlsplit(uri).path.lower().endswith(_FILE_SUFFIXES)


def _path(text: str, policy: Policy, realtime: bool) -> SourceSpec:
    path = Path(text).expanduser()
    if re.fullmatch(r"/dev/video\d+", str(path)):
        if not path.exists():
            raise _refused(text, "is no camera of this machine")
        return _spec("v4l2", str(path), text, path.name, live=policy != "file")
    realtime = realtime or policy == "live"
    live = realtime and policy != "file"
    if glob.has_magic(str(path)) and not path.exists():
        if not find_images(str(path)):
            raise _refused(text, "matches no image")
        return _spec("images", str(path), text, path.parent.name or "images", live=live, realtime=realtime)
    if path.is_dir():
        if not find_images(str(path)):
            raise _refused(text, "is a folder without images")
        return _spec("images", str(path), text, path.resolve().name, live=live, realtime=realtime)
    if not path.exists():
        raise _refused(text, "does not exist")
    kind: SourceKind = "images" if path.suffix.lower() in IMAGE_SUFFIXES else "file"
    return _spec(kind, str(path), text, path.stem, live=live, realtime=realtime)


def _spec(kind: SourceKind, uri: str, text: str, name: str, *, live: bool, realtime: bool = False) -> SourceSpec:
    suggested = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:64].rstrip("-.") or kind
    return SourceSpec(kind, uri, live, redact(text), suggested, realtime)


def _refused(text: str, fault: str) -> SourceError:
    return SourceError(f"source {redact(text)!r} {fault}; give {ACCEPTED}", permanent=True)
