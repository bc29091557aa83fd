"""Takes the events of all streams, and hands those that are to be told to the targets' deliveries.

A stream's thread only looks whether something happened and by which rules that is told; pictures are encoded, and
messages written down, in a thread of this.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipelines.outputs.sink import Sink, SinkContext
from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.notify import NotifyConfig, RuleConfig, TargetConfig
from streamvision.core.errors import ConfigError
from streamvision.core.notify import TargetKind, TargetStatus, UnknownTargetError
from streamvision.core.recordings import ClipSpan, clip_address, no_clips
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter
from streamvision.notify.delivery import Delivery
from streamvision.notify.disk_spool import forget_file
from streamvision.notify.kinds import target_kinds
from streamvision.notify.message import Message
from streamvision.notify.registry import TARGETS
from streamvision.notify.rules import LastTold, StreamRules, Told
from streamvision.notify.spool import open_spool
from streamvision.notify.target import Target, TargetContext

_log = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Most events that wait to be written down."""
MAX_FRAMES = 8
"""Most frames that wait to be encoded, 25 MB of 1080p pictures; events beyond have no picture."""
PATIENCE_S = 30.0
"""Longest wait of a file's stream for room."""
STOP_S = 5.0
"""Longest wait at the end for what is on its way."""


def check_notify(config: NotifyConfig) -> None:
    """Find out whether targets can be made as they are set; nothing is opened.

    Raises:
        ConfigError: naming the target, and what is wrong with it.
        MissingDependencyError: when a target needs what is not installed.
    """
    for name, target in config.targets.items():
        _made(name, target).close()


@dataclass(frozen=True)
class _Task:
    """What happened on one frame, as far as it is told."""

    told: list[Told]
    rendered: RenderedFrame | None
    drops: DropCounter


class _Running(NamedTuple):
    config: TargetConfig
    delivery: Delivery


