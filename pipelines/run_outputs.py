"""The outputs of a run whose streams come and go: checked before anything slow begins, opened with each stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pipelines.capture.registry import source_files
from pipelines.capture.source import SourceSpec
from pipelines.outputs.collecting import CollectedStream, Collector
from pipelines.outputs.collecting.sink import CollectingSink
from pipelines.outputs.output import Output
from pipelines.outputs.outputs import OpenedFiles, check_outputs, open_sinks
from pipelines.outputs.sink import SinkContext, SinkFactory
from streamvision.core.analysis import AnalyticsControl
from streamvision.core.config.app import AppConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError
from streamvision.core.telemetry import DropCounter


class OutputStream(Protocol):
    """What outputs must know of a stream."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def spec(self) -> SourceSpec:
        """Where its frames come from."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of its model, by class id."""

    @property
    def config(self) -> StreamConfig:
        """What is set for it."""

    @property
    def analytics(self) -> AnalyticsControl | None:
        """What counts and measures; ``None`` without."""


class RunOutputs:
    """Of one run.

    Args:
        config: what is set for it.
        further: each makes one more output of every stream.
        several: whether files of one stream carry its name.
        shared: whether other processes write to the files that all streams share, too.
    """

    def __init__(self, config: AppConfig, *, further: Sequence[SinkFactory], several: bool, shared: bool) -> None:
        self._config = config
        self._further = further
        self._several = several
        self._shared = shared
        self._files = OpenedFiles()
        self.collector = Collector(config.collect) if config.collect is not None else None
        """Keeps frames that are worth labelling; ``None`` where nobody does."""

    def check(self, stream_ids: Sequence[str], sources: Iterable[SourceSpec]) -> None:
        """Find out whether the files of streams can be written, and are not what is read.

        Raises:
            OutputError: naming the first file that cannot be written, and why.
            ConfigError: when there is no sink of a configured name, or it does not take its options; or trajectories
                are to be smoothed of what never ends.
        """
        sources = tuple(sources)
        if self._config.outputs.smooth:
            _check_ends(sources, loops=any(stream.loop for stream in self._config.streams))
        models = [one.path for one in (self._config.model, *self._config.models.values())]
        read = [path for spec in sources for path in source_files(spec)]
        check_outputs(self._config.outputs, stream_ids=stream_ids, inputs=[*models, *read], several=self._several)
        if self.collector is not None:
            self.collector.check()

    def open(self, streams: Sequence[OutputStream]) -> dict[str, list[Output]]:
        """Open the outputs of streams and return them by stream.

        Raises:
            OutputError: when one cannot be opened; none of these is then.
        """
        opened = open_sinks(
            self._config.outputs,
            [self._context(stream) for stream in streams],
            further=self._further,
            several=self._several,
            shared=self._shared,
            files=self._files,
        )
        try:
            for stream in streams:
                opened[stream.id] += self._collecting(stream)
        except BaseException:
            for output in (output for outputs in opened.values() for output in outputs):
                output.close()
            raise
        return opened

    def _collecting(self, stream: OutputStream) -> list[Output]:
        """Return the output that keeps frames of a stream which are worth labelling, where it is wanted."""
        collector = self.collector
        if collector is None or stream.config.collect is False or not isinstance(stream, CollectedStream):
            return []
        drops = DropCounter()

        def open_it() -> CollectingSink:
            return CollectingSink(collector, stream, live=stream.spec.live, drops=drops)

        target = str(collector.config.folder)
        return [Output("collect", open_it(), target=target, drops=drops, reopen=open_it)]

    def _context(self, stream: OutputStream) -> SinkContext:
        return SinkContext(
            stream_id=stream.id,
            live=stream.spec.live,
            names=stream.names,
            heat_map_png=stream.analytics.heat_map_png if stream.analytics else None,
            without=frozenset({"record"}) if stream.config.record is False else frozenset(),
            identity_memory_s=self._config.tracker_of(stream.config).memory_s,
        )


def _check_ends(sources: Iterable[SourceSpec], *, loops: bool) -> None:
    if loops:
        raise ConfigError(
            "a file that begins again never ends, and trajectories are smoothed then; leave out --loop or --smooth"
        )
    live = next((spec for spec in sources if spec.live), None)
    if live is not None:
        raise ConfigError(
            f"{live.safe_uri} is live, and trajectories are smoothed once a recording has ended; leave out --smooth "
            "(outputs.smooth), or give files"
        )
