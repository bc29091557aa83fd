"""The standard input and named pipes (FIFOs), through FFmpeg.

FFmpeg's own ``pipe:`` and ``file:`` block in the operating system for as long as the writer is silent, and no timeout
ends that; so the bytes are read here.
"""

from __future__ import annotations

import os
import select
import stat
from typing import Any

import av

from pipelines.capture.ffmpeg.open_failure import unreadable_pipe
from pipelines.capture.ffmpeg.opening import known_formats
from pipelines.capture.ffmpeg.reader import PyAvReader
from pipelines.capture.packets import PacketListener
from pipelines.capture.source import STDIN, SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError, SourceStalledError
from streamvision.core.telemetry import DropCounter

SILENCE_S = 60.0
"""Longest wait for a writer where every frame counts: it may compute for long."""
BUFFER_BYTES = 64 * 1024
"""What a pipe holds on Linux."""


class PipeReader(PyAvReader):
    """Reads a film from a pipe to its end; its writer waits where this is slower, unless only new frames count."""

    def __init__(
        self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter, packets: PacketListener | None = None
    ) -> None:
        super().__init__(spec, config=config, drops=drops, packets=packets)
        self._is_file = not spec.live
        self._input: PipeInput | None = None

    def close(self) -> None:
        """Release everything; who writes is told by a broken pipe."""
        super().close()
        if self._input is not None:
            self._input.close()

    def _open_container(self, options: dict[str, str]) -> Any:
        timeout_s = self._config.read_timeout_s if self._spec.live else SILENCE_S
        self._input = PipeInput(self._spec, timeout_s=timeout_s)
        return av.open(self._input, options={**options, **known_formats()}, buffer_size=BUFFER_BYTES)

    def _finite(self) -> bool:
        return True

    def _check_end(self) -> None:
        if not self._frames_read:
            raise unreadable_pipe(self._spec.safe_uri)
        super()._check_end()


class PipeInput:
    """What FFmpeg reads in place of a file: bytes as they come, and a fault where none come for too long."""

    def __init__(self, spec: SourceSpec, *, timeout_s: float) -> None:
        """Open the pipe; for a writer is waited at the first read.

        Raises:
            OSError: when it cannot be opened.
        """
        self._shown = spec.safe_uri
        self._timeout_s = timeout_s
        self._begun = False
        # Without a writer, opening a named pipe would wait for one, for ever.
        self._descriptor: int | None = (
            os.dup(0) if spec.uri == STDIN else os.open(spec.uri, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        )
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes as soon as there are any, and none at the end.

        Raises:
            SourceStalledError: when nothing came for too long.
            SourceError: permanent; when the end comes before the first byte.
        """
        assert self._descriptor is not None
        if not self._poll.poll(self._timeout_s * 1000):
            raise SourceStalledError(
                f"{self._shown} has sent nothing for {self._timeout_s:g} s; start what writes to it"
            )
        data = os.read(self._descriptor, size)
        if not data and not self._begun:
            raise SourceError(f"{self._shown} ended before its first byte; a pipe can be read once", permanent=True)
        self._begun = True
        return data

    def seekable(self) -> bool:
        """Say whether it is a file after all, as after ``<``."""
        assert self._descriptor is not None
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def seek(self, offset: int, whence: int) -> int:
        """Go to another place, where it is a file."""
        assert self._descriptor is not None
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """Return the place that is read next, where it is a file."""
        return self.seek(0, os.SEEK_CUR)

    def close(self) -> None:
        """Let go of the pipe; legal twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
