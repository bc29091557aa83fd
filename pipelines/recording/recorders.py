"""The recorders of all streams of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipelines.outputs.sink import SinkContext
from pipelines.recording.segment_store import SegmentStore
from pipelines.recording.stream_recorder import StreamRecorder
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.rendered_frame import RenderedFrame


class StreamRecorders:
    """Gives each stream its recorder: :meth:`listener` for its packets, and as a sink factory what takes its results.

    Args:
        config: what is set for the run.
        store: where recorded files lie.
    """

    name = "recording"
    """What the output of each stream is called."""

    def __init__(self, config: RecordingConfig, store: SegmentStore) -> None:
        self._config = config
        self._store = store
        self._lock = threading.Lock()
        self._recorders: dict[str, StreamRecorder] = {}

    def listener(self, stream_id: str, stream: StreamConfig) -> StreamRecorder:
        """Return a recorder for a stream that is to begin; it starts with its sink."""
        with self._lock:
            recorder = StreamRecorder(stream_id, self._config, stream, self._store)
            self._recorders[stream_id] = recorder
        return recorder

    def configure(self, config: RecordingConfig) -> None:
        """Change what is set for the run, for streams that run, too."""
        with self._lock:
            self._config = config
            recorders = list(self._recorders.values())
        for recorder in recorders:
            recorder.configure(config)

    def __call__(self, context: SinkContext) -> RecordingSink:
        """Return the sink of a stream whose listener was asked for, and start its recorder."""
        with self._lock:
            recorder = self._recorders[context.stream_id]
        recorder.start(context.drops)
        return RecordingSink(recorder, context.names, self._forget)

    def _forget(self, recorder: StreamRecorder) -> None:
        with self._lock:
            if self._recorders.get(recorder.stream_id) is recorder:
                del self._recorders[recorder.stream_id]


class RecordingSink:
    """Hands the results of a stream to its recorder."""

    def __init__(
        self, recorder: StreamRecorder, names: tuple[str, ...], on_close: Callable[[StreamRecorder], None]
    ) -> None:
        self._recorder = recorder
        self._names = names
        self._on_close = on_close

    def write(self, rendered: RenderedFrame) -> None:
        """Take one result; never waits."""
        self._recorder.note(rendered.result, self._names)

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def close(self) -> None:
        """Finish the recording, within two seconds."""
        self._recorder.close()
        self._on_close(self._recorder)

    def report(self) -> tuple[str, str]:
        """Return how it is doing, writing, failing or off, and why in words."""
        return self._recorder.report()
