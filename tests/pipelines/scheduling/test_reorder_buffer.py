"""Whatever comes first, what comes out is in turn."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipelines.scheduling.reorder_buffer import ReorderBuffer


@pytest.mark.parametrize("seed", range(5))
def test_any_order_in_one_order_out(seed: int) -> None:
    queue: ReorderBuffer[int] = ReorderBuffer()
    turns = [queue.expect() for _ in range(50)]
    for turn in np.random.default_rng(seed).permutation(turns).tolist():
        queue.put(turn, turn if turn % 5 else None)
    queue.end()
    assert list(iter(queue.get, None)) == [turn for turn in turns if turn % 5]


def test_what_is_late_holds_up_what_is_behind_it() -> None:
    queue: ReorderBuffer[str] = ReorderBuffer()
    first, second = queue.expect(), queue.expect()
    queue.put(second, "second")
    got: list[str | None] = []
    consumer = threading.Thread(target=lambda: got.append(queue.get()))
    consumer.start()
    consumer.join(0.05)
    assert not got
    queue.put(first, "first")
    consumer.join(60)
    assert got == ["first"]
    assert queue.get() == "second"


def test_it_counts_what_is_not_worked_off() -> None:
    queue: ReorderBuffer[str] = ReorderBuffer()
    turns = [queue.expect() for _ in range(3)]
    assert queue.unfinished == 3
    queue.put(turns[0], "a")
    queue.put(turns[1], None)
    assert queue.unfinished == 2, "one was given up, one is in work, one has not come"
    queue.get()
    queue.finish()
    assert queue.unfinished == 1


def test_many_threads_answer_at_once() -> None:
    queue: ReorderBuffer[int] = ReorderBuffer()
    taking = threading.Lock()

    def work() -> None:
        random = np.random.default_rng(threading.get_ident() % 1000)
        for _ in range(200):
            with taking:
                turn = queue.expect()
            time.sleep(float(random.random()) * 1e-4)
            queue.put(turn, turn)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert [queue.get() for _ in range(800)] == list(range(800))
    for thread in threads:
        thread.join(60)
