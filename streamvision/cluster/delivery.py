"""What the nodes found on its way to the page and the outputs of this machine, in the order of each stream."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from pipelines.rendering.renderer import JpegEncoder
from pipelines.workers.process import Published
from pipelines.workers.remote import RemoteFrame
from streamvision.cluster.link import NodeLink
from streamvision.cluster.stream import ClusterStream

_log = logging.getLogger(__name__)

MAX_WAITING = 1024
"""Most results of one node that wait for the outputs of this machine: some seconds of many streams."""
LATE = "not_written"
"""Cause under which results are counted that the outputs of this machine did not take in time, or not at all."""


class Delivery:
    """Of one node: its link hands over, a thread of this writes, so that a slow disk never makes a node look silent.

    Args:
        link: the node.
        encode: makes JPEG files.
        open_outputs: opens what a stream's results are written to.
    """

    def __init__(
        self,
        link: NodeLink,
        encode: JpegEncoder,
        *,
        open_outputs: Callable[[ClusterStream], None],
    ) -> None:
        self._link = link
        self._encode = encode
        self._open_outputs = open_outputs
        self._waiting: queue.Queue[tuple[ClusterStream, Published] | None] = queue.Queue(MAX_WAITING)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"delivery-{link.name}", daemon=True)
        self._thread.start()

    def put(self, results: Iterable[tuple[ClusterStream, Published]]) -> None:
        """Take finished frames of streams; never waits, and counts those that there is no room for."""
        for stream, one in results:
            try:
                self._waiting.put_nowait((stream, one))
            except queue.Full:
                stream.drops.add(LATE)

    def end(self, timeout_s: float) -> None:
        """Deliver what waits, and end; what is still to be written then is written late, or not at all."""
        self._over.set()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _log.warning("node %s: what it found last could not be written in time", self._link.name)

    def _run(self) -> None:
        while not (self._over.is_set() and self._waiting.empty()):
            taken = self._waiting.get()
            if taken is None or taken[0].is_over:
                continue
            stream, one = taken
            try:
                with stream.delivering:
                    self._deliver(stream, one)
            except Exception:  # of one frame; all others go on
                _log.exception("stream %s, frame %d", stream.id, one.result.frame.index)

    def _deliver(self, stream: ClusterStream, one: Published) -> None:
        frame = one.result.frame
        here = replace(frame, captured_at_s=self._link.here_s(frame.captured_at_s))
        published = Published(replace(one.result, frame=here), one.jpeg)
        rendered = RemoteFrame(published, partial(self._link.ask, stream.id, "jpeg"), self._encode)
        analysis = one.result.analysis
        if analysis is not None:
            stream.analytics.note(analysis.events)
        if stream.outputs is None:
            self._open_outputs(stream)
        if stream.outputs is None:
            stream.drops.add(LATE)
        outputs, names = tuple(stream.outputs or ()), stream.names
        if stream.outputs_names != names:
            stream.outputs_names = names
            for output in outputs:
                output.use_names(names)
        for output in outputs:
            output.write(rendered)
        if one.jpeg is not None or not stream.channel.viewers:
            stream.channel.publish(rendered, encode=False)
        stream.age_s.add(here.age_s())
