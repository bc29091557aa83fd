"""The output of one stream that notices hard frames, and hands the hardest over to be kept.

In the stream's own thread only boxes and scores are looked at. What costs more is done in a thread beside it, which is
handed at most :data:`MAX_WAITING` stretches of three frames: a live stream loses the oldest, a file waits.
"""

from __future__ import annotations

import logging
import threading
import time

from pipelines.outputs.collecting.collector import CollectedStream, Collector
from pipelines.outputs.collecting.windows import Candidate, Windows
from pipelines.outputs.first_failure import FirstFailure
from streamvision.collecting.finding import Finding
from streamvision.collecting.flicker import FlickerWatch
from streamvision.collecting.uncertainty import uncertain
from streamvision.core.channel import Channel, Policy
from streamvision.core.errors import StreamVisionError
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter

_log = logging.getLogger(__name__)

MAX_WAITING = 2
BEHIND = "collector_behind"
"""Cause under which stretches of time are counted that nobody had time to look at."""
FLOOR_SHARE = 0.4
"""Lowest score of a candidate as a share of the threshold, where no tracker says it: 0.1 of 0.25."""

_PATIENCE_S = 60.0
_CLOSE_LIVE_S = 2.0
_CLOSE_LOSSLESS_S = 30.0
_POLL_S = 1.0


class CollectingSink:
    """Of one stream; :meth:`write` is called from one thread.

    Args:
        collector: keeps frames, for all streams.
        stream: what is asked of the stream.
        live: whether the newest frame counts, so that nothing may wait.
        drops: where stretches of time are counted that nobody had time to look at.

    Raises:
        StreamVisionError: when the folder cannot be written, or a model cannot be run or compared.
    """

    def __init__(self, collector: Collector, stream: CollectedStream, *, live: bool, drops: DropCounter) -> None:
        collector.open(stream)
        self._collector = collector
        self._stream = stream
        self._names = stream.names
        self._live = live
        self._drops = drops
        self._watch = FlickerWatch()
        self._windows = Windows(collector.config.window_s)
        self._segment: int | None = None
        self._failure = FirstFailure()
        self._until_s: float | None = None
        self._jobs: Channel[list[Candidate]] = Channel(
            policy=Policy.LATEST if live else Policy.BLOCK, capacity=MAX_WAITING, drops=drops, cause=BEHIND
        )
        self._thread = threading.Thread(target=self._work, name=f"collect-{stream.id}", daemon=True)
        self._thread.start()

    def write(self, rendered: RenderedFrame) -> None:
        """Look at the next frame.

        Raises:
            OutputError: when an earlier frame could not be written.
        """
        self._failure.check()
        result = rendered.result
        frame = result.frame
        if frame.segment != self._segment:
            self._segment = frame.segment
            self._watch.reset()
            self._hand_over_all()
        if over := self._windows.over(frame.pts_s):
            self._hand_over(over)
        if result.plan.kind in ("off", "predicted"):
            return
        self._collector.note_frame()
        kinds = self._collector.config.reasons
        found: list[Finding] = []
        if "flicker" in kinds or "disagreement" in kinds:
            size = frame.picture.width_px, frame.picture.height_px
            now, earlier = self._watch.look(
                result.detections, index=frame.index, pts_s=frame.pts_s, names=self._names, picture_px=size
            )
            found += [one for one in now if one.kind in kinds]
            self._windows.note([one for one in earlier if one.finding.kind in kinds])
        if "uncertain" in kinds:
            model = self._stream.model_config
            doubt = uncertain(
                result.detections,
                result.found if result.found is not None else result.detections,
                names=self._names,
                threshold=model.score,
                floor=FLOOR_SHARE * model.score,
            )
            found += [doubt] if doubt is not None else []
        self._windows.add(Candidate(result, found))

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def report(self) -> tuple[str, str]:
        """Return ``writing`` or ``failing``, and why."""
        reason = self._collector.reason
        return ("failing", reason) if reason else ("writing", "")

    def close(self) -> None:
        """Look at what is held, within 2 s for a live stream and 30 s for a file, and finish.

        Raises:
            OutputError: when something was not written and :meth:`write` has not said so yet.
        """
        if self._until_s is not None:
            return
        patience_s = _CLOSE_LIVE_S if self._live else _CLOSE_LOSSLESS_S
        self._until_s = time.monotonic() + patience_s
        if self._failure.reason is None:
            self._hand_over_all()
        self._jobs.close()
        self._thread.join(patience_s + 0.5)
        self._failure.check_at_end()

    def _hand_over_all(self) -> None:
        for candidates in self._windows.end():
            self._hand_over(candidates)

    def _hand_over(self, candidates: list[Candidate]) -> None:
        if not self._jobs.put(candidates, timeout_s=_PATIENCE_S) and not self._jobs.closed:
            self._drops.add(BEHIND)

    def _work(self) -> None:
        try:
            while not self._jobs.closed or len(self._jobs):
                candidates = self._jobs.get(_POLL_S)
                if self._until_s is not None and time.monotonic() > self._until_s:
                    self._jobs.close(discard=True, cause=BEHIND)
                elif candidates:
                    self._collector.keep(self._stream, candidates, self._names)
        except StreamVisionError as error:
            self._failure.note(str(error))
        except Exception as error:
            _log.exception("stream %s: collecting", self._stream.id)
            self._failure.note(f"collecting failed: {error!r}")
        finally:
            self._jobs.close(discard=True, cause=BEHIND)
            self._collector.close(for_good=self._failure.reason is None)
