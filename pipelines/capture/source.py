"""What a source is: recognised by its text without being opened, and read picture by picture.

A kind of source is one :class:`SourceKind`; :mod:`pipelines.capture.registry` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from pipelines.capture.file_list import printable
from streamvision.core.addresses import with_escaped_user_info
from streamvision.core.frame import FilePlace, PacketTime, WallTime
from streamvision.core.picture import Picture
from streamvision.core.position import Position
from streamvision.core.redaction import redact_source
from streamvision.core.registry import Plugin

Policy = Literal["auto", "live", "file"]
STDIN = "-"
"""The source that is the standard input."""

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_URL = re.compile(r"(?:rtsps?|https?)://[^\s\"']+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """One source, understood but not yet opened."""

    kind: str
    """Name of its :class:`SourceKind`."""
    uri: str = field(repr=False)
    """What the reader opens; may carry a password, so it is never shown."""
    text: str = field(repr=False)
    """What the user wrote; may carry a password, too."""
    name: str = field(repr=False)
    """What to call the stream, in any letters."""
    live: bool
    """True where the newest frame counts, False where every frame does."""
    realtime: bool = False
    """Whether a source that could be read faster is played at its own speed."""
    reconnects: bool = False
    """Whether the end of the data is a broken connection that is worth another try."""
    track: int | None = None
    """Number of the video track to read, from 0, where the text says it."""
    files: tuple[Path, ...] = field(default=(), repr=False)
    """Files that are read one after another; empty where it is one address."""
    file_name: str | None = field(default=None, repr=False)
    """What results call the file that is read; ``None`` where it is none."""
    siblings: tuple[Path, ...] = field(default=(), repr=False)
    """Videos of the same camera, by which a file that has lost its index is read; empty: those beside it."""
    endpoint: tuple[str, int] | Path | None = None
    """Host and TCP port that must accept, or device that must exist, before the source can work; ``None``: unknown."""

    @cached_property
    def safe_uri(self) -> str:
        """The source as it may be shown, without user names, passwords and tokens."""
        return redact_source(self.text)

    @cached_property
    def suggest_id(self) -> str:
        """A stream id made from the name, in the form that configurations accept."""
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", self.name).strip("-.")[:64].rstrip("-.") or self.kind


@dataclass(frozen=True, kw_only=True)
class SourceKind(Plugin):
    """One kind of source.

    Its factory is called as ``factory(spec, config=stream_config, drops=drop_counter)`` and gives a :class:`Reader`,
    which counts the frames that it loses, by cause.

    Another package adds one by an entry point in ``streamvision.sources`` that has its name:

    >>> ndi = SourceKind(name="ndi", summary="NDI", factory="my_ndi:NdiReader", accepts="ndi:NAME", example="ndi:CAM 1")
    >>> ndi.parsed("ndi:CAM 1", "auto", False)
    SourceSpec(kind='ndi', live=True, realtime=False, reconnects=True, endpoint=None)
    """

    accepts: str
    """What is to be written, for the message on a text that is no source."""
    example: str
    """One such source, for the documentation."""
    parse: Callable[[str, Policy, bool], SourceSpec | None] | None = None
    """Takes the text, the policy and whether to play in real time; returns ``None`` where it is of another kind, and
    raises ``ValueError`` with what is wrong ("is an empty pipeline") where it is of this one and faulty. By default,
    ``NAME:REST`` with the name of the kind is a live source that reconnects, and ``REST`` is what the reader opens."""
    has_packets: bool = False
    """Whether its factory takes ``packets=``, too: a :class:`pipelines.capture.packets.PacketListener` or ``None``."""
    files: Callable[[SourceSpec], list[Path]] | None = None
    """Returns the files of this machine that a source reads; ``None`` where it reads none."""

    def parsed(self, text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
        """Return the source that a text names, ``None`` where it is of another kind."""
        if self.parse is not None:
            return self.parse(text, policy, realtime)
        scheme, _, rest = text.partition(":")
        if scheme.lower() != self.name or not rest:
            return None
        return SourceSpec(kind=self.name, uri=rest, text=text, name=rest, live=policy != "file", reconnects=True)


class Captured(NamedTuple):
    """One decoded picture and its clocks, before it is given its place in a stream."""

    picture: Picture
    """The pixels."""
    pts_s: float
    """Presentation time in the source's own clock, in seconds; never decreases within one reader."""
    captured_at_s: float
    """When its data reached this machine, on ``time.monotonic()``."""
    place: FilePlace | None = None
    """Where it stands in a file; ``None`` where it is of none."""
    wall_time: WallTime | None = None
    """When it was taken, where the source says so."""
    position: Position | None = None
    """Where on earth the camera was, where the source says so."""
    begins_anew: bool = False
    """Whether nothing carries over from the picture before it, as where another drive begins."""
    packet: PacketTime | None = None
    """The packet that it was decoded from, where packets are passed on."""
    is_as_coded: bool = True
    """Whether it is neither turned nor stretched to be shown."""


class NotYet(Enum):
    """That a source answers but has no new picture."""

    NOT_YET = "not yet"


NOT_YET: Final = NotYet.NOT_YET


class Reader(Protocol):
    """One open connection to a source. It is used by one thread and never reopened: build a new one instead."""

    @property
    def expected_frames(self) -> int | None:
        """How many frames the source says it has, or ``None`` where it cannot know."""

    @property
    def paced(self) -> bool:
        """Whether pictures come faster than they are to be shown, so that the caller waits for each one's time."""

    def open(self) -> None:
        """Connect, within the open timeout.

        Raises:
            SourceError: when it cannot; ``permanent`` where trying again cannot help.
        """

    def read(self) -> Captured | NotYet | None:
        """Return the next picture, ``None`` at the end, or :data:`NOT_YET` where a longer wait is no fault.

        Raises:
            SourceStalledError: when nothing arrived within the read timeout.
            SourceError: when the connection broke or the data is damaged beyond use.
        """

    def close(self) -> None:
        """Release everything; legal in every state, and twice."""


def local_path(text: str) -> Path | None:
    """Return the file or folder of this name; ``None`` where there is none."""
    if not text:
        return None
    try:
        path = Path(text).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # longer than names may be; the home of nobody; a zero byte
        return None


def local_source(
    kind: str, path: Path, text: str, name: str, policy: Policy, realtime: bool, *, files: Sequence[Path] = ()
) -> SourceSpec:
    """Return a source on this machine's disk: live only where it is played at its own speed."""
    realtime = realtime or policy == "live"
    return SourceSpec(
        kind=kind,
        uri=str(path.absolute()),  # FFmpeg takes what stands before a colon for a protocol, unless a / does
        text=printable(text),
        name=printable(name),
        live=realtime and policy != "file",
        realtime=realtime,
        files=tuple(files),
        file_name=printable(path.name),
    )


def url_endpoint(text: str) -> tuple[str, int] | None:
    """Return host and TCP port of the first network URL in a text; ``None`` where there is none."""
    url = _URL.search(text)
    try:
        scheme, _, rest = (url[0] if url else "").partition("://")
        parts = urlsplit(f"{scheme}://{with_escaped_user_info(rest)}")
        return (parts.hostname, parts.port or _PORTS[parts.scheme]) if parts.hostname else None
    except ValueError:
        return None
