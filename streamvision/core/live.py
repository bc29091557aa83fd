"""Where the pipeline meets those who watch: the newest rendered frame of each stream, and who wants it.

One writer for each channel, any number of readers. The writer never waits for a reader.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from streamvision.core.analysis import AnalyticsControl
from streamvision.core.control import EventLog, OnvifCameras, StreamControl
from streamvision.core.fleet import Fleet
from streamvision.core.labelling import Labelling
from streamvision.core.model_control import ModelControl
from streamvision.core.notify import Notifications, TargetStatus
from streamvision.core.recordings import Recordings
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution
from streamvision.core.tracklets import Tracklets

if TYPE_CHECKING:
    from streamvision.core.live_video import LivePackets
    from streamvision.core.restream import LiveVideos

Listener = Callable[["LiveChannel"], None]


class LiveChannel:
    """The newest rendered frame of one stream."""

    def __init__(self, stream_id: str, names: tuple[str, ...]) -> None:
        self.stream_id = stream_id
        self.names = names
        self.sent_age_s = Distribution()
        """Age of frames when they were handed to the network for the first viewer."""
        self._lock = threading.Lock()
        self._latest: RenderedFrame | None = None
        self._sequence = 0
        self._viewers = 0
        self._full_size_viewers = 0
        self._sent_sequence = 0
        self._listeners: tuple[Listener, ...] = ()

    @property
    def latest(self) -> RenderedFrame | None:
        """The newest frame, or ``None`` before the first."""
        return self._latest

    @property
    def viewers(self) -> int:
        """How many watch the picture now."""
        return self._viewers

    def publish(self, rendered: RenderedFrame, *, encode: bool = True) -> None:
        """Make this the newest frame and tell the listeners; when somebody watches in full size, encode it first.

        Args:
            rendered: the frame.
            encode: whether it is to be encoded here; not where its JPEG file comes from elsewhere.
        """
        if encode and self._full_size_viewers:
            rendered.jpeg()
        self._sequence += 1
        rendered.sequence = self._sequence
        self._latest = rendered
        for listener in self._listeners:
            listener(self)

    def restart(self, names: tuple[str, ...]) -> None:
        """Begin anew for those who watch: the stream is read from elsewhere, or by another model.

        Args:
            names: the model's class names, by class id.
        """
        self.names = names
        self._latest = None

    def add_listener(self, listener: Listener) -> None:
        """Call ``listener`` after each publish, from the pipeline's thread: it must return at once."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def remove_listener(self, listener: Listener) -> None:
        """Stop calling ``listener``."""
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one != listener)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count as a viewer for the length of the block."""
        self.add_viewer()
        try:
            yield
        finally:
            self.remove_viewer()

    def add_viewer(self, *, full_size: bool = True) -> None:
        """Count one viewer more.

        Args:
            full_size: whether it takes the picture in full size, which the pipeline then encodes by itself.
        """
        with self._lock:
            self._viewers += 1
            self._full_size_viewers += full_size

    def remove_viewer(self, *, full_size: bool = True) -> None:
        """Count one viewer less, which took the picture in full size, or did not."""
        with self._lock:
            self._viewers -= 1
            self._full_size_viewers -= full_size

    def note_sent(self, frame: RenderedFrame, now_s: float) -> None:
        """Note the age of a frame that is handed to the network, the first time."""
        if frame.sequence > self._sent_sequence:
            self._sent_sequence = frame.sequence
            self.sent_age_s.add(frame.result.frame.age_s(now_s))


class ChannelFollower(Protocol):
    """Whoever wants to know which streams there are; it is called from any thread and must return at once."""

    def channel_added(self, channel: LiveChannel) -> None:
        """Take note of a stream that has come."""

    def channel_removed(self, channel: LiveChannel) -> None:
        """Take note of a stream that has gone."""


class LiveView:
    """All that the web app may know of a running pipeline. Streams may come and go; any thread may use it.

    Args:
        channels: channel by stream id, in the order in which the streams are shown.
        statuses: as :attr:`statuses`.
        stage_times: as :attr:`stage_times`.
        model: as :attr:`model`.
        analytics: analytics by stream id.
    """

    def __init__(
        self,
        channels: Mapping[str, LiveChannel],
        *,
        statuses: Callable[[], list[StreamStatus]],
        stage_times: Callable[[], dict[str, Distribution]],
        model: str,
        analytics: Mapping[str, AnalyticsControl] | None = None,
    ) -> None:
        self.statuses = statuses
        """Returns the status of every stream, in the same order."""
        self.stage_times = stage_times
        """Returns the seconds spent in each stage, over all streams."""
        self.frame_ages: Callable[[], dict[str, Distribution]] = dict
        """Returns the ages of each stream's frames when they were finished, in seconds."""
        self.faults: Callable[[], list[str]] = list
        """Returns what is wrong beside the streams, one sentence each."""
        self.control: StreamControl | None = None
        """Changes streams and settings; ``None`` where they stay what the run began with."""
        self.models: ModelControl | None = None
        """Replaces models; ``None`` where they stay what the run began with."""
        self.onvif: OnvifCameras | None = None
        """Finds cameras; ``None`` where no streams are added."""
        self.event_log: EventLog | None = None
        """What happened so far; ``None`` where nothing is kept."""
        self.recordings: Recordings | None = None
        """What was recorded; ``None`` where nothing can be."""
        self.fleet: Fleet | None = None
        """The store that models come from; ``None`` where none is followed."""
        self.notify: Notifications | None = None
        self.mqtt: Callable[[], TargetStatus] | None = None
        """Who is told of events; ``None`` where nobody can be."""
        self.tracklets: Tracklets | None = None
        """Which identities were seen, and where; ``None`` where they are not kept."""
        self.labelling: Labelling | None = None
        """Pictures that are labelled on the page; ``None`` where there are none."""
        self.videos: LiveVideos | None = None
        """Makes videos of the streams; ``None`` where nobody does."""
        self.packets: LivePackets | None = None
        """Gives the encoded video of the streams; ``None`` where nobody does."""
        self.model = model
        """One line about model, backend, device and precision."""
        self.model_of: Callable[[Collection[str]], str] = lambda _: ""
        """Returns the same of these streams' models alone; nothing where it is not known which these are."""
        self._lock = threading.Lock()
        # Both are replaced, never changed, so that whoever goes through them sees those of one moment.
        self._channels = dict(channels)
        self._analytics = dict(analytics or {})
        self._followers: tuple[ChannelFollower, ...] = ()

    @property
    def channels(self) -> Mapping[str, LiveChannel]:
        """Channel by stream id, as they are at this moment."""
        return self._channels

    @property
    def analytics(self) -> Mapping[str, AnalyticsControl]:
        """Analytics by stream id, as they are at this moment."""
        return self._analytics

    def put(self, channel: LiveChannel, analytics: AnalyticsControl | None) -> None:
        """Show a stream; one that is there keeps its place, and its channel where it is the same."""
        stream_id = channel.stream_id
        with self._lock:
            before = self._channels.get(stream_id)
            self._channels = {**self._channels, stream_id: channel}
            others = {name: one for name, one in self._analytics.items() if name != stream_id}
            self._analytics = others if analytics is None else {**others, stream_id: analytics}
            if before is channel:
                return
            for follower in self._followers:
                if before is not None:
                    follower.channel_removed(before)
                follower.channel_added(channel)

    def remove(self, stream_id: str) -> None:
        """Show a stream no more; one that is not there is no fault."""
        with self._lock:
            gone = self._channels.get(stream_id)
            if gone is None:
                return
            self._channels = {name: one for name, one in self._channels.items() if name != stream_id}
            self._analytics = {name: one for name, one in self._analytics.items() if name != stream_id}
            for follower in self._followers:
                follower.channel_removed(gone)

    def follow(self, follower: ChannelFollower) -> None:
        """Tell a follower of every stream that is there, and of each that comes or goes from now on."""
        with self._lock:
            self._followers = (*self._followers, follower)
            for channel in self._channels.values():
                follower.channel_added(channel)

    def unfollow(self, follower: ChannelFollower) -> None:
        """Tell a follower that every stream has gone, and nothing more; calling it twice is harmless."""
        with self._lock:
            if follower not in self._followers:
                return
            self._followers = tuple(one for one in self._followers if one is not follower)
            for channel in self._channels.values():
                follower.channel_removed(channel)