class Notifier:
    """Tells targets of events; called with the context of a stream, it makes what its worker writes to.

    Args:
        config: targets and rules.
        folder: where messages wait on disk; ``None``: in memory.
        public_url: address of the page, for links; without it they are relative to the page.
        clip_span: how much is recorded around an event of a stream.

    Raises:
        ConfigError: when a target cannot be made as it is set.
        OutputError: when nothing can be written to the folder.
    """

    name = "notify"
    """What a stream's status calls it."""

    def __init__(
        self,
        config: NotifyConfig,
        *,
        folder: Path | None,
        public_url: str | None = None,
        clip_span: ClipSpan = no_clips,
    ) -> None:
        self.rules: tuple[RuleConfig, ...] = ()
        """What is told; replaced, never changed."""
        self.last_told = LastTold()
        """When something was last told."""
        self._folder = folder
        self._root = "" if public_url is None else f"{public_url.rstrip('/')}/"
        self._clip_span = clip_span
        self._changing = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._tasks: queue.Queue[_Task] = queue.Queue(MAX_WAITING)
        self._frames = threading.Semaphore(MAX_FRAMES)
        self._started = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self.configure(config)

    def start(self) -> None:
        """Begin to tell."""
        with self._changing:
            self._started = True
            for one in self._running.values():
                one.delivery.start()
        self._thread.start()

    def stop(self) -> None:
        """Hand over what is on its way, within a few seconds, and end; what waits on disk is told by the next run."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)
        deadline_s = time.monotonic() + STOP_S
        with self._changing:
            for name, one in self._running.items():
                one.delivery.stop(max(deadline_s - time.monotonic(), 0.0))
                if waiting := one.delivery.status().waiting:
                    _log.warning("%d messages for target %s were not delivered%s", waiting, name, self._fate)

    def __call__(self, context: SinkContext) -> Sink:
        """Return what takes the results of one stream."""
        return _NotifySink(self, context)

    def configure(self, config: NotifyConfig) -> None:
        """Tell others, or by other rules, from now on; what waits for a target that stays is kept.

        Raises:
            ConfigError: when a target cannot be made as it is set; nothing has changed then.
            OutputError: when nothing can be written to the folder.
        """
        with self._changing:
            made = {
                name: _made(name, target)
                for name, target in config.targets.items()
                if name not in self._running or self._running[name].config != target
            }
            kept = {name: one for name, one in self._running.items() if name in config.targets and name not in made}
            for name in self._running.keys() - kept.keys():
                self._running[name].delivery.stop(0.0)
                if name not in config.targets and self._folder is not None:
                    forget_file(self._folder / f"{name}.db")
            self._running = {
                **kept,
                **{name: self._opened(name, config.targets[name], one) for name, one in made.items()},
            }
            self.rules = config.rules

    def statuses(self) -> list[TargetStatus]:
        """Return how each target is doing."""
        return [one.delivery.status() for one in self._running.values()]

    def kinds(self) -> list[TargetKind]:
        """Return the kinds of targets that can be used here."""
        return target_kinds()

    def test(self, name: str) -> None:
        """Send a target a message now; see :class:`streamvision.core.notify.Notifications`."""
        one = self._running.get(name)
        if one is None:
            known = ", ".join(self._running) or "none"
            raise UnknownTargetError(f"there is no target {name!r}; the targets are: {known}")
        event = AnalyticsEvent(
            kind="line", stream="test", time_unix_s=round(time.time(), 3), time_source="arrival", frame=0, pts_s=0.0,
            track_id=None, class_name=None, region="test",
        )  # fmt: skip
        target = _made(name, one.config)
        try:
            target.send([Message(event.to_json(), ("test",))])
        finally:
            target.close()

    def offer(self, told: list[Told], rendered: RenderedFrame, context: SinkContext) -> None:
        """Take what is told of a frame; of a live stream at once, and what there is no room for is counted."""
        patience_s = 0.0 if context.live else PATIENCE_S
        wants = any(rule.picture for one in told for rule in one.rules)
        has_room = wants and self._frames.acquire(timeout=patience_s)
        if wants and not has_room:
            context.drops.add("pictures")
        try:
            self._tasks.put(_Task(told, rendered if has_room else None, context.drops), patience_s > 0, patience_s)
        except queue.Full:
            context.drops.add("events", len(told))
            if has_room:
                self._frames.release()

    # --- in its own thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=0.2)
            except queue.Empty:
                if self._stopping.is_set():
                    return
                continue
            try:
                jpeg = self._picture(task)
                for one in task.told:
                    self._tell(one, jpeg)
            except Exception:  # what is wrong with one event must not silence all others
                _log.exception("an event could not be told")

    def _picture(self, task: _Task) -> bytes | None:
        if task.rendered is None:
            return None
        try:
            return task.rendered.jpeg()
        except Exception as error:  # drawing is somebody's code, too; the event itself is not lost
            task.drops.add("pictures")
            _log.warning("the picture of an event is lost: %s", error)
            return None
        finally:
            self._frames.release()

    def _tell(self, one: Told, jpeg: bytes | None) -> None:
        plain = one.event.to_json()
        clip = self._clip(one.event)
        for name, running in self._running.items():
            rules = [rule for rule in one.rules if rule.to is None or name in rule.to]
            if rules:
                event = plain | {"clip": clip if any(rule.clip for rule in rules) else None}
                picture = jpeg if any(rule.picture for rule in rules) else None
                running.delivery.put(Message(event, tuple(rule.name for rule in rules), picture))

    def _clip(self, event: AnalyticsEvent) -> str | None:
        span = self._clip_span(event.stream)
        return None if span is None else self._root + clip_address(event.stream, event.captured_unix_s, span)

    @property
    def _fate(self) -> str:
        return "" if self._folder is None else ", and are sent at the next start"

    def _opened(self, name: str, config: TargetConfig, target: Target) -> _Running:
        max_bytes = int(config.max_mb * 1e6)
        spool = open_spool(self._folder, name, max_messages=config.max_messages, max_bytes=max_bytes)
        delivery = Delivery(name, config.kind, target, spool)
        if self._started:
            delivery.start()
        return _Running(config, delivery)


class _NotifySink:
    """What one stream's worker writes to."""

    def __init__(self, notifier: Notifier, context: SinkContext) -> None:
        self._notifier = notifier
        self._context = context
        self._rules = self._present_rules()

    def write(self, rendered: RenderedFrame) -> None:
        analysis = rendered.result.analysis
        if analysis is None or not (analysis.events or self._rules.waits):
            return
        if self._rules.given is not self._notifier.rules:
            self._rules = self._present_rules()
        if told := self._rules.told(rendered.result):
            self._notifier.offer(told, rendered, self._context)

    def close(self) -> None:
        pass  # the notifier goes on

    def _present_rules(self) -> StreamRules:
        context, notifier = self._context, self._notifier
        return StreamRules(notifier.rules, context.stream_id, context.names, notifier.last_told)


def _made(name: str, config: TargetConfig) -> Target:
    try:
        plugin = TARGETS.get(config.kind)
        target: Target = plugin.load()(TargetContext(name, plugin.options_of(config.options)))
    except ConfigError as error:
        raise ConfigError(f"notify.targets.{name}: {error}") from error
    return target
