"""The one interface of everything that results are written to, and what a sink is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pipelines.outputs.existing import Existing
from pipelines.outputs.line_file import LineFile
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.config.section import Section
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter


class Sink(Protocol):
    """Takes the results of one stream, in order, from one thread."""

    def write(self, rendered: RenderedFrame) -> None:
        """Take one result; ask it for its canvas only if the picture is needed.

        Raises:
            OutputError: when it cannot be written (disk full, say).
        """

    def close(self) -> None:
        """Finish whatever was begun, so that it can be read; calling it twice is harmless."""


@runtime_checkable
class ReportingSink(Sink, Protocol):
    """A sink that says itself how it is doing, since it does not fail by raising."""

    def report(self) -> tuple[str, str]:
        """Return ``writing``, ``failing`` or ``off``, and why in words; empty where all is well."""


@runtime_checkable
class NamingSink(Sink, Protocol):
    """A sink that writes the names of classes down."""

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id: there are more of them than before; any thread may ask for it."""


@dataclass(frozen=True)
class SinkContext:
    """What a sink is made from: the stream whose results it takes, and where they go."""

    stream_id: str
    """The stream."""
    live: bool
    """Whether the newest frame counts, so that a slow sink loses frames; a file waits for it."""
    names: tuple[str, ...]
    """Class names by class id."""
    drops: DropCounter = field(default_factory=DropCounter)
    """Where frames are counted that the sink had no time for."""
    path: Path | None = None
    """The file or folder; ``None`` for sinks that write to neither."""
    outputs: OutputsConfig = field(default_factory=OutputsConfig)
    """What is set for all outputs."""
    options: Section | None = None
    """The settings of a sink of another package, checked by its configuration class."""
    heat_map_png: Callable[[], bytes | None] | None = None
    """Gives the stream's heat map as a PNG file; ``None`` where there is none."""
    without: frozenset[str] = frozenset()
    """Names of sinks that are set for all streams, and that this one does without."""
    shared: bool = False
    """Whether other processes write to :attr:`path`, too."""
    existing: Existing = "keep"
    """What becomes of a file that is there already; a sink that cannot continue one gives it a dated name."""
    identity_memory_s: float = 1.0
    """How long the tracker remembers an identity out of sight, in seconds."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What the sink has to know when it is opened again after a fault."""
    line_files: dict[Path, LineFile] = field(default_factory=dict)
    """Text files that are open already, shared by the streams of a run."""

    @property
    def target(self) -> Path:
        """The file or folder of a sink that always has one."""
        if self.path is None:
            raise ValueError(f"the sink of stream {self.stream_id} has no path")
        return self.path

    def line_file(self, *, header: str = "") -> LineFile:
        """Return the text file at :attr:`path`, opened once for all streams.

        Args:
            header: its first line, which names the columns; empty where it has none.

        Raises:
            OutputError: when it cannot be written.
        """
        file = self.line_files.get(self.target)
        if file is None or file.closed:
            file = LineFile(self.target, existing=self.existing, shared=self.shared, header=header)
            self.line_files[self.target] = file
        return file


SinkFactory = Callable[[SinkContext], Sink]
"""Makes the sink of one stream."""
