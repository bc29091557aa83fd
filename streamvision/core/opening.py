"""A bound on the time that opening a model takes: runtimes compile and execute whatever a file says, without one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelLocation

_THREAD = "open-"


class _Closable(Protocol):
    def close(self) -> None: ...


M = TypeVar("M", bound=_Closable)


class _Opening(Generic[M]):
    """One attempt in a thread of its own, which is left behind where it takes too long; a runtime cannot be stopped."""

    def __init__(self, work: Callable[[], M]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._given_up = False
        self._error: BaseException | None = None
        self._opened: M | None = None
        self.done = threading.Event()

    def run(self) -> None:
        """Open the model; what comes too late is closed."""
        try:
            opened = self._work()
            with self._lock:
                self._opened = opened
                late = self._given_up
            if late:
                opened.close()
        except BaseException as error:  # handed on to who waits
            self._error = error
        finally:
            self.done.set()

    def take(self) -> M | None:
        """Return the model, or ``None`` where it is not open yet and is given up.

        Raises:
            BaseException: what opening it raised.
        """
        with self._lock:
            self._given_up = self._opened is None
        if self._error is not None:
            raise self._error
        return self._opened


def left_behind() -> bool:
    """Say whether a runtime still works on a model that was given up; ending the interpreter would crash it."""
    return any(thread.name.startswith(_THREAD) for thread in threading.enumerate())


def opened_within(
    timeout_s: float, work: Callable[[], M], *, path: ModelLocation, option: str = "model.load_timeout_s"
) -> M:
    """Return the model that ``work`` opens.

    Args:
        timeout_s: the longest time.
        work: opens it.
        path: of the model, for messages.
        option: what sets the longest time, for messages.

    Raises:
        ModelError: when that takes longer.
        BaseException: what ``work`` raises.
    """
    opening = _Opening(work)
    threading.Thread(target=opening.run, name=f"{_THREAD}{path.name}", daemon=True).start()
    opening.done.wait(timeout_s)
    opened = opening.take()
    if opened is None:
        raise ModelError(
            f"{path} was not open after {timeout_s:g} s: it computes without end or is too much for this machine; give "
            f"another file, or a longer {option}"
        )
    return opened
