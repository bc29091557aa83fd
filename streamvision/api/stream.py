"""``for result in streamvision.stream("rtsp://...", model="yolo.onnx")``: the whole pipeline behind an iterator."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.capture.array_reader import hold, release
from pipelines.engine import Pipeline
from pipelines.live_video.live_video import offer_packets
from pipelines.outputs.sink import Sink, SinkContext, SinkFactory
from pipelines.restream import offer_videos
from streamvision.api.live_show import SeenLive, show_live
from streamvision.api.options import Sources, build_config, read_stage
from streamvision.api.result import StreamResult
from streamvision.api.result_queue import ResultQueue
from streamvision.api.showing import in_notebook
from streamvision.core.config.app import AppConfig
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.given_picture import is_picture
from streamvision.core.status import StreamStatus
from streamvision.core.user_stage import Stage
from streamvision.web import web_server

if TYPE_CHECKING:
    from streamvision.web.server import WebServer

POLL_S = 0.2
LONGEST_WAIT_S = 30.0
"""For the first frame of what a notebook shows."""
Pictures = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
"""Pictures in memory, as BGR; Pillow's images will do, too."""


def stream(
    source: Sources | Pictures | None = None,
    *,
    model: str | Path | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    stages: Sequence[Callable[..., object] | str | Mapping[str, Any]] = (),
    sinks: Sequence[Callable[[SinkContext], Sink]] = (),
    **options: Any,
) -> ResultStream:
    """Run a model on one source or several and iterate over the results.

    Every frame of a file is given, in order; of a live source the newest one, and what the loop had no time for is
    counted as ``reader_behind``, under the stream's outputs. Several sources are given in turn, each in its own order.
    The pipeline starts with the first result that is asked for and ends with the loop, however that is left.

    Args:
        source: what ``--source`` takes, a Path, or the number of a camera; a list of such, or a mapping of stream id to
            source. Numpy arrays (BGR, uint8) or Pillow images in a list, or one of them, are one stream of pictures.
        model: the model file, or the name of one that ships; by default ``road_signs``, which is then said.
        config: a YAML file or mapping in the form of ``docs/configuration.md``; the arguments win over it.
        stages: code of yours for every frame: functions, classes, dotted paths, or mappings as in the configuration.
        sinks: outputs of yours: each is called for every stream with a :class:`pipelines.outputs.sink.SinkContext` and
            returns an object with ``write(rendered)`` and ``close()``.
        options: further keys by their names in the configuration: of ``model`` (``score``, ``classes``, ``device``),
            of each stream (``realtime``, ``loop``), of ``outputs`` (``detections``, ``record``), and whole sections
            (``tracker="botsort"``, ``overlay={...}``, ``serve="127.0.0.1:8080"``, ``max_frames=100``).

    Returns:
        An iterator over :class:`streamvision.StreamResult`, which is a context manager too.

    Raises:
        ConfigError: when an argument is not known or not accepted.
        StreamVisionError: when a source, the model or an output is refused; nothing runs then.
    """
    held = _held(source)
    try:
        sources: Any = held or source
        settled = build_config(sources, model=model, config=config, options=options)
        results = ResultStream(settled, stages=[read_stage(stage) for stage in stages], sinks=sinks)
    except BaseException:
        release(held)
        raise
    weakref.finalize(results, release, held)
    return results


def _held(source: Any) -> str:
    """Return the name under which pictures in memory are read; empty where the source is something else."""
    if is_picture(source):
        source = [source]
    is_film = isinstance(source, np.ndarray) and source.ndim == 4
    return hold(source) if is_film or (isinstance(source, (list, tuple)) and any(map(is_picture, source))) else ""


