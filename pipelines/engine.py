"""The engine: joins capture, network and lanes, and answers for the whole.

    camera -> capture thread -> slot -> batcher -> network -> lane of each stream -> viewers, files

Only the network is shared: as many threads as it takes requests at a time, each with one batch across all streams, so
that one's preprocessing and decoding run beside another's network. Everything before and behind it belongs to one
stream, so one stream's fault touches no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from pipelines.assembly import build_streams, name_streams
from pipelines.capture.registry import source_files
from pipelines.outputs.outputs import check_outputs, open_sinks
from pipelines.outputs.sink import Sink
from pipelines.run_models import RunModels
from pipelines.scheduling.batcher import Batcher
from pipelines.scheduling.collection_window import CollectionWindow
from pipelines.stream import Pending
from streamvision.core.config.app import AppConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.live import LiveView
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution, DropCounter, StageTimes
from streamvision.core.user_stage import Stage, stage_of
from streamvision.inference.model import Model

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 3.0


class Pipeline:
    """A whole run: built from a configuration, started once, stopped once.

    Args:
        config: everything that can be set.
        detector: the network, already open; by default the one that ``config.model`` names is opened.
        stages: the user's own code, in addition to what the configuration names.
        extra_sink: makes one more output for a stream, given whether it is live and where its drops are counted.

    Raises:
        StreamVisionError: from the constructor, when a source, the model or an output is refused; nothing runs then.
    """

    def __init__(
        self,
        config: AppConfig,
        *,
        detector: Model | None = None,
        stages: Sequence[Stage] = (),
        extra_sink: Callable[[bool, DropCounter], Sink] | None = None,
    ) -> None:
        self.times = detector.times if detector else StageTimes()
        """Seconds spent in each stage, over all streams."""
        self._outputs = config.outputs
        self._extra_sink = extra_sink
        self._sources = name_streams(config.streams)
        stages = [*map(stage_of, config.stages), *stages]
        read = [path for spec, _ in self._sources.values() for path in source_files(spec)]
        check_outputs(config.outputs, stream_ids=list(self._sources), inputs=[config.model.path, *read])
        self._networks = RunModels(config, detector=detector, times=self.times)
        first = self._networks.detector
        self._window = CollectionWindow()
        self._batcher: Batcher[Pending] = Batcher(max_batch=first.useful_batch, window=self._window)
        self._streams = build_streams(
            self._sources, config, self._networks, stages=stages, times=self.times, on_change=self._batcher.notify
        )
        for stream in self._streams.values():
            self._batcher.add(stream)
        self.view = LiveView(
            {name: stream.lane.channel for name, stream in self._streams.items()},
            statuses=self.statuses,
            stage_times=self.times.distributions,
            model=first.describe(),
            analytics={name: stream.lane.analyst for name, stream in self._streams.items() if stream.lane.analyst},
        )
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._error: str | None = None
        self._ending = threading.Lock()
        self._running = first.requests
        self._threads = [
            threading.Thread(target=self._run, name=f"inference-{number}", daemon=True)
            for number in range(first.requests)
        ]

    def start(self) -> None:
        """Open the outputs, which replaces old files, and start capturing, inferring and publishing.

        Raises:
            OutputError: when an output cannot be opened; nothing runs then.
        """
        sinks = open_sinks(
            self._outputs,
            {name: stream.spec.live for name, stream in self._streams.items()},
            names=self._networks.detector.names,
            drops={name: stream.capture.drops for name, stream in self._streams.items()},
            heat_maps={name: control.heat_map_png for name, control in self.view.analytics.items()},
        )
        for name, stream in self._streams.items():
            if self._extra_sink is not None:
                sinks[name].append(self._extra_sink(stream.spec.live, stream.capture.drops))
        for name, stream in self._streams.items():
            stream.lane.start(sinks[name])
            stream.capture.start()
        self._networks.second.start()
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until every stream has ended or failed; return whether they have."""
        return self._over.wait(timeout_s)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop everything and finish the outputs; returns within about ``timeout_s``, in every state."""
        deadline_s = time.monotonic() + timeout_s
        self._stopping.set()
        self._batcher.notify()
        for stream in self._streams.values():
            stream.capture.request_stop()
        for stream in self._streams.values():
            stream.capture.stop(max(deadline_s - time.monotonic(), 0.1))
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(deadline_s - time.monotonic(), 0.1))
        for stream in self._streams.values():
            if not stream.lane.finish(max(deadline_s - time.monotonic(), 0.1)):
                log.warning("stream %s: outputs were not finished in time", stream.lane.stream_id)
        self._networks.close(max(deadline_s - time.monotonic(), 0.1))
        self._over.set()

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing now, in the order of the configuration."""
        return [stream.status() for stream in self._streams.values()]

    def ages(self) -> dict[str, Distribution]:
        """Return the ages of each stream's frames when they were finished, in seconds."""
        return {name: stream.lane.age_s for name, stream in self._streams.items()}

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Return p50, p95 and p99 of the newest durations of each stage, in milliseconds, over all streams."""
        return {
            stage: {name: round(value * 1e3, 3) for name, value in quantiles.items()}
            for stage, samples in self.times.distributions().items()
            if (quantiles := samples.quantiles())
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of the model, by class id."""
        return self._networks.detector.names

    @property
    def error(self) -> str | None:
        """Why the network failed for good, which ends all streams; ``None`` while it works."""
        return self._error

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""
        own = [self._error] if self._error else []
        return own + [failure for stream in self._streams.values() for failure in stream.failures()]

    def __enter__(self) -> Pipeline:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            while not self._halted() and not self._all_over():
                self._infer_batch()
        except StreamVisionError as error:
            self._error = self._error or str(error)
        except Exception as error:
            log.exception("inference")
            self._error = self._error or f"inference failed: {error!r}"
        with self._ending:
            self._running -= 1
            last = self._running == 0
        if last:
            if not self._halted():
                for stream in self._streams.values():
                    stream.lane.finish(timeout_s=60)
            self._over.set()

    def _halted(self) -> bool:
        return self._stopping.is_set() or self._error is not None

    def _all_over(self) -> bool:
        """Say whether every stream is over; the outputs of one that is are finished though others go on."""
        drained = [stream for stream in self._streams.values() if stream.drained()]
        for stream in drained:
            stream.lane.end()
        return len(drained) == len(self._streams)

    def _infer_batch(self) -> None:
        batch = self._batcher.collect(stopped=self._halted)
        if not batch:
            return
        begin_s = time.perf_counter()
        try:
            for pending in batch:
                if not pending.look.uses_network:
                    pending.deliver_unseen()
            batch = [pending for pending in batch if pending.look.uses_network]
            if not batch:
                return
            found = self._networks.find(batch)
        except BaseException:
            for pending in batch:
                pending.give_up()
            raise
        self._window.observe(len(batch), time.perf_counter() - begin_s)
        for pending, one in zip(batch, found, strict=True):
            pending.deliver(one)
