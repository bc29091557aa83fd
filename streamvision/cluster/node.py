"""One machine of a cluster: runs the streams that the head gives it, in one pipeline, with one model for all of them.

It is told which streams to run and brings that about in a thread of its own, so that an exchange never waits for a
camera or a model. Where it has heard nothing of the head for as long as its lease holds, the process ends at once: a
machine that is cut off must not go on with what another begins.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pipelines.engine import Pipeline
from pipelines.rendering.renderer import JpegEncoder
from pipelines.workers.process import Call, Published, Reply
from streamvision.cluster.lease import Lease
from streamvision.cluster.load import Load, NewSamples
from streamvision.cluster.messages import About, Condition, Counted, NodeOrder, OpenModel, Orders, Told, Verdict, Wanted
from streamvision.cluster.outbox import Outbox
from streamvision.core.analysis import CountingAnalytics
from streamvision.core.errors import StreamVisionError
from streamvision.core.live import LiveChannel
from streamvision.core.status import StreamStatus
from streamvision.core.version import __version__
from streamvision.inference.model import Model

_log = logging.getLogger(__name__)

LONGEST_EXCHANGE_S = 0.2
"""How long an answer waits for something to tell."""
COLLECT_S = 0.03
"""Least time between two answers: what finishes meanwhile shares one, which costs as much as one frame's."""
CONDITION_S = 0.2
"""How often it is told how the streams are doing."""
RETRY_S = 0.5
"""How soon a stream is removed again that could not be."""
LEASE_OVER = 3
"""Exit code of a node that was cut off."""


def end_at_once() -> None:
    """End the process without a further word: whatever reads cameras in it ends with it."""
    os._exit(LEASE_OVER)


