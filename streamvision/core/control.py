"""What the web asks of whoever runs the streams: to add, change and remove them, and to tell what happened.

Everything here is safe to call from any thread. What has returned is committed: it is there again after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.errors import StreamVisionError


class UnknownStreamError(StreamVisionError, LookupError):
    """There is no stream of that name."""


class StreamExistsError(StreamVisionError, ValueError):
    """Another stream has that name already."""


class StreamControl(Protocol):
    """Streams and settings that change while they run.

    Values are those of the configuration, as plain values; ``null`` means the default. Passwords are shown as ``***``,
    and a value with ``***`` that comes back means what it stood for.

    Raises, each method: StateError, where what changed cannot be remembered; nothing has changed then.
    """

    def stream_config(self, stream_id: str) -> dict[str, Any]:
        """Return what is set for a stream, secrets masked; keys at their defaults are left out.

        Raises:
            UnknownStreamError: when there is no such stream.
        """

    def add_stream(self, document: Mapping[str, Any]) -> str:
        """Add a stream and return its id.

        Raises:
            ConfigError: when a value is not accepted.
            SourceError: when there is no such source.
            StreamExistsError: when its id is taken.
        """

    def change_stream(self, stream_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change some keys of a stream and return what is set then, as :meth:`stream_config` does.

        Raises:
            UnknownStreamError: when there is no such stream.
            ConfigError: when a value is not accepted; nothing has changed then.
            SourceError: when there is no such source; nothing has changed then.
        """

    def replace_analytics(self, stream_id: str, config: AnalyticsConfig) -> None:
        """Count and measure this from the next frame on; a line or zone that stays as it was keeps its counts.

        Raises:
            UnknownStreamError: when there is no such stream.
            ConfigError: when a line or zone asks for a class that the model does not know; nothing changes then.
        """

    def remove_stream(self, stream_id: str) -> None:
        """Remove a stream, for good, though a configuration file names it.

        Raises:
            UnknownStreamError: when there is no such stream.
        """

    def test_picture(self, document: Mapping[str, Any]) -> bytes:
        """Open a source as a new stream would, within a few seconds, and return its first picture as a JPEG file.

        Raises:
            ConfigError: when a value is not accepted.
            SourceError: when the source cannot be opened, or gives no picture in time.
        """

    def settings(self) -> dict[str, Any]:
        """Return what of the run may change, with its present values."""

    def change_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change some of the settings, key by key, and return all as :meth:`settings` does.

        Raises:
            ConfigError: when a value is not accepted; nothing has changed then.
        """


@dataclass(frozen=True)
class EventQuery:
    """Which events are asked for; ``None``: whatever."""

    streams: frozenset[str] | None = None
    """Those of these streams."""
    kind: str | None = None
    """Those of this kind."""
    class_name: str | None = None
    """Those of objects of this class."""
    region: str | None = None
    """Those at a line or in a zone of this name."""
    since_unix_s: float | None = None
    """Not before this time."""
    until_unix_s: float | None = None
    """Before this time."""
    before: int | None = None
    """Those that were written down before the event of this number."""
    limit: int = 50
    """Most of them."""


@dataclass(frozen=True)
class LoggedEvent:
    """Something that happened, as it was written down."""

    number: int
    """Its number; later ones are greater."""
    event: AnalyticsEvent
    """What happened."""
    has_picture: bool
    """Whether its picture is there."""
    clip_span_s: tuple[float, float] | None = None
    """How much was recorded before and behind it, in seconds; ``None`` where nothing was."""


class EventLog(Protocol):
    """The events of all streams, as far as they are kept.

    Raises, each method: StateError, where they cannot be read.
    """

    def find(self, query: EventQuery) -> list[LoggedEvent]:
        """Return what happened, the newest first."""

    def event(self, number: int) -> LoggedEvent | None:
        """Return one event; ``None`` where it is not there, or not any more."""

    def picture(self, number: int) -> bytes | None:
        """Return the picture of an event as a JPEG file; ``None`` where there is none, or none any more."""


@dataclass(frozen=True)
class OnvifDevice:
    """A camera that has said that it is there."""

    address: str
    """Where its ONVIF service is, an HTTP address."""
    name: str
    """What it calls itself; empty where it does not."""
    hardware: str
    """Its model; empty where it does not say."""


@dataclass(frozen=True)
class OnvifProfile:
    """One of the streams that a camera offers."""

    name: str
    """Its name."""
    source: str
    """Its address, with the user's name and password."""
    width_px: int | None
    """Width of its pictures, where the camera says it."""
    height_px: int | None
    """Height of its pictures, where the camera says it."""
    fps: float | None
    """Pictures a second, at most, where the camera says it."""


class OnvifCameras(Protocol):
    """Cameras that speak ONVIF.

    Raises, each method: SourceError, in a bounded time.
    """

    def discover(self) -> list[OnvifDevice]:
        """Ask the network which cameras there are."""

    def profiles(self, address: str, user: str, password: str) -> list[OnvifProfile]:
        """Ask a camera which streams it offers.

        Args:
            address: its name or address, with or without a port, or the HTTP address of its ONVIF service.
            user: who asks; empty: nobody.
            password: the user's.

        Raises:
            ConfigError: when the address is none.
            MissingDependencyError: when the ONVIF library is not installed.
            SourceRefusedError: when user or password are wrong.
        """
