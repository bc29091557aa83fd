"""What runs the streams of a service: a pipeline in this process, or something that has other machines run them."""

from __future__ import annotations

from typing import Protocol

from pipelines.live_video.relays import PacketRelays
from pipelines.model_groups import ModelGroups
from streamvision.core.config.stream import StreamConfig
from streamvision.core.live import LiveView
from streamvision.core.status import StreamStatus


class StreamRunner(Protocol):
    """As :class:`pipelines.engine.Pipeline`, which says what its methods do, with ``service=True``."""

    view: LiveView

    @property
    def model_groups(self) -> ModelGroups | None:
        """The models that are open in this process; ``None`` where other machines have them."""

    @property
    def relays(self) -> PacketRelays | None:
        """Who passes the packets of its streams on to those who watch; ``None`` where nobody can."""

    def start(self) -> None:
        """Begin."""

    def wait(self, timeout_s: float) -> bool:
        """Wait until it was stopped; return whether it was."""

    def stop(self) -> None:
        """Stop everything and finish the outputs, within a few seconds."""

    def add_stream(self, stream: StreamConfig) -> str:
        """Run one stream more, while the others go on; return its id."""

    def replace_stream(self, stream_id: str, stream: StreamConfig) -> None:
        """Change what is set for a stream, while the others go on."""

    def remove_stream(self, stream_id: str) -> None:
        """End a stream, finish its outputs and forget it."""

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing now."""

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of the models, a sentence each."""

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Return quantiles of the newest durations of each stage, in milliseconds."""
