"""The heat map of a stream as a PNG file, once the stream is over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.outputs.existing import set_aside
from pipelines.outputs.line_file import cannot_write
from pipelines.outputs.sink import SinkContext
from streamvision.core.rendered_frame import RenderedFrame


class HeatMapSink:
    """Writes the map when it is closed; nothing where there is none.

    Args:
        path: the file.
        png: gives the map as a PNG file, or ``None``.
        overwrite: replace an existing file instead of giving it a dated name.
    """

    def __init__(self, path: Path, png: Callable[[], bytes | None], *, overwrite: bool = False) -> None:
        self._overwrite = overwrite
        self._path = path
        self._png: Callable[[], bytes | None] | None = png

    def write(self, rendered: RenderedFrame) -> None:
        """Take a result; the map has it already."""

    def close(self) -> None:
        """Write the file.

        Raises:
            OutputError: when it cannot be written.
        """
        png, self._png = self._png, None
        picture = png() if png is not None else None
        if picture is not None:
            if not self._overwrite:
                set_aside(self._path)
            try:
                self._path.write_bytes(picture)
            except OSError as error:
                raise cannot_write(self._path, error) from error


def open_heat_map(context: SinkContext) -> HeatMapSink:
    """Return the sink of one stream, which has a file of its own."""
    png = context.heat_map_png or (lambda: None)
    return HeatMapSink(context.target, png, overwrite=context.existing == "overwrite")
