"""One picture of a source, as a try before it becomes a stream."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import Captured, Reader
from pipelines.rendering.renderer import JpegEncoder
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import BusyError, SourceError, StreamVisionError

TRY_S = 10.0
"""Longest time for a try."""
TIMEOUT_S = 5.0
"""Longest wait for a connection, and for a picture."""
AT_ONCE = 3
"""Most tries at a time."""

_free = threading.BoundedSemaphore(AT_ONCE)


def first_picture(config: StreamConfig) -> bytes:
    """Return the first picture of a source as a JPEG file.

    Raises:
        BusyError: when too many are being tried.
        SourceError: when it cannot be opened, or gives no picture within :data:`TRY_S`.
    """
    spec = parse_source(config.source, policy=config.policy, realtime=config.realtime)
    timeouts = {
        "open_timeout_s": min(config.open_timeout_s, TIMEOUT_S),
        "read_timeout_s": min(max(config.read_timeout_s, TIMEOUT_S), TIMEOUT_S),
    }
    reader = create_reader(spec, config=config.model_copy(update=timeouts))
    if not _free.acquire(blocking=False):
        raise BusyError(f"{AT_ONCE} sources are being tried already; wait some seconds")
    attempt = _Attempt(reader)
    threading.Thread(target=attempt.run, name="source-trial", daemon=True).start()
    if not attempt.done.wait(TRY_S):
        attempt.given_up = True
        raise SourceError(f"{spec.safe_uri} gave no picture within {TRY_S:g} s; is it the right address?")
    if attempt.error is not None:
        raise attempt.error
    if attempt.jpeg is None:
        raise SourceError(f"{spec.safe_uri} ended before its first picture")
    return attempt.jpeg


class _Attempt:
    """One try in a thread of its own: a library that hangs is left behind, and counts among those at once."""

    def __init__(self, reader: Reader) -> None:
        self.done = threading.Event()
        self.given_up = False
        self.jpeg: bytes | None = None
        self.error: StreamVisionError | None = None
        self._reader = reader

    def run(self) -> None:
        try:
            self._reader.open()
            deadline_s = time.monotonic() + TRY_S
            while not self.given_up and time.monotonic() < deadline_s:
                captured = self._reader.read()
                if captured is None:
                    break
                if isinstance(captured, Captured):
                    self.jpeg = JpegEncoder()(captured.picture.to_canvas())
                    break
        except StreamVisionError as error:
            self.error = error
        except Exception as error:  # of somebody's plug-in
            self.error = SourceError(f"the source cannot be read: {error!r}")
        finally:
            self.done.set()
            with suppress(Exception):
                self._reader.close()
            _free.release()
