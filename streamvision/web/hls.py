"""The annotated streams as HTTP Live Streaming (RFC 8216), for players, televisions and browsers.

A reader begins with ``index.m3u8``, which gives it a mark of its own, so that readers can be counted though each of
their requests ends at once.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from datetime import datetime, timezone
from http import HTTPStatus

from flask import Flask, Response, request
from pydantic import Field

from streamvision.core.errors import OutputError
from streamvision.core.live import LiveChannel
from streamvision.core.redaction import short
from streamvision.core.restream import LiveVideos, VideoSegment, VideoWindow
from streamvision.web.access import access
from streamvision.web.openapi import Schema, describe
from streamvision.web.refusal import refuse
from streamvision.web.waiting import awaited

PLAYLIST = "application/vnd.apple.mpegurl"
SEGMENTS_LISTED = 6
"""Most pieces in a playlist; players begin with the third from its end."""
_READER = "streamvision.hls_reader"


class PlaylistQuery(Schema):
    """Whose playlist it is."""

    reader: str = Field("", pattern="^[0-9a-f]{0,32}$")
    """The mark that index.m3u8 gave the reader."""


def add_hls(app: Flask, videos: LiveVideos, channel_of: Callable[[str], LiveChannel]) -> None:
    """Add the addresses of every stream's video.

    Args:
        app: the application.
        videos: who makes them.
        channel_of: returns a stream, or refuses the request.
    """

    def watched(stream_id: str, reader: str) -> VideoWindow:
        channel = channel_of(stream_id)
        try:
            coming = videos.watch(channel, reader)
        except OutputError as error:
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "10"})
        return awaited(coming, f"stream {stream_id!r} gives no picture now; see /api/streams for its state")

    def present(stream_id: str) -> VideoWindow:
        window = videos.window(channel_of(stream_id))
        if window is None:
            refuse(HTTPStatus.NOT_FOUND, f"nobody reads the video of {stream_id!r} now; begin with its index.m3u8")
        return window

    @app.get("/streams/<stream_id>/hls/index.m3u8")
    @access("view")
    @describe(media_type=PLAYLIST)
    def hls_index(stream_id: str) -> Response:
        """Begin the annotated video as HTTP Live Streaming: the playlist of its playlists."""
        reader = _new_reader()
        return Response(_index(watched(stream_id, reader), reader), content_type=PLAYLIST)

    @app.get("/streams/<stream_id>/hls/live.m3u8")
    @access("view")
    @describe(query=PlaylistQuery, media_type=PLAYLIST)
    def hls_playlist(stream_id: str) -> Response:
        """Give the playlist of the newest pieces of the annotated video."""
        reader = request.args.get("reader", "")
        if len(reader) > 32 or not set(reader) <= set("0123456789abcdef"):
            refuse(HTTPStatus.BAD_REQUEST, f"reader={short(reader)} is none of ours; begin with index.m3u8")
        return Response(_playlist(watched(stream_id, reader)), content_type=PLAYLIST)

    @app.get("/streams/<stream_id>/hls/<int:number>.mp4")
    @access("view")
    @describe(media_type="video/mp4")
    def hls_header(stream_id: str, number: int) -> Response:
        """Give what a player needs before the first piece of the annotated video."""
        header = present(stream_id).headers.get(number)
        if header is None:
            refuse(HTTPStatus.NOT_FOUND, f"there is no header {number} any more; read the playlist again")
        return Response(header, content_type="video/mp4")

    @app.get("/streams/<stream_id>/hls/<int:number>.m4s")
    @access("view")
    @describe(media_type="video/mp4")
    def hls_segment(stream_id: str, number: int) -> Response:
        """Give a piece of the annotated video."""
        segment = next((one for one in present(stream_id).segments if one.number == number), None)
        if segment is None:
            refuse(HTTPStatus.NOT_FOUND, f"piece {number} is not there any more, or not yet; read the playlist again")
        return Response(segment.data, content_type="video/mp4")


def _new_reader() -> str:
    """Return a mark for a reader, the same one where the present request is answered a second time."""
    kept = request.environ.get("asgi.scope", request.environ)
    mark: str = kept.setdefault(_READER, secrets.token_hex(8))
    return mark


def _index(window: VideoWindow, reader: str) -> str:
    size = f"{window.width_px}x{window.height_px}"
    return (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        f'#EXT-X-STREAM-INF:BANDWIDTH={window.max_bit_s},CODECS="{window.codecs}",RESOLUTION={size}\n'
        f"live.m3u8?reader={reader}\n"
    )


def _playlist(window: VideoWindow) -> str:
    segments = window.segments[-SEGMENTS_LISTED:]
    target_s = max(1, *(math.floor(one.duration_s + 0.5) for one in segments))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_s}",
        f"#EXT-X-MEDIA-SEQUENCE:{segments[0].number}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{segments[0].generation}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    before: VideoSegment | None = None
    for one in segments:
        if before is None or before.generation != one.generation:
            lines += ["#EXT-X-DISCONTINUITY"] if before else []
            lines.append(f'#EXT-X-MAP:URI="{one.generation}.mp4"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_iso(one.time_unix_s)}")
        lines += [f"#EXTINF:{one.duration_s:.3f},", f"{one.number}.m4s"]
        before = one
    lines += ["#EXT-X-ENDLIST"] if window.is_over else []
    return "\n".join(lines) + "\n"


def _iso(time_unix_s: float) -> str:
    return datetime.fromtimestamp(time_unix_s, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
