"""HTTP sources, told apart by what they answer: pictures are read here, films and playlists by FFmpeg."""

from __future__ import annotations

import http.client
import time
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from pipelines.capture.ffmpeg.reader import PyAvReader
from pipelines.capture.http.client import HttpClient, HttpResponse, goes_by_proxy
from pipelines.capture.http.failure import answer_failure, page_failure, request_failure
from pipelines.capture.http.picture_tap import PictureTap
from pipelines.capture.http.pictures import HttpPictures
from pipelines.capture.packets import PacketListener
from pipelines.capture.pictures.still import is_still
from pipelines.capture.source import Captured, NotYet, SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.telemetry import DropCounter

FILM_SUFFIXES = frozenset(
    {".avi", ".flv", ".m3u8", ".m4s", ".m4v", ".mkv", ".mov", ".mp4", ".mpd", ".mpg", ".ts", ".webm"}
)
"""Of paths that are given to FFmpeg unasked."""
SNIFF_BYTES = 16
_PART = (b"--", b"content-type:", b"content-length:")


class HttpReader:
    """One connection to an HTTP source, of whatever kind it turns out to be."""

    def __init__(
        self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter, packets: PacketListener | None = None
    ) -> None:
        """Prepare, as :class:`PyAvReader` does."""
        self._spec = spec
        self._config = config
        self._drops = drops
        self._packets = packets if spec.live else None
        self._reader: HttpPictures | PyAvReader | None = None
        self._client: HttpClient | None = None

    @property
    def expected_frames(self) -> int | None:
        """The number that a film gives."""
        return self._reader.expected_frames if self._reader is not None else None

    @property
    def paced(self) -> bool:
        """True for HLS, and for films that are played in real time."""
        return self._reader is not None and self._reader.paced

    def open(self) -> None:
        """Ask, and find out what it is."""
        if not self._is_for_ffmpeg() and (pictures := self._pictures()) is not None:
            self._reader = pictures
            return
        self._reader = PyAvReader(self._spec, config=self._config, drops=self._drops, packets=self._packets)
        try:
            self._reader.open()
        except SourceError as error:
            if not error.permanent and not goes_by_proxy(self._spec.uri):
                self._pictures()  # which says so where it is a web page
            raise

    def read(self) -> Captured | NotYet | None:
        """Return the next picture."""
        assert self._reader is not None
        return self._reader.read()

    def describe(self) -> dict[str, Any]:
        """Return what the source is, as :class:`pipelines.capture.probe.SourceDescription` has it."""
        assert self._reader is not None
        return self._reader.describe()

    def close(self) -> None:
        """Close the connection."""
        if self._reader is not None:
            self._reader.close()
        if self._client is not None:
            self._client.close()

    def _is_for_ffmpeg(self) -> bool:
        suffix = PurePosixPath(urlsplit(self._spec.uri).path).suffix.lower()
        return suffix in FILM_SUFFIXES or goes_by_proxy(self._spec.uri)

    def _pictures(self) -> HttpPictures | None:
        """Return a reader of the pictures at this address; ``None`` where there are none."""
        deadline_s = time.monotonic() + self._config.open_timeout_s
        client = self._client = HttpClient(self._spec.uri)
        try:
            response = client.get(deadline_s)
            if failure := answer_failure(response, self._spec):
                raise failure
            begin = _begin(response, deadline_s)
        except TimeoutError:
            raise SourceError(
                f"{self._spec.safe_uri} did not answer within {self._config.open_timeout_s:g} s"
            ) from None
        except SourceError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(request_failure(error, self._spec)) from None
        if _has_pictures(response, begin):
            return HttpPictures(
                self._spec,
                config=self._config,
                drops=self._drops,
                client=client,
                response=response,
                begin=begin,
                tap=PictureTap(self._packets) if self._packets is not None else None,
            )
        client.close()
        if failure := page_failure(response, begin, self._spec):
            raise failure
        return None


def _is_named_pictures(content_type: str) -> bool:
    kind, _, detail = content_type.partition("/")
    return kind in ("multipart", "image") or "jpeg" in detail or "jpg" in detail


def _begin(response: HttpResponse, deadline_s: float) -> bytes:
    """Return the first bytes of an answer that does not say by its type that it has pictures."""
    begin = b""
    if not _is_named_pictures(response.content_type):
        while len(begin) < SNIFF_BYTES and (more := response.read_some(deadline_s)):
            begin += more
    return begin


def _has_pictures(response: HttpResponse, begin: bytes) -> bool:
    is_part = begin[:64].lstrip(b"\r\n").lower().startswith(_PART)
    return _is_named_pictures(response.content_type) or is_still(begin) or is_part
