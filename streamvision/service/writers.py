"""What takes the results of a service's streams beside its page: event log, recordings, identities, targets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.outputs.sink import SinkFactory
from pipelines.recording.recorders import StreamRecorders
from streamvision.core.analysis import CountingAnalytics
from streamvision.core.config.app import AppConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.live import LiveView
from streamvision.notify.notifier import Notifier
from streamvision.service.event_store import EventStore
from streamvision.service.recorder import EventRecorder
from streamvision.service.recordings.library import RecordingLibrary
from streamvision.service.recordings.opening import open_store
from streamvision.service.tracklets.recorder import TrackletRecorder
from streamvision.state.database import Database

_log = logging.getLogger(__name__)


class Writers:
    """Begin before the streams, and end behind them.

    Args:
        database: what is remembered.
        folder: the state folder.
        config: the run.
        counting: returns the analytics of the streams whose counts are to be written down, by stream id.
        stream_config: returns what is set for a stream; ``None`` where there is none of that id.

    Raises:
        StreamVisionError: when something that is set for them cannot be used.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        config: AppConfig,
        *,
        counting: Callable[[], Mapping[str, CountingAnalytics]],
        stream_config: Callable[[str], StreamConfig | None],
    ) -> None:
        self._stream_config = stream_config
        self._event_store = EventStore(database, folder, config.event_log)
        self.events = EventRecorder(database, self._event_store, counting, self._clip_span)
        """Writes events and counts down."""
        self._identities = TrackletRecorder.open(database, folder, config.tracklets)
        public_url = config.serve.public_url if config.serve else None
        self._notifier = Notifier(
            config.notify, folder=folder / "notify", public_url=public_url, clip_span=self._clip_span
        )
        self.recordings = open_store(database, folder, config.recording)
        """The files of what was recorded, and their index."""
        self._recorders = StreamRecorders(config.recording, self.recordings)
        self.packets = self._recorders.listener
        """Returns who takes the packets of a stream."""
        self._library = RecordingLibrary(self.recordings, config.overlay)
        identities = () if self._identities is None else (self._identities,)
        recorders = () if config.cluster else (self._recorders,)  # packets stay where they are read
        self.sinks: tuple[SinkFactory, ...] = (self.events, *recorders, self._notifier, *identities)
        """Make what each stream's worker writes to."""
        self._running = (self.events, self._notifier, self.recordings, *identities)
        self._faulty = (self.events, self.recordings, *identities)

    def show(self, view: LiveView) -> None:
        """Let the page ask for what was written."""
        view.faults = self._faults
        view.event_log = self._event_store
        view.notify = self._notifier
        view.recordings = self._library
        view.tracklets = None if self._identities is None else self._identities.store

    def start(self) -> None:
        """Begin to write."""
        for one in self._running:
            one.start()

    def stop(self) -> None:
        """Write what is left, each within a few seconds, and end."""
        for one in self._running:
            one.stop()

    def configure(self, run: AppConfig) -> None:
        """Go by what is set for the run now."""
        self._event_store.config = run.event_log
        self.recordings.config = run.recording
        self._recorders.configure(run.recording)
        self._library.overlay = run.overlay
        try:
            self._notifier.configure(run.notify)
        except StreamVisionError as error:
            _log.error("%s", error)

    def _faults(self) -> list[str]:
        return [fault for one in self._faulty for fault in one.faults()]

    def _clip_span(self, stream_id: str) -> tuple[float, float] | None:
        """Return how much is recorded around an event of a stream, in seconds; ``None`` where nothing is."""
        stream = self._stream_config(stream_id)
        settings = self.recordings.config.of_stream(None if stream is None else stream.recording)
        return None if settings.mode == "off" else (settings.pre_s, settings.post_s)
