"""Files take turns by the times of their frames; one that does not come holds up nobody for long."""

from __future__ import annotations

import random
import threading
import time

from pipelines.stages.across_cameras.file_order import FileOrder


def test_frames_come_in_the_order_of_their_times() -> None:
    order, came = FileOrder(patience_s=60), []
    times = {"a": [0.0, 0.1, 0.2, 5.0], "b": [0.0, 0.15, 0.2, 0.25, 6.0], "c": [1.0, 2.0]}
    for name in times:
        order.join(name)

    def read(name: str) -> None:
        for at_s in times[name]:
            time.sleep(random.random() / 500)
            with order.turn(name, at_s):
                came.append((at_s, name))
        order.leave(name)

    threads = [threading.Thread(target=read, args=(name,)) for name in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert came == sorted((at_s, name) for name, all_s in times.items() for at_s in all_s)
    assert order.overtaken == 0


def test_a_file_that_does_not_come_is_not_waited_for_twice() -> None:
    order = FileOrder(patience_s=0.05)
    order.join("a")
    order.join("silent")
    for number in range(100):
        with order.turn("a", number):
            pass
    assert order.overtaken == 1


def test_one_that_was_never_there_waits_for_nobody() -> None:
    order = FileOrder(patience_s=60)
    order.join("a")
    with order.turn("other", 0):
        pass
    order.leave("other")
    order.leave("a")
    order.leave("a")
