"""Methods that are called without keeping their object."""

from __future__ import annotations

from weakref import ref

from streamvision.core.weak_method import weakly


class Counting:
    """Counts, and has a part that can ask it to."""

    def __init__(self) -> None:
        self.count = 0
        self.ask = weakly(self.add)

    def add(self, more: int, *, times: int = 1) -> int:
        self.count += more * times
        return self.count


def test_it_is_called_while_its_object_is_there_and_does_not_keep_it() -> None:
    counting = Counting()
    ask, gone = counting.ask, ref(counting)
    assert (ask(2), ask(3, times=2), counting.count) == (2, 8, 8)
    del counting
    assert gone() is None  # at once, though each had the other
    assert ask(1) is None
