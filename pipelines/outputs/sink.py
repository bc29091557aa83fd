"""The one interface of everything that results are written to."""

from __future__ import annotations

from typing import Protocol

from streamvision.core.rendered_frame import RenderedFrame


class Sink(Protocol):
    """Takes the results of one stream, in order, from one thread."""

    def write(self, annotated: RenderedFrame) -> None:
        """Take one result; ask it for its canvas only if the picture is needed.

        Raises:
            OutputError: when it cannot be written (disk full, say).
        """

    def close(self) -> None:
        """Finish whatever was begun, so that it can be read; calling it twice is harmless."""
