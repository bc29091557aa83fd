"""Keeps a broker told: what holds now at once and always, events in their order, pictures now and then.

Everything happens in a thread of its own: a broker that is slow or away costs the streams nothing. States are compared
with what was confirmed on this connection, so after an outage the broker has what holds then, and nothing older;
events wait in a spool, and are taken out of it when they are confirmed.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

from streamvision.core.config.mqtt import MqttConfig
from streamvision.core.errors import OutputError, StreamVisionError
from streamvision.core.live import LiveView
from streamvision.core.notify import TargetState, TargetStatus
from streamvision.core.redaction import redact_outside
from streamvision.notify.delivery import OVERFLOW
from streamvision.notify.message import Message
from streamvision.notify.mqtt.connection import Connection
from streamvision.notify.mqtt.discovery import service_entities
from streamvision.notify.mqtt.states import MOST_CLASSES, States
from streamvision.notify.mqtt.switches import Switches
from streamvision.notify.mqtt.topics import COUNTS, EVENTS, OFFLINE, ONLINE, PICTURE, RETAINED, SWITCHES, Topics
from streamvision.notify.mqtt.watching import Watch
from streamvision.notify.spool import Spool
from streamvision.notify.target import DeliveryError

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 15.0
SETTLE_S = 2.0
"""How long a broker is listened to for what it kept of an earlier run, of which what holds no more is taken away."""
MOST_KEPT = 20_000
"""Most messages of an earlier run that are looked at."""
BATCH = 50
"""Most events, or states, that are sent before their confirmation is waited for."""
CLOSE_S = 5.0
"""Longest wait at the end for what is left."""

_log = logging.getLogger(__name__)
_UNKNOWN = b"?"


class MqttPublisher:
    """Tells one broker of all streams of a view.

    Args:
        config: which broker, and what it is told.
        view: the streams; where it has a control, detection and recording can be switched.
        spool: where events wait.

    Raises:
        MissingDependencyError: when the extra is not installed.
    """

    def __init__(self, config: MqttConfig, view: LiveView, *, spool: Spool) -> None:
        self._config = config
        self._view = view
        self._spool = spool
        self._topics = Topics(config)
        self._states = States(config, self._topics)
        self._wake = threading.Event()
        self._watch = Watch(self._wake.set)
        control = view.control
        self._switches = Switches(control, on=config.recording, changed=self._look_again) if control else None
        Connection(config, self._topics, self._received)  # says at once what is not installed
        self._lock = threading.Lock()
        self._kept: dict[str, bytes] = {}
        self._shown_before: dict[str, set[str]] = {}
        self._ids: set[str] = set()
        self._told: dict[str, bytes] = {}
        self._pictures_at_s: dict[str, float] = {}
        self._opened_at_s = 0.0
        self._states_at_s = float("-inf")
        self._fault = "it has not been connected yet"
        self._sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin; the broker need not be there yet."""
        self._view.mqtt = self.status
        self._view.follow(self._watch)
        if self._switches is not None:
            self._switches.start()
        self._thread.start()

    def stop(self) -> None:
        """Send what is left, say that the service is offline, and end, within a few seconds."""
        self._view.unfollow(self._watch)
        if self._switches is not None:
            self._switches.stop()
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(2 * CLOSE_S)
        self._spool_events()
        self._spool.close()

    def status(self) -> TargetStatus:
        """Return how the broker is doing now, as other targets of events do."""
        waiting, lost = len(self._spool), self._watch.lost + self._spool.lost
        state: TargetState = "failing" if self._fault else "sending" if waiting else "idle"
        return TargetStatus("mqtt", "mqtt", state, self._fault, waiting, self._sent, {OVERFLOW: lost} if lost else {})

    # --- the publisher's thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopping.is_set():
            connection = Connection(self._config, self._topics, self._received)
            try:
                self._open(connection)
                retry_s = FIRST_RETRY_S
                self._serve(connection)
            except Exception as error:
                self._note(error)
            finally:
                connection.close()
            end_s = time.monotonic() + retry_s
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)
            while not self._stopping.is_set() and (left_s := end_s - time.monotonic()) > 0:
                self._wait(left_s)
                self._spool_events()

    def _open(self, connection: Connection) -> None:
        with self._lock:
            self._kept = {}
        connection.open()
        self._told, self._pictures_at_s = {}, {}
        self._opened_at_s, self._states_at_s = time.monotonic(), float("-inf")
        connection.subscribe([self._topics.all_counts, self._topics.all_configs])
        if self._switches is not None:
            connection.subscribe(self._topics.commands)
        if self._fault:
            _log.info("mqtt: %s is connected", self._config.place)
        self._fault = ""

    def _serve(self, connection: Connection) -> None:
        is_settled = False
        while not self._stopping.is_set():
            now_s = time.monotonic()
            if now_s - self._states_at_s >= self._config.counts_every_s:
                self._states_at_s = now_s
                self._send_states(connection, removing=is_settled)
                self._send_pictures(connection, now_s)
            self._spool_events()
            self._send_events(connection)
            if not is_settled and now_s - self._opened_at_s >= SETTLE_S:
                is_settled = True
                connection.unsubscribe([self._topics.all_counts, self._topics.all_configs])
                self._states_at_s = float("-inf")
            if connection.lost:
                raise DeliveryError(f"{self._config.place} broke the connection", retry=True)
            if not len(self._spool):
                self._wait(self._states_at_s + self._config.counts_every_s - now_s)
        self._finish(connection)

    def _finish(self, connection: Connection) -> None:
        deadline_s = time.monotonic() + CLOSE_S
        self._spool_events()
        while len(self._spool) and time.monotonic() < deadline_s:
            self._send_events(connection)
        connection.send([(self._topics.status, OFFLINE.encode())], retain=True)

    def _wait(self, seconds: float) -> None:
        self._wake.wait(min(max(seconds, 0.0), 1.0))
        self._wake.clear()

    def _note(self, error: Exception) -> None:
        if not isinstance(error, StreamVisionError):
            _log.error("mqtt", exc_info=error)
        fault = redact_outside(str(error) if isinstance(error, StreamVisionError) else f"a fault of ours: {error!r}")
        if self._fault != fault:
            _log.warning("mqtt: %s; it is tried again, and events wait", fault)
        self._fault = fault

    # --- events -----------------------------------------------------------------------------------------------------

    def _spool_events(self) -> None:
        for event in self._watch.events():
            try:
                self._spool.put(Message(event.to_json()))
            except OutputError as error:
                self._watch.lost += 1
                _log.warning("mqtt: an event is lost: %s", error)

    def _send_events(self, connection: Connection) -> None:
        waiting = self._spool.first(BATCH)
        if not waiting:
            return
        messages = [
            (self._topics.of(one.message.event["stream"], EVENTS), _as_json(one.message.event)) for one in waiting
        ]
        try:
            delivered = connection.send(messages, retain=False)
        except DeliveryError as error:
            self._delivered(waiting, error.delivered)
            raise
        self._delivered(waiting, delivered)

    def _delivered(self, waiting: list[Any], count: int) -> None:
        if count:
            self._spool.remove(waiting[count - 1].number)
            self._sent += count

    # --- what holds now ---------------------------------------------------------------------------------------------

    def _look_again(self) -> None:
        """Send the states at once."""
        self._states_at_s = float("-inf")
        self._wake.set()

    def _send_states(self, connection: Connection, *, removing: bool) -> None:
        """Send what has changed of what the broker is to keep, and take away what it is to keep no more."""
        with self._lock:
            for topic, content in self._kept.items():
                self._told.setdefault(topic, content)
            self._kept = {}
            for stream_id, classes in self._shown_before.items():
                self._states.know(stream_id, classes)
            self._shown_before = {}
        wanted = self._wanted()
        changed = {topic: content for topic, content in wanted.items() if self._told.get(topic) != content}
        if removing:
            changed |= dict.fromkeys((topic for topic in self._told if topic not in wanted), b"")
        items = list(changed.items())
        for begin in range(0, len(items), BATCH):
            part = items[begin : begin + BATCH]
            connection.send(part, retain=True)
            for topic, content in part:
                if content:
                    self._told[topic] = content
                else:
                    self._told.pop(topic, None)

    def _wanted(self) -> dict[str, bytes]:
        """Return all that the broker is to keep, by topic: first what there is, then how it is doing."""
        statuses = self._view.statuses()
        self._ids = {status.id for status in statuses}
        self._states.keep_only(self._ids)
        if self._switches is not None:
            self._switches.keep_only(self._ids)
        wanted = service_entities(self._topics) if self._config.discovery else {}
        wanted[self._topics.status] = ONLINE.encode()
        for status in statuses:
            channel = self._view.channels.get(status.id)
            seen = self._watch.classes(channel) if channel else set()
            switched = self._switches.of(status.id) if self._switches else None
            wanted |= self._states.of(status, seen, switched)
            picture = self._topics.of(status.id, PICTURE)
            if picture in self._told:
                wanted[picture] = self._told[picture]  # it is sent by itself
        return wanted

    def _send_pictures(self, connection: Connection, now_s: float) -> None:
        every_s = self._config.picture_every_s
        if every_s is None:
            return
        for stream_id, channel in self._view.channels.items():
            latest = channel.latest
            if latest is None or now_s - self._pictures_at_s.get(stream_id, float("-inf")) < every_s:
                continue
            self._pictures_at_s[stream_id] = now_s
            topic = self._topics.of(stream_id, PICTURE)
            try:
                jpeg = latest.scaled_jpeg(self._config.picture_width_px)
            except Exception as error:  # drawing is somebody's code, too
                _log.warning("mqtt: the picture of %s is left out: %s", stream_id, error)
                continue
            connection.send([(topic, jpeg)], retain=True)
            self._told[topic] = _UNKNOWN

    # --- the connection's thread ------------------------------------------------------------------------------------

    def _received(self, topic: str, content: bytes, kept: bool) -> None:
        found = self._topics.stream_of(topic)
        if kept and self._topics.is_config(topic):
            self._remember(topic, content)
        elif kept and found is not None and found[1] == COUNTS:
            self._learn(found[0], content)
        elif not kept and content and found is not None and self._switches is not None:
            stream_id, what = found
            switch = what.removesuffix("/set")
            if switch in SWITCHES and switch != what and stream_id in self._ids:
                self._switches.take(stream_id, switch, content)

    def _remember(self, topic: str, content: bytes) -> None:
        """Take note of what the broker has kept of an earlier run."""
        with self._lock:
            if content and len(self._kept) < MOST_KEPT:
                self._kept[topic] = content

    def _learn(self, stream_id: str, content: bytes) -> None:
        """Learn from the counts of an earlier run which classes a stream has shown, or that it is no more."""
        for what in RETAINED:
            self._remember(self._topics.of(stream_id, what), _UNKNOWN)
        channel = self._view.channels.get(stream_id)
        try:
            told = json.loads(content).get("objects", {}) if channel else {}
        except (ValueError, AttributeError, RecursionError):
            return
        if channel is not None and isinstance(told, dict):
            with self._lock:
                self._shown_before[stream_id] = set(list(told)[:MOST_CLASSES]) & set(channel.names)


def _as_json(event: dict[str, Any]) -> bytes:
    return json.dumps(event, allow_nan=False).encode()
