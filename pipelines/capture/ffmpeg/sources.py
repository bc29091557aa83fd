"""The kinds of sources that FFmpeg reads: files, RTSP, HTTP and USB cameras."""

from __future__ import annotations

import logging
import re
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.capture.file_list import FileList, folder_name, is_pattern, is_picture, list_files, printable
from pipelines.capture.source import STDIN, Policy, SourceKind, SourceSpec, local_path, local_source, url_endpoint
from streamvision.core.addresses import MASK, with_escaped_user_info
from streamvision.core.redaction import redact_source

log = logging.getLogger(__name__)

_READER = "pipelines.capture.ffmpeg.reader:PyAvReader"
_CAMERA = re.compile(r"(?:/dev/video)?([0-9]+)")
_TRACK = re.compile(r"(?s)(.+)\?track=([0-9]{1,4})")
_SCHEMES = {"network": ("rtmp", "rtmps", "srt", "udp", "rtp", "tcp")}
_FILM = re.compile(r".+\.(3g[2p]|avi|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|mxf|ogv|webm|wmv)", re.IGNORECASE)
"""Paths on a server that are no camera's."""


def _file(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    path, track = local_path(text), None
    if path is None and (with_track := _TRACK.fullmatch(text)):
        path, track = local_path(with_track[1]), int(with_track[2])
    if path is None or not path.is_file() or is_picture(path) or _is_camera(text):
        return None
    name = path.stem if track is None else f"{path.stem}-track-{track}"
    return replace(local_source("file", path, text, name, policy, realtime), track=track)


def video_source(files: FileList, path: Path, text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    """Return the source of the videos in a list of files; ``None`` where it has none, or pictures are to be read."""
    if not files.of_videos:
        return None
    if mixture := files.mixture():
        log.warning("%s has %s", printable(text), mixture)
    return local_source("videos", path, text, folder_name(files.videos), policy, realtime, files=files.videos)


def _videos(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    path = local_path(text)
    if not (is_pattern(text) if path is None else path.is_dir()):
        return None
    spec = video_source(list_files([text]), path or Path(text).expanduser(), text, policy, realtime)
    if spec is None and path is not None:
        raise ValueError("is a folder without images or videos")
    return spec


def _pipe(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    path = None if text == STDIN else local_path(text)
    if text != STDIN and (path is None or not _is_pipe(path)):
        return None
    return SourceSpec(
        kind="pipe",
        uri=STDIN if path is None else str(path.absolute()),
        text=printable(text),
        name="stdin" if path is None else printable(path.stem),
        live=(realtime or policy == "live") and policy != "file",
        realtime=realtime,
    )


def _is_pipe(path: Path) -> bool:
    """Say whether a path is that of a named pipe, or of another device that gives bytes one after another."""
    mode = path.stat().st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _is_camera(text: str) -> bool:
    """Say whether a text names a camera that is there; a bare number may be the name of a file, too."""
    found = _CAMERA.fullmatch(text)
    return found is not None and Path(f"/dev/video{found[1]}").exists()


def _network(kind: str, text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme not in _SCHEMES.get(kind, (kind, f"{kind}s")) or not rest.startswith("//"):
        return None
    uri = f"{scheme}://{with_escaped_user_info(rest[2:])}"
    try:
        parts, shown = urlsplit(uri), urlsplit(redact_source(text))
        host, port = parts.hostname, parts.port
        if not host and port and kind == "network":
            host = scheme  # a port of this machine on which it listens
        (host or "").encode("idna")  # as the resolver will; "a..b" is no name
    except ValueError:
        host = None
    if not host:
        raise ValueError("names no host or a wrong port (write @ : / ? # in a password as %40 %3A %2F %3F %23)")
    folders = [name for name in shown.path.split("/") if name and "=" not in name and MASK not in name]
    is_file = kind == "http" and _FILM.fullmatch(parts.path) is not None
    return SourceSpec(
        kind=kind,
        uri=uri,
        text=text,
        name="-".join([shown.hostname or host, *folders]),
        live=policy == "live" or (policy == "auto" and not is_file),
        reconnects=not is_file,
        endpoint=url_endpoint(uri),
    )


def _camera(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    found = _CAMERA.fullmatch(text)
    if found is None:
        return None
    path = Path(f"/dev/video{found[1]}")
    if not path.exists() and local_path(text) is not None:
        return None
    live = policy != "file"
    return SourceSpec(
        kind="v4l2", uri=str(path), text=str(path), name=path.name, live=live, reconnects=True, endpoint=path
    )


FILE = SourceKind(
    name="file",
    summary="any file that FFmpeg reads",
    accepts="a video file",
    example="drive.mp4",
    has_packets=True,
    factory="pipelines.capture.salvage.reader:FileReader",
    parse=_file,
    files=lambda spec: [Path(spec.uri)],
)
VIDEOS = SourceKind(
    name="videos",
    summary="folder or glob of videos",
    accepts="a folder or glob of videos",
    example="drive/",
    has_packets=True,
    factory="pipelines.capture.ffmpeg.videos_reader:VideosReader",
    parse=_videos,
    files=lambda spec: list(spec.files),
)
RTSP = SourceKind(
    name="rtsp",
    summary="RTSP, over TCP or UDP",
    accepts="rtsp:// or rtsps://",
    example="rtsp://user:password@camera/stream",
    has_packets=True,
    factory=_READER,
    parse=partial(_network, "rtsp"),
)
HTTP = SourceKind(
    name="http",
    summary="HTTP: MJPEG, snapshots, HLS",
    accepts="http:// or https://",
    example="http://camera/video.mjpg",
    has_packets=True,
    factory="pipelines.capture.http.reader:HttpReader",
    parse=partial(_network, "http"),
)
NETWORK = SourceKind(
    name="network",
    summary="RTMP, SRT, UDP, RTP and TCP streams",
    accepts="rtmp://, srt://, udp://, rtp:// or tcp://",
    example="udp://239.0.0.1:5000",
    has_packets=True,
    factory=_READER,
    parse=partial(_network, "network"),
)
PIPE = SourceKind(
    name="pipe",
    summary="standard input or a named pipe",
    accepts="- (the standard input) or a named pipe",
    example="-",
    has_packets=True,
    factory="pipelines.capture.ffmpeg.pipe_reader:PipeReader",
    parse=_pipe,
)
V4L2 = SourceKind(
    name="v4l2",
    summary="USB camera",
    accepts="/dev/videoN",
    example="/dev/video0",
    has_packets=True,
    factory=_READER,
    parse=_camera,
)
