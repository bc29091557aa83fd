"""How a stream is doing, at one moment: what the page, the API, /metrics and the final report say of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class StageStatus:
    """A stage of the user's own, or a second model, at one moment."""

    name: str
    """What it is called."""
    state: str
    """running, late, failing or off."""
    reason: str
    """Why it is not simply running, in words."""
    budget_ms: float | None
    """How long the pipeline waits for it on each frame; ``None`` for a second model, which no live frame waits for."""
    done: int
    """Frames that it finished in time."""
    overruns: int
    """Frames that the pipeline waited for in vain."""
    skipped: int
    """Frames that went on without it, since it was busy with an earlier one or switched off."""
    failures: int
    """Frames on which it raised, or returned nonsense."""
    p95_ms: float | None
    """How long it takes; ``None`` before it came back for the first time."""
    counts: dict[str, int] = field(default_factory=dict)
    """What else it counts, by name."""
    of_all_streams: bool = False
    """Whether it is one for several streams, and its numbers are of all of them."""


@dataclass(frozen=True)
class OutputStatus:
    """A file or folder that results are written to, at one moment."""

    name: str
    """What it is: detections, events, event_pictures, heat_map, mot, record, recording, or the name of another sink."""
    target: str | None
    """The file or folder; ``None`` where there is none."""
    state: str
    """writing; failing, then it is tried again; off, where it is switched off or cannot be; or closed, when the stream
    is over."""
    reason: str
    """Why it fails or is off, in words."""
    failures: int
    """How often it failed."""
    lost: dict[str, int]
    """Frames that went the whole way and are not in it, by cause."""


FORMER_PLAN_NAMES = {"full": "whole", "partial": "part", "skipped": "still", "predicted": "carried"}
"""By inference plan, its name in ``effort`` of a status and in the metric ``streamvision_looks``."""


@dataclass(frozen=True)
class AdaptiveStatus:
    """How much of a stream's frames the network was shown."""

    plans: dict[str, int]
    """Frames by what it was shown of them: ``full``, ``partial``, ``skipped`` (nothing had changed) and ``predicted``
    (something had, and the tracker alone followed it)."""
    share: float
    """What that cost, as a share of showing it every frame in full."""

    def former_json(self) -> dict[str, Any]:
        """Return the same in the words that programs know from before: ``looks`` and their former kinds."""
        return {"looks": {FORMER_PLAN_NAMES[kind]: count for kind, count in self.plans.items()}, "share": self.share}


@dataclass(frozen=True)
class StreamStatus:
    """One stream, at one moment."""

    id: str
    """The stream's name."""
    source: str
    """Its URI, without passwords."""
    state: str
    """A value of StreamState."""
    reason: str
    """Why it is in this state, in words; empty when all is well."""
    state_age_s: float
    """Seconds since the state was entered."""
    live: bool
    """True for live sources (newest frame counts), False for files (every frame counts)."""
    frames_in: int
    """Frames that came: those that are done, those that were dropped, and those on their way."""
    frames_done: int
    """Frames that went the whole way."""
    frames_expected: int | None
    """How many frames a file says it has."""
    drops: dict[str, int]
    """Frames that did not, by cause."""
    fps: float
    """Frames done per second, over the last seconds; over the whole run once the stream has ended."""
    age_s: dict[str, float] | None
    """p50, p95 and p99 of the age of a frame at the end of the pipeline; ``None`` before the first."""
    newest_age_s: float | None
    """Age of the newest finished frame now: grows while the stream is silent."""
    width_px: int | None
    """Width of the newest frame."""
    height_px: int | None
    """Height of the newest frame."""
    reconnects: int
    """How often the source had to be opened again."""
    objects: dict[str, int]
    """Objects on the newest frame, by class name."""
    identities: dict[str, int]
    """Confirmed identities since the start, by class name."""
    viewers: int
    """Who watches the picture just now."""
    analytics: dict[str, Any] = field(default_factory=dict)
    """Counts of its lines and zones by name, as :meth:`streamvision.core.analysis.Analysis.to_json` gives them."""
    adaptive: AdaptiveStatus | None = None
    """What the network was shown, in adaptive mode."""
    stages: tuple[StageStatus, ...] = ()
    """Second models and stages of the user's own, in their order."""
    outputs: tuple[OutputStatus, ...] = ()
    """What results are written to."""
    name: str = ""
    """What people call it; its id where it has no other name."""
    pending_s: float = 0.0
    """For how long a frame has been waiting or on its way without any being finished: grows where something hangs."""
    task: str | None = None
    """What its model does, as its card says: detect, classify, semantic or another; ``None`` where none is open."""
    node: str | None = None
    """The machine of a cluster that runs it; ``None`` without a cluster, or while none does."""

    @classmethod
    def without_frames(
        cls, stream_id: str, *, source: str, state: str, reason: str, state_age_s: float, live: bool, name: str = ""
    ) -> StreamStatus:
        """Return the status of a stream of which nothing has come; the arguments are the fields of those names."""
        return cls(
            id=stream_id,
            name=name or stream_id,
            source=source,
            state=state,
            reason=reason,
            state_age_s=round(state_age_s, 3),
            live=live,
            frames_in=0,
            frames_done=0,
            frames_expected=None,
            drops={},
            fps=0.0,
            age_s=None,
            newest_age_s=None,
            width_px=None,
            height_px=None,
            reconnects=0,
            objects={},
            identities={},
            viewers=0,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the status as plain values."""
        return asdict(self) | {"effort": self.adaptive and self.adaptive.former_json()}