class ResultStream(Iterator[StreamResult]):
    """Results of a running pipeline; see :func:`stream`.

    It is closed by the end of the ``with`` block, by :meth:`close`, and when nobody refers to it any more, which is
    the moment in which a ``for`` loop over it is left.

    Args:
        config: everything that can be set.
        stages: code of the caller's, in addition to what the configuration names.
        sinks: each makes one more output of every stream.

    Raises:
        StreamVisionError: when a source, the model or an output is refused.
    """

    def __init__(self, config: AppConfig, *, stages: Sequence[Stage] = (), sinks: Sequence[SinkFactory] = ()) -> None:
        if config.workers > 1:
            raise ConfigError(
                f"streamvision.stream got workers={config.workers}, but frames do not cross processes; leave it "
                "out, or use 'streamvision run --workers'"
            )
        results = ResultQueue()
        self._results = results
        self._pipeline = Pipeline(config, stages=stages, sinks=[*sinks, results.add])
        if config.serve:
            encoders = offer_videos(self._pipeline.view, encoder=config.serve.encoder)
            offer_packets(self._pipeline.view, self._pipeline.relays, encoders)
        server = web_server(config.serve, self._pipeline.view)
        self._server = server
        self._started = False
        self._finalizer = weakref.finalize(self, _shut_down, results, self._pipeline, server)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by class id."""
        return self._pipeline.names

    @property
    def url(self) -> str | None:
        """Where the page is, once the first result was asked for; ``None`` where none is served."""
        return self._server.url if self._server else None

    def statuses(self) -> list[StreamStatus]:
        """Return how each stream is doing now."""
        return self._pipeline.statuses()

    def close(self) -> None:
        """Stop everything and finish the outputs, within about three seconds; calling it twice is harmless."""
        self._finalizer()

    def __next__(self) -> StreamResult:
        """Return the next result.

        Raises:
            StopIteration: when every stream has ended, or after :meth:`close`.
            StreamVisionError: at the end, naming whatever failed for good.
        """
        while (result := self._next_within(POLL_S)) is None:
            continue
        return result

    def show(self, *, seconds: float = 5.0, pictures_per_s: float = 5.0) -> SeenLive:
        """Show the streams live below a notebook's cell, then end them.

        Args:
            seconds: how long, from the first frame on; a frame is waited for up to half a minute.
            pictures_per_s: most pictures of each stream that are sent to the notebook.

        Returns:
            What went by in that time: frames, their age, and how often each class was found.

        Raises:
            ConfigError: outside of notebooks.
            StreamVisionError: when a stream fails for good.
        """
        if not in_notebook():
            raise ConfigError(
                "show is for notebooks; here give streamvision.stream serve='127.0.0.1:8080' and open its url, or save "
                "single results"
            )
        if not (0 < seconds < math.inf and 0 < pictures_per_s < math.inf):
            raise ConfigError(
                f"show got seconds={seconds} and pictures_per_s={pictures_per_s}; give numbers that are more than 0"
            )
        with self:
            return show_live(
                lambda longest_s: self._next_within(min(longest_s, POLL_S)),
                seconds=seconds,
                pictures_per_s=pictures_per_s,
                longest_wait_s=LONGEST_WAIT_S,
            )

    def _next_within(self, longest_s: float) -> StreamResult | None:
        """Return the next result, or ``None`` where none came in that time; raises as :meth:`__next__` does."""
        if not self._finalizer.alive:
            raise StopIteration
        self._start()
        if (rendered := self._results.take(longest_s)) is not None:
            return StreamResult(rendered, self.names)
        if not self._results.finished and self._pipeline.error is None:
            return None
        failures = self._pipeline.failures()
        self.close()
        if failures:
            raise StreamVisionError("; ".join(failures))
        raise StopIteration

    def __enter__(self) -> ResultStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        try:
            if self._server is not None:
                self._server.start()
            self._pipeline.start()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        state = "closed" if not self._finalizer.alive else "running" if self._started else "not started"
        return f"ResultStream({', '.join(status.id for status in self.statuses())}; {state})"


def _shut_down(results: ResultQueue, pipeline: Pipeline, server: WebServer | None) -> None:
    """Stop a pipeline; it must not refer to the iterator, whose end it is called at."""
    if server is not None:
        server.stop()
    results.close()
    pipeline.stop()
