"""The engine: joins capture, network and stream workers, and answers for the whole.

    camera -> capture thread -> frame buffer -> batcher -> model -> worker of each stream: stages -> viewers, sinks

Only the network is shared: as many threads as it takes requests at a time, each with one batch across all streams, so
that one's preprocessing and decoding run beside another's network. Everything before and behind it belongs to one
stream, so one stream's fault touches no other, and streams come and go while the others run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from pipelines.assembly import PacketListeners, StreamBuilder, check_cameras, check_clocks, name_stream, name_streams
from pipelines.capture.registry import parse_source
from pipelines.capture.source import SourceSpec
from pipelines.changes_in_turn import StreamChanges
from pipelines.live_video.relays import PacketRelays
from pipelines.model_groups import ModelGroups
from pipelines.model_tuning import with_goals
from pipelines.off_stream import OffStream
from pipelines.outputs.collecting import Tally
from pipelines.outputs.sink import SinkFactory
from pipelines.run_outputs import RunOutputs
from pipelines.stages.registry import configured_stages
from pipelines.stream import Stream
from streamvision.core.config.app import AppConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.control import StreamExistsError, UnknownStreamError
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.heap import give_back_free_memory
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.redaction import short
from streamvision.core.status import StreamStatus
from streamvision.core.telemetry import Distribution, StageTimes, quantiles_ms
from streamvision.core.user_stage import Stage
from streamvision.gps.live.receiver import LivePosition
from streamvision.inference.model import Model

STOP_TIMEOUT_S = 3.0
FINISH_TIMEOUT_S = 60.0
"""Longest wait for the sinks of streams that have ended by themselves."""
REMOVE_TIMEOUT_S = 3.0
"""Longest wait for the end of a stream that is removed, its outputs included."""


class Pipeline:
    """A whole run: built from a configuration, started once, stopped once; streams may come and go meanwhile.

    Args:
        config: everything that can be set.
        model: the network, already open; by default the one that ``config.model`` names is opened.
        stages: the user's own code, in addition to what the configuration names.
        sinks: each makes one more output of every stream, in addition to what the configuration names.
        stream_ids: all streams of the run, where other processes have some of them; their outputs are shared then.
        packets: gives who takes the encoded packets of a stream; by default nobody does.
        service: run on when no stream is left, until :meth:`stop`; there need not be any then.

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
        packets: PacketListeners | None = None,
        service: bool = False,
    ) -> None:
        if not config.streams and not service:
            raise ConfigError("there is no stream to run; give at least one source")
        if config.workers > 1 and service:
            raise ConfigError(
                f"workers is {config.workers}, but streams come and go within one process only; leave workers out"
            )
        self.times = model.times if model else StageTimes()
        """Seconds spent in each stage, over all streams."""
        self._service = service
        sources = name_streams(config.streams)
        config = with_goals(config, [spec for spec, _ in sources.values()], service=service)
        shared, several = len(stream_ids) > len(sources), service or len(stream_ids or sources) > 1
        self._outputs = RunOutputs(config, further=sinks, several=several, shared=shared)
        self._position = None if config.position is None else LivePosition(config.position)
        position_at = None if self._position is None else self._position.at
        own_stages = [*configured_stages(config.stages), *stages]
        is_watched = config.serve is not None and not stream_ids
        self.relays = PacketRelays(config, has_own_stages=bool(own_stages)) if is_watched else None
        """Who passes the packets of its streams on to those who watch; ``None`` where nobody can."""
        self._builder = StreamBuilder(
            own_stages, self.times, packets=packets, relays=self.relays, position_at=position_at
        )
        if not service:
            check_cameras(config, sources)
        check_clocks(config, sources)
        self._outputs.check(list(stream_ids or sources), [spec for spec, _ in sources.values()])
        self._changes = StreamChanges()
        self._lock = self._changes.lock
        self._streams: dict[str, Stream | OffStream] = {}  # replaced, never changed: other threads go through it
        self._started = self._stopped = self._ended = False
        self._over = threading.Event()
        self.model_groups = ModelGroups(
            config, model=model, times=self.times, on_rest=self._rest, on_exchange=self._describe_models
        )
        """The models that are open, each with its streams; one may be exchanged while it runs."""
        self.view = LiveView({}, statuses=self.statuses, stage_times=self.times.distributions, model="")
        self._describe_models()
        self.view.model_of = self.model_groups.describe_of
        self.view.frame_ages = self.ages
        live = {name for name, (spec, _) in sources.items() if spec.live}
        patient = service or config.serve is not None or shared
        try:
            for name, (spec, stream) in sources.items():
                self._put(self._built(name, spec, stream, patient=patient or bool(live - {name})))
        except BaseException:
            self.model_groups.close(0.0)
            raise

    def start(self) -> None:
        """Open the outputs and start capturing, inferring and publishing.

        Raises:
            OutputError: when an output cannot be opened; nothing runs then.
        """
        with self._lock:
            streams = self._running
            sinks = self._outputs.open(streams)
            self._started = True
        if self._position is not None:
            self._position.start()
        for stream in streams:
            stream.start(sinks[stream.id])
        self.model_groups.start()
        self._rest()

    def wait(self, timeout_s: float) -> bool:
        """Wait until every stream has ended or failed, or a service was stopped; return whether that is so."""
        return self._over.wait(timeout_s)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop everything and finish the outputs, in every state; one deadline holds for all of it.

        What has not ended by then, such as a connection attempt that hangs, is left to its own timeouts; nothing that
        it brings is taken any more.
        """
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            streams = self._running
        deadline_s = time.monotonic() + timeout_s

        def left_s() -> float:
            return max(deadline_s - time.monotonic(), 0.0)

        self.model_groups.request_stop()
        for stream in streams:
            stream.capture.request_stop()
        self.model_groups.join(deadline_s - timeout_s / 2)  # where one hangs, the outputs are finished nevertheless
        for stream in streams:
            stream.worker.end()
        for stream in streams:
            stream.finish_outputs(deadline_s)
        for stream in streams:
            stream.capture.join(left_s())
        self.model_groups.close(left_s())
        if self._position is not None:
            self._position.close(left_s())
        self._over.set()

    def add_stream(self, stream: StreamConfig) -> str:
        """Run one stream more, while the others go on; return its id.

        It waits for a camera that is not there yet. A model that no other stream has is opened first, which may take
        as long as at the start.

        Raises:
            StreamExistsError: when there is a stream of that id.
            StreamVisionError: when its source, its model or an output is refused, or the run is over; nothing has
                changed then.
        """
        spec = parse_source(stream.source, policy=stream.policy, realtime=stream.realtime)
        with self._changes.reserved(stream.id, lambda taken: self._name(stream.id, spec, stream, taken)) as name:
            built = self._built(name, spec, stream, patient=True)
            try:
                self._begin(built)
            except BaseException:
                self._end(built)
                raise
        return name

    def remove_stream(self, stream_id: str) -> None:
        """End a stream, finish its outputs and forget it, within a few seconds; the others go on.

        Raises:
            UnknownStreamError: when there is no stream of that id.
            BusyError: when another thread is in the middle of changing it.
        """
        with self._changes.of(stream_id):
            with self._lock:
                stream = self._known(stream_id)
                self._streams = {name: one for name, one in self._streams.items() if one is not stream}
            self.view.remove(stream_id)
            self._end(stream)
        self._rest()

    def replace_stream(self, stream_id: str, stream: StreamConfig) -> None:
        """Change what is set for a stream, while the others go on.

        Its name, score, classes, masks, steps without a network as long as they find the same classes, what is counted
        and what is drawn change from the next frame on. All else begins the stream anew, under the same id, in the same
        place and for the same viewers.

        Raises:
            UnknownStreamError: when there is no stream of that id.
            StreamVisionError: when what is set is refused, and the stream goes on as before; or when an output cannot
                be opened, and the stream has failed.
        """
        if stream.id not in (None, stream_id):
            raise ConfigError(f"stream {stream_id!r} cannot become {stream.id!r}; remove it and add the other")
        with self._changes.of(stream_id):
            before = self._known(stream_id)
            run = self.model_groups.config.for_stream(stream)
            if isinstance(before, Stream) and not before.settings.begins_anew_for(stream, run):
                before.settings.apply(stream, run)
                return
            spec = parse_source(stream.source, policy=stream.policy, realtime=stream.realtime)
            channel = before.channel
            built = self._built(stream_id, spec, stream, patient=True, channel=channel)
            if isinstance(before, Stream):
                before.worker.channel = LiveChannel(stream_id, ())  # what it may still bring goes nowhere
            self._end(before)
            channel.restart(built.names if isinstance(built, Stream) else ())
            try:
                self._begin(built)
            except StreamVisionError as error:
                if isinstance(built, Stream):
                    built.give_up(str(error))
                self._put(built)
                raise

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing now, in the order in which they came."""
        return [stream.status() for stream in self._streams.values()]

    def ages(self) -> dict[str, Distribution]:
        """Return the ages of each stream's frames when they were finished, in seconds."""
        return {stream.id: stream.worker.age_s for stream in self._running}

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """Return p50, p95 and p99 of the newest durations of each stage, in milliseconds, over all streams."""
        return quantiles_ms(self.times.distributions())

    @property
    def collected(self) -> Tally | None:
        """What was looked at and kept so far to be labelled; ``None`` where nothing is."""
        return self._outputs.collector.tally if self._outputs.collector is not None else None

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of the first model that is open, by class id."""
        return next((group.models.names for group in self.model_groups.open), ())

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of the models, and what their outputs have shown so far, a sentence each."""
        return tuple(note for group in self.model_groups.open for note in group.models.first.notes())

    @property
    def pictures_without_numbers(self) -> int:
        """On how many pictures nothing was found and the model's outputs were no numbers."""
        return sum(group.models.first.pictures_without_numbers for group in self.model_groups.open)

    @property
    def error(self) -> str | None:
        """Why the network failed for good, which ends all streams; ``None`` while one works."""
        errors = [group.error for group in self.model_groups.open]
        return errors[0] if errors and all(errors) else None

    def failures(self) -> list[str]:
        """Return what went wrong for good, one sentence each."""
        own = [group.error for group in self.model_groups.open if group.error]
        return own + [failure for stream in self._running for failure in stream.failures()]

    def __enter__(self) -> Pipeline:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- streams that come and go -----------------------------------------------------------------------------------

    @property
    def _running(self) -> list[Stream]:
        return [stream for stream in self._streams.values() if isinstance(stream, Stream)]

    def _built(
        self, name: str, spec: SourceSpec, stream: StreamConfig, *, patient: bool, channel: LiveChannel | None = None
    ) -> Stream | OffStream:
        """Return a stream that is not yet part of the run, with its model open."""
        run = self.model_groups.config.for_stream(stream)
        if not stream.enabled:
            return OffStream(spec, stream, channel or LiveChannel(name, ()))
        others = {one.id: (one.spec, one.config) for one in self._running}
        check_clocks(self.model_groups.config, {**others, name: (spec, stream)}, of=name)
        group = self.model_groups.acquire(stream.model)
        try:
            return self._builder.build(name, spec, stream, run, group, patient=patient, channel=channel)
        except BaseException:
            self.model_groups.release(group)
            raise

    def _begin(self, stream: Stream | OffStream) -> None:
        """Let a stream that was built be part of the run, and start it where the run has begun."""
        if isinstance(stream, OffStream):
            self._put(stream)
            return
        self._outputs.check([stream.id], [stream.spec])
        with self._lock:
            is_running = self._started
        sinks = self._outputs.open([stream])[stream.id] if is_running else []
        self._put(stream)
        if is_running:
            stream.start(sinks)

    def _put(self, stream: Stream | OffStream) -> None:
        with self._lock:
            if self._stopped or self._ended:
                raise StreamVisionError("the run is over; begin another")
            self._streams = {**self._streams, stream.id: stream}
        if isinstance(stream, Stream):
            stream.group.add(stream)
        self._describe_models()
        self.view.put(stream.channel, stream.analytics if isinstance(stream, Stream) else None)

    def _end(self, stream: Stream | OffStream) -> None:
        """End a stream, and its model where no other stream has it."""
        if isinstance(stream, OffStream):
            return
        stream.stop(REMOVE_TIMEOUT_S)
        stream.group.remove(stream)
        self.model_groups.release(stream.group)
        give_back_free_memory()
        self._describe_models()

    def _describe_models(self) -> None:
        self.view.model = self.model_groups.describe()

    def _known(self, stream_id: str) -> Stream | OffStream:
        stream = self._streams.get(stream_id)
        if stream is None:
            known = ", ".join(self._streams) or "none"
            raise UnknownStreamError(f"there is no stream {short(stream_id)!r}; the streams are: {known}")
        return stream

    def _name(self, stream_id: str | None, spec: SourceSpec, stream: StreamConfig, taken: set[str]) -> str:
        """Return the name of a stream that is to come."""
        if stream_id in self._streams:
            raise StreamExistsError(f"there is a stream {stream_id!r} already; give another id")
        others = {name: (one.spec, one.config) for name, one in self._streams.items()}
        return name_stream(spec, stream, others, taken=taken)

    def _rest(self) -> None:
        """End the run where every stream is over, outputs included; called again and again while one model rests."""
        with self._lock:
            is_over = self._started and not self._changes.busy and all(group.over for group in self.model_groups.open)
            if self._service or self._ended or self._stopped or not is_over:
                return
            self._ended = True
            streams = self._running
        for stream in streams:
            if stream.group.error is None:
                stream.worker.finish(timeout_s=FINISH_TIMEOUT_S)
        self._over.set()