class StreamNode:
    """Runs streams while the head is heard.

    Args:
        order: what it begins with.
        end: ends the process; called when the lease is over.

    Raises:
        StreamVisionError: when what is set for the run cannot be used here.
    """

    def __init__(self, order: NodeOrder, end: Callable[[], None] = end_at_once) -> None:
        self._end = end
        self._lease = Lease(order.lease_s)
        self._pipeline = Pipeline(order.config, service=True)
        self._outbox = Outbox(JpegEncoder(order.jpeg_quality))
        self._load = Load(order.cores, self._pipeline.times)
        self._samples = NewSamples(self._pipeline.times)
        self._lock = threading.Lock()
        self._revision = 0
        self._wanted: Mapping[str, Wanted] = {}
        self._applied: dict[str, Wanted] = {}
        self._held: set[str] = set()
        self._serials: dict[str, int] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._counting: set[str] = set()
        self._told_of: set[str] = set()
        self._final: dict[str, Counted] = {}  # of streams that have ended, until that was heard
        self._final_told: dict[str, Counted] = {}
        self._changing: dict[str, float] = {}  # streams in the middle of a change, by id: since when
        self._named: dict[str, tuple[str, ...]] = {}
        self._number = 0
        self._answered_at_s = self._condition_at_s = 0.0
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._pipeline.start()
        self._keeper = threading.Thread(target=self._keep_lease, args=(order.lease_s / 20,), name="lease", daemon=True)
        self._changer = threading.Thread(target=self._change, name="streams", daemon=True)
        self._keeper.start()
        self._changer.start()

    def about(self) -> About:
        """Return what it is."""
        return About(__version__, os.getpid())

    def exchange(self, orders: Orders) -> Told:
        """Take orders and answer with what has happened since the last answer."""
        holds, was_heard = self._lease.renew(orders.heard), orders.heard == self._number
        if orders.wanted is not None and holds:
            with self._lock:
                self._revision, self._wanted = orders.revision, orders.wanted
            self._changed.set()
        replies = [self._answer(call) for call in orders.calls]
        if not replies:
            self._outbox.wait(LONGEST_EXCHANGE_S)
        early_s = self._answered_at_s + COLLECT_S - time.monotonic()
        if early_s > 0:
            time.sleep(early_s)
        with self._lock:  # before results are taken: of what is told to have ended all were there
            running = frozenset(self._held)
        published = self._outbox.take(orders.viewers, was_heard=was_heard)
        for one in published:
            analysis = one.result.analysis
            if analysis is not None and analysis.events:
                self._counting.add(one.result.frame.stream_id)
        if not was_heard:
            self._counting |= self._told_of
            self._named = {}
        with self._lock:
            revision, verdicts = self._revision, dict(self._verdicts)
            kept = {} if was_heard else self._final_told
            self._final_told, self._final = {**kept, **self._final}, {}
        counted = {**self._final_told, **self._counted()}
        condition = self._condition(is_due=self._has_new_names(published))
        self._number += 1
        self._answered_at_s = time.monotonic()
        self._lease.answered(self._number)
        return Told(
            number=self._number,
            sent_at_s=self._answered_at_s,
            revision=revision,
            running=running,
            verdicts=verdicts,
            published=published,
            counted=counted,
            replies=replies,
            condition=condition,
            changing=self._longest_change(),
        )

    def stop(self, timeout_s: float) -> None:
        """End all streams."""
        self._stopping.set()
        self._changed.set()
        self._outbox.wake()
        self._pipeline.stop(timeout_s)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _keep_lease(self, every_s: float) -> None:
        while not self._stopping.wait(every_s):
            if self._lease.over:
                self._end()
                return

    def _counted(self) -> dict[str, Counted]:
        """Return how far those have counted on whose frames something has happened."""
        found = {}
        with self._lock:  # so that no counts of before are added in between
            counting, self._counting = self._counting, set()
            self._told_of = counting
            for stream_id in counting:
                analytics = self._pipeline.view.analytics.get(stream_id)
                if isinstance(analytics, CountingAnalytics):
                    found[stream_id] = Counted(self._serials.get(stream_id, 0), tuple(analytics.saved_counts()))
        return found

    def _longest_change(self) -> tuple[str, float] | None:
        """Return the stream that has been changed for longest, and for how long."""
        begun = self._changing.copy()
        first = min(begun, key=lambda name: begun[name], default=None)
        return None if first is None else (first, time.monotonic() - begun[first])

    def _has_new_names(self, published: list[Published]) -> bool:
        """Say whether there are results whose classes have names that were not told: no output is to lack them."""
        channels = self._pipeline.view.channels
        names = {name: channels[name].names for one in published if (name := one.result.frame.stream_id) in channels}
        return any(self._named.get(stream_id) != known for stream_id, known in names.items())

    def _condition(self, *, is_due: bool) -> Condition | None:
        now_s = time.monotonic()
        if not is_due and now_s - self._condition_at_s < CONDITION_S:
            return None
        self._condition_at_s = now_s
        view = self._pipeline.view
        models = self._pipeline.model_groups.models()
        self._named = {name: channel.names for name, channel in view.channels.items()}
        return Condition(
            statuses=[self._with_lost(status) for status in self._pipeline.statuses()],
            names=self._named,
            model=view.model,
            models={name: _told(model) for name, model in models.items()},
            notes=self._pipeline.notes(),
            share=self._load.share(max((model.requests for model in models.values()), default=1)),
            stage_times=self._samples.take(),
        )

    def _with_lost(self, status: StreamStatus) -> StreamStatus:
        """Return a status in which those frames are counted, too, whose results nobody fetched."""
        lost = self._outbox.lost.get(status.id)
        return status if lost is None else replace(status, drops={**status.drops, **lost.by_cause()})

    def _answer(self, call: Call) -> Reply:
        try:
            return Reply(call.number, self._value(call))
        except StreamVisionError as error:
            return Reply(call.number, error=error)
        except Exception as error:
            _log.exception("stream %s: %s", call.stream_id, call.method)
            return Reply(call.number, error=StreamVisionError(f"{call.method} failed: {error!r}"))

    def _value(self, call: Call) -> Any:
        view = self._pipeline.view
        if call.method == "jpeg":
            channel = view.channels.get(call.stream_id)
            newest = None if channel is None else channel.latest
            return None if newest is None else newest.jpeg()
        if call.method == "heat_map_png":
            analytics = view.analytics.get(call.stream_id)
            return None if analytics is None else analytics.heat_map_png()
        raise StreamVisionError(f"a node has no answer to {call.method!r}; is its version that of the head?")

    # --- streams ----------------------------------------------------------------------------------------------------

    def _change(self) -> None:
        """Bring about what is wanted, one stream after another."""
        while not self._stopping.is_set():
            self._changed.wait()
            self._changed.clear()
            with self._lock:
                wanted = self._wanted
            for stream_id in self._applied.keys() - wanted.keys():
                self._change_one(stream_id, self._remove)
            for stream_id, one in wanted.items():
                if self._stopping.is_set() or self._wanted is not wanted:
                    break  # something newer is wanted, and comes next
                self._change_one(stream_id, partial(self._bring_about, wanted=one, among=wanted))
            for stream_id in self._changing.keys() - wanted.keys() - self._applied.keys():
                del self._changing[stream_id]  # it has never begun, and is not to begin any more

    def _change_one(self, stream_id: str, change: Callable[[str], None]) -> None:
        """Change one stream; whatever goes wrong with it, all others are changed, too, and it is tried again."""
        self._changing.setdefault(stream_id, time.monotonic())
        try:
            change(stream_id)
            del self._changing[stream_id]
        except Exception as error:
            is_known = isinstance(error, StreamVisionError)
            _log.error("stream %s is changed again: %s", stream_id, error, exc_info=None if is_known else error)
            self._stopping.wait(RETRY_S)
            self._changed.set()

    def _bring_about(self, stream_id: str, wanted: Wanted, among: Mapping[str, Wanted]) -> None:
        """Run a stream as it is wanted, unless something else than all that is wanted by now."""
        applied = self._applied.get(stream_id)
        if applied is None or applied.version != wanted.version:
            with self._lock:  # in one step: whoever is told that it does not run may let it run elsewhere
                if self._wanted is not among:
                    return
                self._held.add(stream_id)
            error = self._try(stream_id, wanted)
            self._applied[stream_id] = wanted
            with self._lock:
                self._verdicts[stream_id] = Verdict(wanted.version, error)
            self._outbox.wake()
        analytics = self._pipeline.view.analytics.get(stream_id)
        if isinstance(analytics, CountingAnalytics) and wanted.counted.serial > self._serials.get(stream_id, 0):
            with self._lock:
                analytics.restore_counts(wanted.counted.counts)
                self._serials[stream_id] = wanted.counted.serial
                self._counting.add(stream_id)

    def _try(self, stream_id: str, wanted: Wanted) -> StreamVisionError | None:
        """Run a stream as it is set; return why that was refused."""
        view = self._pipeline.view
        try:
            if stream_id not in view.channels:
                self._pipeline.add_stream(wanted.config)
                self._listen(view.channels[stream_id])
                return None
            before = view.analytics.get(stream_id)
            self._pipeline.replace_stream(stream_id, wanted.config)
            after = view.analytics.get(stream_id)
            if after is not before and isinstance(before, CountingAnalytics) and isinstance(after, CountingAnalytics):
                after.restore_counts(before.saved_counts())
        except StreamVisionError as error:
            return error
        except Exception as error:
            _log.exception("stream %s", stream_id)
            return StreamVisionError(f"stream {stream_id} could not begin: {error!r}")
        return None

    def _listen(self, channel: LiveChannel) -> None:
        channel.add_listener(self._outbox.note)

    def _remove(self, stream_id: str) -> None:
        view = self._pipeline.view
        channel, analytics = view.channels.get(stream_id), view.analytics.get(stream_id)
        if channel is not None:
            self._pipeline.remove_stream(stream_id)
            channel.remove_listener(self._outbox.note)
        self._outbox.forget(stream_id)
        with self._lock:
            serial = self._serials.pop(stream_id, 0)
            if isinstance(analytics, CountingAnalytics):
                self._final[stream_id] = Counted(serial, tuple(analytics.saved_counts()))
            del self._applied[stream_id]
            self._held.discard(stream_id)
            self._verdicts.pop(stream_id, None)
        self._outbox.wake()


def _told(model: Model) -> OpenModel:
    card = model.card
    return OpenModel(model.describe(), card.task, tuple(model.names), card.model_dump(mode="json"))
