"""Detection and recording of a stream, switched by messages; a thread of its own, since a change may take seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, Full, Queue
from typing import Any, Literal

from streamvision.core.control import StreamControl
from streamvision.core.errors import StreamVisionError
from streamvision.core.redaction import short
from streamvision.notify.mqtt.states import Switched
from streamvision.notify.mqtt.topics import DETECTION, OFF, ON, RECORDING

MOST_WAITING = 64
"""Most commands that wait."""
LOOK_EVERY_S = 3.0
"""How often it is looked how the switches of a stream stand."""
WAIT_S = 0.5
WARN_EVERY_S = 10.0
"""Shortest time between two lines in the log about commands that are none."""

_log = logging.getLogger(__name__)

Mode = Literal["off", "events", "continuous"]


class Switches:
    """Of all streams.

    Args:
        control: changes the streams.
        on: what the recording switch switches on; by default what the run records, or everything where that is nothing.
        changed: called after each command, whatever became of it.
    """

    def __init__(self, control: StreamControl, *, on: Mode | None, changed: Callable[[], None]) -> None:
        self._control = control
        self._on = on
        self._usual: Mode = "off"
        self._usual_at_s = float("-inf")
        self._changed = changed
        self._commands: Queue[tuple[str, str, bool]] = Queue(MOST_WAITING)
        self._known: dict[str, tuple[float, Switched]] = {}
        self._warned_at_s = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-switches", daemon=True)

    def start(self) -> None:
        """Begin to take commands."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more; one that is being carried out is left to itself."""
        self._stopping.set()

    def of(self, stream_id: str) -> Switched | None:
        """Return how the switches of a stream stand; ``None`` where that cannot be said."""
        now_s = time.monotonic()
        looked_at_s, switched = self._known.get(stream_id, (float("-inf"), None))
        if switched is None or now_s - looked_at_s >= LOOK_EVERY_S:
            try:
                switched = self._switched(self._control.stream_config(stream_id))
            except StreamVisionError:
                return switched
            self._known[stream_id] = now_s, switched
        return switched

    def keep_only(self, stream_ids: set[str]) -> None:
        """Forget all other streams."""
        self._known = {name: one for name, one in self._known.items() if name in stream_ids}

    def take(self, stream_id: str, switch: str, content: bytes) -> None:
        """Take a command; what is none is said and changes nothing."""
        word = content[:8].decode("ascii", "replace").strip().upper()
        if word not in (ON, OFF) or len(content) > len(b" OFF \r\n"):
            self._warn(f"{switch} of {short(stream_id)} was told {short(repr(content[:40]))}; give ON or OFF")
            return
        try:
            self._commands.put_nowait((stream_id, switch, word == ON))
        except Full:
            self._warn(f"more than {MOST_WAITING} commands wait; {switch} of {short(stream_id)} is ignored")

    def _warn(self, sentence: str) -> None:
        """Log what a stranger may cause, now and then: he must not fill the disk."""
        now_s = time.monotonic()
        if now_s - self._warned_at_s >= WARN_EVERY_S:
            self._warned_at_s = now_s
            _log.warning("mqtt: %s", sentence)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                stream_id, switch, is_on = self._commands.get(timeout=WAIT_S)
            except Empty:
                continue
            try:
                self._switch(stream_id, switch, is_on)
            except StreamVisionError as error:
                _log.warning("mqtt: %s of %s was not switched: %s", switch, short(stream_id), error)
            except Exception:
                _log.exception("mqtt: %s of %s was not switched", switch, short(stream_id))
            self._known = {name: one for name, one in self._known.items() if name != stream_id}
            self._changed()

    def _switch(self, stream_id: str, switch: str, is_on: bool) -> None:
        switched = self._switched(self._control.stream_config(stream_id))
        if switch == DETECTION and switched.detection != is_on:
            self._control.change_stream(stream_id, {"detect": is_on})
        elif switch == RECORDING and switched.recording != is_on:
            self._control.change_stream(
                stream_id, {"recording": {"mode": self._recorded_when_on() if is_on else "off"}}
            )
        else:
            return
        _log.info("mqtt: %s of %s was switched %s", switch, stream_id, ON if is_on else OFF)

    def _switched(self, config: dict[str, Any]) -> Switched:
        own = config.get("recording")
        mode = own if isinstance(own, str) else (own or {}).get("mode") or self._recorded_usually()
        return Switched(detection=config.get("detect", True), recording=mode != "off")

    def _recorded_when_on(self) -> Mode:
        usual = self._recorded_usually()
        return self._on or (usual if usual != "off" else "continuous")

    def _recorded_usually(self) -> Mode:
        """Return what is recorded of streams that do not say so themselves, which may change while they run."""
        now_s = time.monotonic()
        if now_s - self._usual_at_s >= LOOK_EVERY_S:
            self._usual = self._control.settings()["recording"]["mode"]
            self._usual_at_s = now_s
        return self._usual
