"""Pictures over HTTP: MJPEG as browsers read it, and snapshot addresses, which are asked again and again."""

from __future__ import annotations

import http.client
import time
from collections import deque
from typing import Any, NamedTuple

from pipelines.capture.ffmpeg.damage import CLEAN_WITHIN_S
from pipelines.capture.http.client import HttpClient, HttpResponse
from pipelines.capture.http.failure import answer_failure, request_failure
from pipelines.capture.http.jpeg_stream import MAX_PICTURE_BYTES, JpegStream
from pipelines.capture.http.picture_tap import PictureTap
from pipelines.capture.http.snapshots import LastSnapshot, SnapshotPace
from pipelines.capture.pictures.still import StillDecoder, is_still
from pipelines.capture.silence import SilenceLimit
from pipelines.capture.source import NOT_YET, Captured, NotYet, SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError, SourceStalledError
from streamvision.core.telemetry import DropCounter

LOOK_S = 0.25
"""So often a wait for the next snapshot returns, so that the stream can be stopped."""
READ_ON_S = 0.25
"""For so long a live stream is read on before a picture is decoded, where more of it has come already."""


class _File(NamedTuple):
    """The file of one picture, as it came."""

    data: bytes
    captured_at_s: float


class HttpPictures:
    """Reads pictures from an address that has just answered with one, or with a stream of them.

    An answer that ends after one picture is a snapshot, whatever it calls itself, and its address is asked again.
    """

    expected_frames: int | None = None
    paced = False

    def __init__(
        self,
        spec: SourceSpec,
        *,
        config: StreamConfig,
        drops: DropCounter,
        client: HttpClient,
        response: HttpResponse,
        begin: bytes,
        tap: PictureTap | None = None,
    ) -> None:
        """Prepare.

        Args:
            spec: the source.
            config: its settings.
            drops: counts ``decode_behind`` (skipped undecoded, for newer ones) and ``damaged``.
            client: what asks.
            response: its first answer.
            begin: what was read of it.
            tap: takes each picture's file, those too that are skipped undecoded.
        """
        self._spec = spec
        self._config = config
        self._drops = drops
        self._client = client
        self._tap = tap
        self._response: HttpResponse | None = response
        self._decoder = StillDecoder()
        self._silence = SilenceLimit(config.read_timeout_s)
        self._pace = SnapshotPace(config.snapshot_fps)
        self._last = LastSnapshot()
        self._files: deque[_File] = deque()
        self._first_s: float | None = None
        self._damaged_since_s: float | None = None
        self._heard_s = time.monotonic()
        self._asked_s = self._heard_s
        self._due_s = 0.0
        self._is_snapshot = False
        self._newest = b""
        self._begin_answer(response)
        self._take_bytes(begin)

    def read(self) -> Captured | NotYet | None:
        """Return the next picture; :data:`NOT_YET` while a snapshot address has no new one, or one is damaged."""
        while True:
            while not self._files:
                if self._response is not None:
                    self._receive(self._response)
                elif not self._spec.live:
                    return None
                elif not self._asked_again():
                    return NOT_YET
            file = self._files.popleft()
            picture = self._decoder.decode(file.data)
            if picture is None:
                self._note_damaged()
                return NOT_YET
            self._damaged_since_s = None
            if self._first_s is None:
                self._first_s = file.captured_at_s
            return Captured(picture, max(file.captured_at_s - self._first_s, 0.0), file.captured_at_s)

    def describe(self) -> dict[str, Any]:
        """Return what is known of the address: whether it gives single pictures, or a stream of them."""
        return {"container": "snapshots" if self._is_one or self._is_snapshot else "mjpeg"}

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
        self._response = None
        self._files.clear()
        if self._tap is not None:
            self._tap.end()

    def _begin_answer(self, response: HttpResponse) -> None:
        self._jpegs = JpegStream()
        self._other = bytearray()
        self._found = 0
        # Phones put a second picture behind the first, in the same file.
        self._is_one = response.content_type.startswith("image/") and response.raw.length is not None
        self._answered_s = time.monotonic()

    def _receive(self, response: HttpResponse) -> None:
        """Take what comes next; of a live stream all that has come, and only the newest picture of it."""
        begin_s = time.monotonic()
        deadline_s = max(self._heard_s, self._answered_s) + self._silence.limit_s
        if begin_s >= deadline_s:
            raise self._silent()
        try:
            data = response.read_some(deadline_s)
            self._take_bytes(data)
            while data and self._reads_on(response, begin_s):
                data = response.read_some(deadline_s)
                self._take_bytes(data)
        except TimeoutError:
            if not (self._found == 1 and response.content_type.startswith("image/")):
                raise self._silent() from None
            data = b""  # a picture whose announced length is wrong
            self._client.close()
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(f"{self._spec.safe_uri} broke off: {request_failure(error, self._spec)}") from None
        if not data:
            self._end_answer(response)
        while self._spec.live and len(self._files) > 1:
            self._files.popleft()
            self._drops.add("decode_behind")

    def _reads_on(self, response: HttpResponse, begin_s: float) -> bool:
        return self._spec.live and time.monotonic() - begin_s < READ_ON_S and response.has_data()

    def _note_damaged(self) -> None:
        """Count a damaged picture.

        Raises:
            SourceError: when there have been no others for too long.
        """
        self._drops.add("damaged")
        now_s = time.monotonic()
        if self._damaged_since_s is None:
            self._damaged_since_s = now_s
        elif now_s - self._damaged_since_s > CLEAN_WITHIN_S:
            raise SourceError(f"{self._spec.safe_uri} has sent no undamaged picture for {CLEAN_WITHIN_S:g} s")

    def _take_bytes(self, data: bytes) -> None:
        lost = self._jpegs.lost
        self._take(self._jpegs.feed(data))
        if not self._jpegs.begun and not self._found and len(self._other) < MAX_PICTURE_BYTES:
            self._other += data
        if self._jpegs.lost > lost:
            self._drops.add("damaged", self._jpegs.lost - lost)

    def _take(self, pictures: list[bytes]) -> None:
        now_s = time.monotonic()
        for picture in pictures[: 1 - self._found] if self._is_one else pictures:
            self._found += 1
            self._heard_s = now_s
            if not self._is_snapshot:
                self._silence.arrived(now_s)
                self._newest = picture
                self._add(_File(picture, now_s))
            elif self._found == 1:
                self._take_snapshot(picture)
        if self._found > 1:
            self._is_snapshot = False

    def _take_snapshot(self, picture: bytes) -> None:
        assert self._response is not None
        headers = self._response.raw.headers
        changed = self._last.take(picture, headers, time.monotonic())
        self._pace.answered(changed=changed)
        if changed:
            self._add(_File(picture, self._answered_s - self._last.age_s(headers)))

    def _add(self, file: _File) -> None:
        self._files.append(file)
        if self._tap is not None:
            self._tap.take(file.data, file.captured_at_s)

    def _end_answer(self, response: HttpResponse) -> None:
        """Decide at the end of an answer what it was: a snapshot, a stream that broke, or nothing of use."""
        self._take(self._jpegs.finish())
        if not self._found and is_still(bytes(self._other[:16])):
            self._take([bytes(self._other)])
        response.finish()
        self._response = None
        if not self._found:
            raise SourceError(f"{self._spec.safe_uri} answers without a picture; check the address")
        if self._found > 1:
            raise SourceError(f"{self._spec.safe_uri} closed the connection")
        if not self._is_snapshot:
            self._is_snapshot = True
            self._note_first(response)
        took_s = time.monotonic() - self._asked_s
        self._due_s = time.monotonic() + self._pace.wait_s(took_s)

    def _note_first(self, response: HttpResponse) -> None:
        """Set down what is known of the picture that showed the address to be one of snapshots."""
        self._last.take(self._newest, response.raw.headers, time.monotonic())
        self._newest = b""

    def _asked_again(self) -> bool:
        """Ask for the next snapshot where it is due; return whether there is an answer to read."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            time.sleep(min(self._due_s - now_s, LOOK_S))
            return False
        self._asked_s = now_s
        try:
            response = self._client.get(now_s + self._config.open_timeout_s, self._last.conditions(now_s))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return self._missed(SourceError(request_failure(error, self._spec)))
        if response.status == http.client.NOT_MODIFIED:
            response.finish()
            self._heard_s = time.monotonic()
            self._pace.answered(changed=False)
            self._due_s = self._heard_s + self._pace.wait_s(self._heard_s - now_s)
            return False
        if failure := answer_failure(response, self._spec):
            response.finish()
            return self._missed(failure)
        self._response = response
        self._begin_answer(response)
        return True

    def _missed(self, failure: SourceError) -> bool:
        """Bear with an address that fails now and then.

        Raises:
            SourceError: when it cannot get better by itself, or has lasted for too long.
        """
        now_s = time.monotonic()
        if failure.permanent or now_s - self._heard_s >= self._silence.limit_s:
            raise failure
        self._client.close()
        self._due_s = now_s + self._pace.wait_s(now_s - self._asked_s)
        return False

    def _silent(self) -> SourceError:
        if not self._found and self._jpegs.bytes_in > 0:
            return SourceError(f"{self._spec.safe_uri} sends data, but no picture is in it; check the address")
        return SourceStalledError(self._silence.sentence(self._spec.safe_uri))
