"""What the head and its nodes tell each other, one exchange at a time; plain records that Ray pickles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipelines.workers.process import Call, Published, Reply
from streamvision.core.config.analytics import LineConfig, ZoneConfig
from streamvision.core.config.app import AppConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.logs import LogSettings, log_settings
from streamvision.core.redaction import known_secrets
from streamvision.core.status import StreamStatus

SavedCounts = tuple[tuple[LineConfig | ZoneConfig, dict[str, Any]], ...]
"""How far lines and zones have counted."""


@dataclass(frozen=True)
class NodeOrder:
    """What a node begins with."""

    config: AppConfig
    """What holds for all streams; there are none in it."""
    lease_s: float
    """How long it may run streams without word of the head."""
    cores: float
    """Its cores, as Ray counts them."""
    folder: str
    """The folder that relative names of files count from."""
    jpeg_quality: int
    """Of the pictures for those who watch."""
    logs: LogSettings = field(default_factory=log_settings)
    """What it logs."""
    secrets: tuple[str, ...] = field(default_factory=known_secrets, repr=False)
    """What must not be shown."""


@dataclass(frozen=True)
class About:
    """What a node says of itself before it gets streams."""

    version: str
    """Version of this program there."""
    pid: int
    """Its process."""


@dataclass(frozen=True)
class Counted:
    """How far a stream has counted."""

    serial: int
    """How often counts of before were added to it; what is told with a lower number is from before that."""
    counts: SavedCounts
    """By line and zone."""


@dataclass(frozen=True)
class Wanted:
    """A stream that a node is to run."""

    version: int
    """Grows with each change of what is set."""
    config: StreamConfig
    """What is set for it."""
    counted: Counted
    """What it is to go on counting from; with a serial of 0 from nought."""


@dataclass(frozen=True)
class Orders:
    """What the head tells."""

    heard: int
    """Number of the newest answer that it has received; 0: none."""
    revision: int = 0
    """Number of what is wanted now."""
    wanted: dict[str, Wanted] | None = None
    """All streams that the node is to run, by id; ``None`` where it knows that revision."""
    viewers: dict[str, int] = field(default_factory=dict)
    """How many watch a stream, where somebody does."""
    calls: tuple[Call, ...] = ()
    """Questions."""


@dataclass(frozen=True)
class Verdict:
    """What became of a change."""

    version: int
    """Of the stream that was wanted."""
    error: StreamVisionError | None = None
    """Why it was refused; ``None`` where it runs so."""


@dataclass(frozen=True)
class OpenModel:
    """A model that a node has open."""

    description: str
    """One line about the model and where it executes."""
    task: str
    """What it does."""
    classes: tuple[str, ...]
    """Names of its classes, by class id."""
    card: dict[str, Any]
    """Its card, as plain values."""


@dataclass(frozen=True)
class Condition:
    """How a node is doing, told a few times a second."""

    statuses: list[StreamStatus]
    """Each stream."""
    names: dict[str, tuple[str, ...]]
    """By stream, the class names of its model, by class id."""
    model: str
    """Its models in words."""
    models: dict[str | None, OpenModel]
    """The same by name; ``None`` is the name of the run's own."""
    notes: tuple[str, ...]
    """What had to be assumed of them, a sentence each."""
    share: float
    """How much of the node its streams take; see :class:`streamvision.cluster.placement.NodeLoad`."""
    stage_times: dict[str, list[float]]
    """By stage, the newest durations that were not told yet, in seconds."""


@dataclass(frozen=True)
class Told:
    """What a node answers."""

    number: int
    """Number of the answer, from 1."""
    sent_at_s: float
    """When it was made, on the node's ``time.monotonic()``."""
    revision: int
    """Number of what it was told to run last."""
    running: frozenset[str] = frozenset()
    """Streams of which something runs still, or again."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """What became of the newest change of each stream."""
    published: list[Published] = field(default_factory=list)
    """Finished frames since the last answer; pictures where somebody watches, and of events."""
    counted: dict[str, Counted] = field(default_factory=dict)
    """How far streams have counted where that has changed."""
    replies: list[Reply] = field(default_factory=list)
    """Answers to questions."""
    condition: Condition | None = None
    """How it is doing; not in every answer."""
    changing: tuple[str, float] | None = None
    """The stream that it has been beginning, changing or ending for longest, and for how many seconds."""
