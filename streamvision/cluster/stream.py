"""One stream as the head knows it: what is set, where it runs, what it has told, and how far it has counted."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pipelines.capture.source import SourceSpec
from pipelines.off_stream import REASON as SWITCHED_OFF
from pipelines.outputs.output import Output
from pipelines.stages.analytics.analytics import RECENT_EVENTS
from streamvision.cluster.link import NodeLink
from streamvision.cluster.messages import Counted, Verdict, Wanted
from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.analytics import AnalyticsConfig, LineConfig, ZoneConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.live import LiveChannel
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES, StreamState
from streamvision.core.telemetry import Distribution, DropCounter

_FINAL = {state.value for state in FINAL_STATES}
WAITS = "it waits for a machine of the cluster that can run streams"


class ClusterStream:
    """Of one head, which guards it by its lock.

    Args:
        spec: where its frames come from.
        config: what is set for it.
        channel: where those who watch find its frames.
        version: number of what is set.
        analytics: what is counted.
        apply: changes that.
    """

    def __init__(
        self,
        spec: SourceSpec,
        config: StreamConfig,
        channel: LiveChannel,
        *,
        version: int,
        analytics: AnalyticsConfig,
        apply: Callable[[AnalyticsConfig], None],
    ) -> None:
        self.spec = spec
        self.config = config
        self.channel = channel
        self.version = version
        self.analytics = ClusterAnalytics(self, analytics, apply)
        self.outputs: list[Output] | None = None
        """What its results are written to; ``None`` until they could be opened."""
        self.outputs_names: tuple[str, ...] = ()
        """Class names by which they call what was found."""
        self.outputs_fault = ""
        """Why they could not be, in words."""
        self.outputs_due_s = 0.0
        """When that is tried again."""
        self.is_over = False
        """Whether nothing more is to be written."""
        self.link: NodeLink | None = None
        """The node that runs it; ``None`` while none does."""
        self.preferred: str | None = None
        """The node that is to run it next, where it can."""
        self.placed_at_s = self._since_s = time.monotonic()
        self.verdict: Verdict | None = None
        """What its node said of what is set for it."""
        self.refused: dict[str, StreamVisionError] = {}
        """Why nodes cannot run it, by node."""
        self.refused_at_s = 0.0
        self.said = ""
        """The refusal that was logged last: the same one is not logged at each try."""
        self.age_s = Distribution()
        """Age of its frames when their results were here."""
        self.drops = DropCounter()
        """Results that this machine had no time for."""
        self.delivering = threading.Lock()
        """Held by whoever passes results of it on: two nodes' may come at a time while it moves."""
        self._reason = WAITS
        self._has_failed = False
        self._told: StreamStatus | None = None
        self._told_at_s = 0.0

    @property
    def id(self) -> str:
        """Its name among all streams."""
        return self.channel.stream_id

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of its model, by class id."""
        return self.channel.names

    def place(self, link: NodeLink) -> None:
        """Let a node run it."""
        self.link, self.preferred, self.verdict, self._told = link, None, None, None
        self.placed_at_s = time.monotonic()
        self.analytics.begin_elsewhere()
        self._wait(f"it begins on {link.name}")

    def take_away(self, reason: str) -> None:
        """Let no node run it, for a reason in words."""
        self.link = self._told = None
        self._wait(reason)

    def wait_for(self, reason: str, *, failed: bool = False) -> None:
        """Note what it waits for, in words, and whether that is its own fault."""
        if reason != self._reason:
            self._wait(reason)
        self._has_failed = failed

    def wanted(self) -> Wanted:
        """Return what its node is to know."""
        return Wanted(self.version, self.config.model_copy(update={"id": self.id}), self.analytics.counted)

    def tell(self, status: StreamStatus) -> None:
        """Take what its node says of it."""
        self._told, self._told_at_s = status, time.monotonic()

    def status(self) -> StreamStatus:
        """Return how it is doing now."""
        link, told = self.link, self._told
        if link is None or told is None:
            return self._without_frames(link)
        told = replace(
            told,
            viewers=self.channel.viewers,
            node=link.name,
            age_s=self.age_s.quantiles(),
            drops={**told.drops, **self.drops.by_cause()},
            outputs=tuple(output.status() for output in self.outputs or ()),
        )
        passed_s = time.monotonic() - self._told_at_s
        if link.silent_s and told.state not in _FINAL:
            return replace(
                told,
                state=StreamState.STALLED.value,
                reason=f"{link.name} has told nothing for {link.silent_s:.0f} s; another machine takes it in "
                f"{link.take_over_in_s:.0f} s",
                state_age_s=link.silent_s,
                fps=0.0,
                newest_age_s=None if told.newest_age_s is None else told.newest_age_s + passed_s,
            )
        return told

    def _without_frames(self, link: NodeLink | None) -> StreamStatus:
        reason, state = self._reason, StreamState.CONNECTING
        if not self.config.enabled:
            reason, state = SWITCHED_OFF, StreamState.STOPPED
        elif link is None and self.refused:
            reason, state = next(f"{error}" for error in self.refused.values()), StreamState.FAILED
        elif link is None and self._has_failed:
            state = StreamState.FAILED
        status = StreamStatus.without_frames(
            self.id,
            name=self.config.name or self.id,
            source=self.spec.safe_uri,
            state=state.value,
            reason=reason,
            state_age_s=time.monotonic() - self._since_s,
            live=self.spec.live,
        )
        return replace(status, viewers=self.channel.viewers, node=None if link is None else link.name)

    def _wait(self, reason: str) -> None:
        self._reason, self._since_s, self._has_failed = reason, time.monotonic(), False


class ClusterAnalytics:
    """The analytics of a stream, wherever it runs; see :class:`streamvision.core.analysis.CountingAnalytics`.

    Args:
        stream: the stream.
        config: what is counted and measured.
        apply: changes that, for good.
    """

    def __init__(
        self, stream: ClusterStream, config: AnalyticsConfig, apply: Callable[[AnalyticsConfig], None]
    ) -> None:
        self.config = config
        """What is counted and measured now, or will be from the next frame on."""
        self.counted = Counted(0, ())
        """How far it has counted, as far as is known here."""
        self._stream = stream
        self._apply = apply
        self._recent: deque[AnalyticsEvent] = deque(maxlen=RECENT_EVENTS)

    def apply(self, config: AnalyticsConfig) -> None:
        """Count and measure this from the next frame on; a line or zone that stays as it was keeps its counts.

        Raises:
            StreamVisionError: when that is refused; nothing changes then.
        """
        self._apply(config)

    def report(self) -> dict[str, Any]:
        """Return the counts so far as plain values."""
        told = self._stream.status().analytics
        return {"lines": told.get("lines", {}), "zones": told.get("zones", {})}

    def recent(self) -> list[AnalyticsEvent]:
        """Return the newest events, the newest last."""
        return list(self._recent)

    def heat_map_png(self) -> bytes | None:
        """Return the heat map as a PNG file; ``None`` where there is none."""
        link = self._stream.link
        png: bytes | None = None if link is None else link.ask(self._stream.id, "heat_map_png")
        return png

    def note(self, events: Iterable[AnalyticsEvent]) -> None:
        """Take what has happened."""
        self._recent.extend(events)

    def tell(self, counted: Counted) -> None:
        """Take how far its node has counted, unless that is from before counts were added to it."""
        if counted.serial >= self.counted.serial:
            self.counted = counted

    def begin_elsewhere(self) -> None:
        """Let another node go on counting from where this is known to be."""
        if self.counted.counts:
            self.counted = Counted(self.counted.serial + 1, self.counted.counts)

    def saved_counts(self) -> list[tuple[LineConfig | ZoneConfig, dict[str, Any]]]:
        """Return each line and zone that counts, with what :meth:`restore_counts` takes, as plain values."""
        return list(self.counted.counts)

    def restore_counts(self, saved: Iterable[tuple[LineConfig | ZoneConfig, Mapping[str, Any]]]) -> None:
        """Add what lines and zones had counted in an earlier run; one that is not the same any more counts from nought.

        Args:
            saved: as :meth:`saved_counts` gave it.
        """
        counts = tuple((region, dict(counts)) for region, counts in saved)
        if counts:
            self.counted = Counted(self.counted.serial + 1, counts)
            if self._stream.link is not None:
                self._stream.link.revise()
