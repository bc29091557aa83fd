"""A video file as FFmpeg reads it; where it has lost its index, what can be found in its bytes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import av

from pipelines.capture.ffmpeg.reader import PyAvReader
from pipelines.capture.salvage.film import SUFFIXES, IndexedFilm, Salvaged, lacks_index, salvage

log = logging.getLogger(__name__)

_BUFFER_BYTES = 1 << 18
_DAMAGED = (av.error.InvalidDataError, av.error.EOFError)


class FileReader(PyAvReader):
    """One open file and its video decoder."""

    salvaged: Salvaged | None = None
    """What was found in its bytes where it has lost its index."""
    _film: IndexedFilm | None = None
    _at_end = False

    @property
    def begin_s(self) -> float:
        """Time of its first picture in its own clock, even of one that cannot be decoded."""
        start = self._stream.start_time if self._stream is not None else None
        return float(start * self._stream.time_base) if start is not None else 0.0

    @property
    def fps(self) -> float:
        """Its frame rate."""
        return self.salvaged.fps if self.salvaged is not None else self._promise.fps

    @property
    def lost_s(self) -> float:
        """About how many seconds of it could not be decoded so far; at its end, of all of it."""
        if self._stream is None:
            return 0.0
        lost = self._damage.damaged + (self.salvaged.lost if self.salvaged is not None else 0)
        if self._at_end and self._promise.is_broken(packets=self._packets_read, end_s=self._times.end_s):
            lost += max((self._promise.frames or 0) - self._frames_read, 0)
        return lost / self.fps

    def close(self) -> None:
        """Release decoder and file."""
        super().close()
        if self._film is not None:
            self._film.close()

    def _check_end(self) -> None:
        self._at_end = True
        super()._check_end()

    def _open_container(self, options: dict[str, str]) -> Any:
        path = Path(self._spec.uri)
        salvaged = salvage(path, self._spec.siblings) if lacks_index(path) else None
        if salvaged is None:
            try:
                return super()._open_container(options)
            except _DAMAGED:
                salvaged = salvage(path, self._spec.siblings) if path.suffix.lower() in SUFFIXES else None
                if salvaged is None:
                    raise
        log.warning("%s %s", self._spec.safe_uri, salvaged)
        if salvaged.lost:
            self._drops.add("damaged", salvaged.lost)
        self.salvaged = salvaged
        self._film = IndexedFilm(path, salvaged.index)
        return av.open(self._film, format="mov", options=options, buffer_size=_BUFFER_BYTES)
