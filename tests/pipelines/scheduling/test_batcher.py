"""Fair, bounded and never late."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipelines.scheduling import batcher as batcher_module
from pipelines.scheduling.batcher import Batcher
from pipelines.scheduling.collection_window import CollectionWindow
from streamvision.core.frame import Frame
from streamvision.core.picture import BgrPicture

PICTURE = BgrPicture(np.zeros((2, 2, 3), np.uint8))


class Supply:
    """A stream whose frames the test puts in by hand."""

    def __init__(self, name: str, *, frames: int = 0, has_room: bool = True) -> None:
        self.name = name
        self.has_room = has_room
        self.frames = [Frame(name, index, index / 25, 0.0, PICTURE) for index in range(frames)]

    def ready(self) -> bool:
        return bool(self.frames) and self.has_room

    def take(self) -> Frame | None:
        return self.frames.pop(0)

    def active(self) -> bool:
        return self.has_room


def batcher(*supplies: Supply, max_batch: int = 8, fixed_cost_s: float = 0.0) -> Batcher[Frame]:
    window = CollectionWindow(max_s=fixed_cost_s)
    for pictures in (1, 2, 4, 8) * 5:
        window.observe(pictures, fixed_cost_s + 0.001 * pictures)
    made: Batcher[Frame] = Batcher(max_batch=max_batch, window=window)
    for supply in supplies:
        made.add(supply)
    return made


def collect(made: Batcher[Frame]) -> list[str]:
    return [frame.stream_id for frame in made.collect(stopped=lambda: False)]


def test_one_frame_of_each_stream_goes_into_a_batch() -> None:
    made = batcher(Supply("a", frames=3), Supply("b", frames=1), Supply("c"))
    assert collect(made) == ["a", "b"]
    assert collect(made) == ["a"]


def test_turns_are_even_when_the_batch_is_smaller_than_the_streams() -> None:
    made = batcher(*(Supply(name, frames=20) for name in "abcde"), max_batch=2)
    taken = [name for _ in range(10) for name in collect(made)]
    assert {name: taken.count(name) for name in "abcde"} == dict.fromkeys("abcde", 4)


def test_a_stream_without_room_behind_the_network_is_passed_over() -> None:
    busy = Supply("busy", frames=5, has_room=False)
    made = batcher(busy, Supply("free", frames=5))
    assert collect(made) == ["free"]
    assert len(busy.frames) == 5


def test_a_batch_waits_for_the_others_only_where_that_pays() -> None:
    late = Supply("late")
    made = batcher(Supply("early", frames=1), late, fixed_cost_s=2.0)

    def arrive() -> None:
        late.frames.append(Frame("late", 0, 0.0, 0.0, PICTURE))
        made.notify(late)

    threading.Timer(0.05, arrive).start()
    assert sorted(collect(made)) == ["early", "late"]
    assert collect(batcher(Supply("early", frames=1), Supply("late"))) == ["early"]


def test_silence_and_stopping_end_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    made = batcher(Supply("a"))
    assert made.collect(stopped=lambda: False) == []
    monkeypatch.setattr(batcher_module, "IDLE_WAIT_S", 120.0)
    begin_s = time.monotonic()
    assert made.collect(stopped=lambda: True) == []
    assert time.monotonic() - begin_s < 60


def test_several_threads_collect_each_frame_once_and_in_order() -> None:
    supplies = [Supply(name, frames=200) for name in "ab"]
    made = batcher(*supplies, max_batch=1)
    took: list[tuple[str, int]] = []
    for supply in supplies:
        supply.take = lambda s=supply: took.append((s.name, s.frames[0].index)) or s.frames.pop(0)  # type: ignore[method-assign,misc,func-returns-value]

    def work() -> None:
        while made.collect(stopped=lambda: not any(supply.frames for supply in supplies)):
            pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for name in "ab":
        assert [index for stream, index in took if stream == name] == list(range(200))
