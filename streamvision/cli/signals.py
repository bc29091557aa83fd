"""Signals while a run goes on: which of them end it, and how it exits then."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """What was received so far."""

    def __init__(self) -> None:
        self.stop: int | None = None
        """The signal that asks for the end; ``None`` while nobody does."""
        self._reload = False

    def take_reload(self) -> bool:
        """Say whether a reload was asked for since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def note_reload(self, _number: int, _frame: FrameType | None) -> None:
        """Take note that a reload is asked for."""
        self._reload = True

    def note_stop(self, number: int, _frame: FrameType | None) -> None:
        """Take note of the end; the same signal acts as it always does from now on, so that nobody is ever stuck."""
        self.stop = number
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def handled_signals(*, reloads: bool) -> Iterator[Signals]:
    """Collect SIGINT, SIGTERM and SIGHUP for the length of the block; only the main thread can.

    Args:
        reloads: whether SIGHUP asks for a reload; otherwise it asks for the end, as at the end of a terminal's session,
            unless it is ignored already, as behind ``nohup``.
    """
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    handlers: dict[int, Callable[[int, FrameType | None], None]] = {
        signal.SIGINT: signals.note_stop,
        signal.SIGTERM: signals.note_stop,
    }
    if reloads:
        handlers[signal.SIGHUP] = signals.note_reload
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = signals.note_stop
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the work within as Ctrl-C does, so that what it has begun goes with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def exit_code(stop: int | None) -> int:
    """Return how a run without a failure exits: 0 where it came to its end or was told to end by SIGTERM."""
    return 0 if stop in (None, signal.SIGTERM) else 128 + stop
