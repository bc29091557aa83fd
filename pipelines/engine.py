"""The engine: joins capture, network and stream workers, and answers for the whole.

    camera -> capture thread -> frame buffer -> batcher -> model -> worker of each stream: stages -> viewers, sinks

Only the network is shared: as many threads as it takes requests at a time, each with one batch across all streams, so
that one's preprocessing and decoding run beside another's network. Everything before and behind it belongs to one
stream, so one stream's fault touches no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from pipelines.assembly import build_streams, name_streams
from pipelines.capture.registry import source_files
from pipelines.inference_threads import InferenceThreads
from pipelines.outputs.outputs import check_outputs, open_sinks
from pipelines.outputs.sink import SinkContext, SinkFactory
from pipelines.run_models import RunModels
from pipelines.scheduling.batcher import Batcher
from pipelines.scheduling.collection_window import CollectionWindow
from pipelines.stages.registry import configured_stages
from streamvision.core.config.app import AppConfig
from streamvision.core.frame import Result
from streamvision.core.live import LiveView
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution, StageTimes, quantiles_ms
from streamvision.core.user_stage import Stage
from streamvision.inference.model import Model

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 3.0
FINISH_TIMEOUT_S = 60.0
"""Longest wait for the sinks of streams that have ended by themselves."""


class Pipeline:
    """A whole run: built from a configuration, started once, stopped once.

    Args:
        config: everything that can be set.
        model: the network, already open; by default the one that ``config.model`` names is opened.
        stages: the user's own code, in addition to what the configuration names.
        sinks: each makes one more output of every stream, in addition to what the configuration names.
        stream_ids: all streams of the run, where other processes have some of them; their outputs are shared then.

    Raises:
        StreamVisionError: from the constructor, when a source, the model or an output is refused; nothing runs then.
    """

    def __init__(
        self,
        config: AppConfig,
        *,
        model: Model | None = None,
        stages: Sequence[Stage] = (),
        sinks: Sequence[SinkFactory] = (),
        stream_ids: Sequence[str] = (),
    ) -> None:
        self.times = model.times if model else StageTimes()
        """Seconds spent in each stage, over all streams."""
        self._outputs = config.outputs
        self._sinks = sinks
        self._sources = name_streams(config.streams)
        self._stream_ids = stream_ids or list(self._sources)
        further = [*configured_stages(config.stages), *stages]
        read = [path for spec, _ in self._sources.values() for path in source_files(spec)]
        check_outputs(config.outputs, stream_ids=self._stream_ids, inputs=[config.model.path, *read])
        self._models = RunModels(config, model=model, times=self.times)
        first = self._models.first
        window = CollectionWindow()
        self._batcher: Batcher[Result] = Batcher(max_batch=first.useful_batch, window=window)
        self._streams = build_streams(
            self._sources,
            config,
            self._models,
            stages=further,
            times=self.times,
            on_change=self._batcher.notify,
            patient=config.serve is not None or len(self._stream_ids) > len(self._sources),
        )
        for stream in self._streams.values():
            self._batcher.add(stream)
        self.view = LiveView(
            {name: stream.worker.channel for name, stream in self._streams.items()},
            statuses=self.statuses,
            stage_times=self.times.distributions,
            model=first.describe(),
            analytics={name: stream.analytics for name, stream in self._streams.items() if stream.analytics},
        )
        self._stopped = False
        self._over = threading.Event()
        self._inference = InferenceThreads(
            self._models,
            self._batcher,
            window,
            streams=self._streams,
            timeout_s=config.model.call_timeout_s,
            all_over=self._all_over,
            on_end=self._finish,
        )

    def start(self) -> None:
        """Open the outputs and start capturing, inferring and publishing.

        Raises:
            OutputError: when an output cannot be opened; nothing runs then.
        """
        contexts = [
            SinkContext(
                stream_id=name,
                live=stream.spec.live,
                names=self.names,
                heat_map_png=stream.analytics.heat_map_png if stream.analytics else None,
            )
            for name, stream in self._streams.items()
        ]
        sinks = open_sinks(self._outputs, contexts, further=self._sinks, stream_ids=self._stream_ids)
        for name, stream in self._streams.items():
            stream.worker.start(sinks[name])
            stream.capture.start()
        self._models.secondary.start()
        self._inference.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until every stream has ended or failed; return whether they have."""
        return self._over.wait(timeout_s)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop everything and finish the outputs, in every state; one deadline holds for all of it.

        What has not ended by then, such as a connection attempt that hangs, is left to its own timeouts; nothing that
        it brings is taken any more.
        """
        if self._stopped:
            return
        self._stopped = True
        deadline_s = time.monotonic() + timeout_s

        def left_s() -> float:
            return max(deadline_s - time.monotonic(), 0.0)

        streams = self._streams.values()
        self._inference.request_stop()
        for stream in streams:
            stream.capture.request_stop()
        self._inference.join(deadline_s - timeout_s / 2)  # where it hangs, the outputs are finished nevertheless
        for stream in streams:
            stream.worker.end()
        for stream in streams:
            if not stream.worker.finish(left_s()):
                stream.worker.note_failure(
                    f"stream {stream.worker.stream_id}: its outputs did not finish in time; their ends may be missing"
                )
        for stream in streams:
            stream.capture.join(left_s())
        self._models.close(left_s())
        self._over.set()

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing now, in the order of the configuration."""
        return [stream.status() for stream in self._streams.values()]

    def ages(self) -> dict[str, Distribution]:
        """Return the ages of each stream's frames when they were finished, in seconds."""
        return {name: stream.worker.age_s for name, stream in self._streams.items()}

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Return p50, p95 and p99 of the newest durations of each stage, in milliseconds, over all streams."""
        return quantiles_ms(self.times.distributions())

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of the model, by class id."""
        return self._models.first.names

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of the model, and what its outputs have shown so far, a sentence each."""
        return self._models.first.notes()

    @property
    def pictures_without_numbers(self) -> int:
        """On how many pictures nothing was found and the model's outputs were no numbers."""
        return self._models.first.pictures_without_numbers

    @property
    def error(self) -> str | None:
        """Why the network failed for good, which ends all streams; ``None`` while it works."""
        return self._inference.error

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""
        own = [self._inference.error] if self._inference.error else []
        return own + [failure for stream in self._streams.values() for failure in stream.failures()]

    def __enter__(self) -> Pipeline:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _finish(self) -> None:
        """Finish the outputs of streams that have ended by themselves."""
        if not self._inference.halted:
            for stream in self._streams.values():
                stream.worker.finish(timeout_s=FINISH_TIMEOUT_S)
        self._over.set()

    def _all_over(self) -> bool:
        """Say whether every stream is over; the outputs of one that is are finished though others go on."""
        drained = [stream for stream in self._streams.values() if stream.drained()]
        for stream in drained:
            stream.worker.end()
        return len(drained) == len(self._streams)
