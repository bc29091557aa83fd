"""One target's own thread: takes what waits in its spool, oldest first, and tries again until it is delivered."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence

from streamvision.core.errors import StreamVisionError
from streamvision.core.notify import TargetState, TargetStatus
from streamvision.core.redaction import redact_outside
from streamvision.notify.message import Message, Waiting
from streamvision.notify.spool import Spool
from streamvision.notify.target import DeliveryError, Target

_log = logging.getLogger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
LONGEST_ASKED_S = 3600.0
"""Longest wait that the other side may ask for."""
LONGEST_SEND_S = 45.0
"""A target that has said nothing for so long is said to be failing; it has half a minute."""
MAX_FAULTS = 5
"""How often a message is tried whose sending fails by a fault in the target's own code."""
OVERFLOW, REFUSED, FAULT, DISK = "overflow", "refused", "fault", "disk"
"""Why messages are lost: no room, the other side will never take them, a fault of the code, the spool's disk."""


class Delivery:
    """Delivers to one target.

    Args:
        name: what the configuration calls the target.
        kind: its kind.
        target: who is told.
        spool: what waits; both are closed in the end.
    """

    def __init__(self, name: str, kind: str, target: Target, spool: Spool) -> None:
        self.name, self.kind = name, kind
        self._target, self._spool = target, spool
        self._lock = threading.Lock()
        self._sent = 0
        self._lost: Counter[str] = Counter()
        self._reason = ""
        self._faults = 0
        self._sending_since_s: float | None = None
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"notify-{name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def put(self, message: Message) -> None:
        """Take a message; where it cannot be kept, it is counted as lost."""
        self._idle.clear()
        try:
            self._spool.put(message)
        except StreamVisionError as error:
            self._note(str(error))
            with self._lock:
                self._lost[DISK] += 1
        self._wake.set()

    def note_lost(self, cause: str, count: int = 1) -> None:
        """Count messages that never came this far."""
        with self._lock:
            self._lost[cause] += count

    def status(self) -> TargetStatus:
        """Return how it is doing now."""
        waiting, reason = len(self._spool), self._reason or self._silence()
        state: TargetState = "failing" if reason else "sending" if waiting else "idle"
        with self._lock:
            lost = {**self._lost, **({OVERFLOW: self._spool.lost} if self._spool.lost else {})}
        return TargetStatus(self.name, self.kind, state, reason, waiting, self._sent, lost)

    def stop(self, patience_s: float) -> None:
        """End, once all is delivered or this time is over; what then waits on disk is sent by the next run."""
        if self._thread.ident is not None and not self._reason:
            self._idle.wait(patience_s)
        self._stopping.set()
        self._wake.set()
        self._target.close()
        if self._thread.ident is not None:
            self._thread.join(max(patience_s, 1.0))
        self._spool.close()

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait_s = self._deliver()
                retry_s = FIRST_RETRY_S
                if wait_s is not None:
                    self._wake.wait(wait_s)
            except DeliveryError as error:
                self._note(str(error))
                asked_s = 0.0 if error.after_s is None else min(error.after_s, LONGEST_ASKED_S)
                self._stopping.wait(max(retry_s, asked_s))
                retry_s = min(2 * retry_s, LONGEST_RETRY_S)
            except StreamVisionError as error:
                self._note(str(error))
                self._stopping.wait(LONGEST_RETRY_S)
            if self._reason:
                self._idle.set()  # whoever stops it need not wait

    def _deliver(self) -> float | None:
        """Send what waits; return how long to wait for more, ``None`` where there may be more already.

        Raises:
            DeliveryError: when it is to be tried again later.
        """
        waiting = self._spool.first(self._target.batch)
        if not waiting:
            self._idle.set()
            return LONGEST_RETRY_S
        self._sending_since_s = time.monotonic()
        try:
            self._target.send([one.message for one in waiting])
        except DeliveryError as error:
            done = self._take_out(waiting[: error.delivered], sent=True)
            if error.retry:
                raise
            self._give_up(waiting[done], REFUSED, str(error))
            return None
        except Exception as error:
            self._on_fault(waiting[0], error)
            return None
        finally:
            self._sending_since_s = None
        self._take_out(waiting, sent=True)
        self._reason, self._faults = "", 0
        return None

    def _silence(self) -> str:
        """Return that the target takes too long, in words; empty where it does not."""
        since_s = self._sending_since_s
        lasts_s = 0.0 if since_s is None else time.monotonic() - since_s
        return "" if lasts_s < LONGEST_SEND_S else f"it has not confirmed for {lasts_s:.0f} s what it was sent"

    def _take_out(self, waiting: Sequence[Waiting], *, sent: bool) -> int:
        if waiting:
            self._spool.remove(waiting[-1].number)
            with self._lock:
                self._sent += len(waiting) if sent else 0
        return len(waiting)

    def _give_up(self, one: Waiting, cause: str, reason: str) -> None:
        """Count a message as lost and go on with the next."""
        _log.warning("target %s: event %s is given up: %s", self.name, one.message.id, redact_outside(reason))
        self._take_out([one], sent=False)
        with self._lock:
            self._lost[cause] += 1
        self._reason = redact_outside(reason)
        self._faults = 0

    def _on_fault(self, one: Waiting, error: Exception) -> None:
        """A fault in a target's code: the message is tried again, and given up where it may be the cause.

        Raises:
            DeliveryError: where it is to be tried again.
        """
        _log.error("target %s failed unexpectedly", self.name, exc_info=error)
        self._faults += 1
        reason = f"a fault in the target's code: {error!r}"
        if self._faults < MAX_FAULTS:
            raise DeliveryError(reason, retry=True) from error
        self._give_up(one, FAULT, reason)

    def _note(self, reason: str) -> None:
        reason = redact_outside(reason)
        if not self._reason:
            _log.warning("target %s: %s", self.name, reason)
        self._reason = reason
