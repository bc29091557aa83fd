"""Many who come and go while packets pass: each gets all from a key frame on, in order, from one call at a time."""

from __future__ import annotations

import itertools
import threading
import time
from itertools import pairwise

from pipelines.live_video.passed_on import PassedOn
from streamvision.core.live_video import VideoFormat, VideoPacket
from support.watching import Watcher


def format_of(generation: int) -> VideoFormat:
    return VideoFormat(generation, "avc1.42c01e", 320, 180, "passed_on", is_drawn=False, reorders=False)


def packet(number: int, *, generation: int = 1, key_every: int = 10) -> VideoPacket:
    return VideoPacket(generation, "video", bytes(100), number % key_every == 0, number, number)


def test_who_comes_while_packets_pass_misses_none_and_gets_none_twice() -> None:
    passed_on = PassedOn()
    writer = passed_on.new_writer()
    passed_on.begin(writer, format_of(1))
    over = threading.Event()
    watchers: list[Watcher] = []
    faults: list[BaseException] = []

    def come_and_go() -> None:
        try:
            while not over.is_set():
                watcher = Watcher()
                end = passed_on.subscribe(watcher)
                watchers.append(watcher)
                over.wait(0.002)
                end()
        except BaseException as error:
            faults.append(error)

    def change_minds() -> None:
        while not over.is_set():
            passed_on.withhold("drawn")
            over.wait(0.001)
            passed_on.withhold("")
            over.wait(0.003)

    threads = [threading.Thread(target=one) for one in (come_and_go, come_and_go, come_and_go, change_minds)]
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + 60
    for number in itertools.count():
        passed_on.put(writer, packet(number))
        has_several = number >= 20_000 and sum(bool(one.packets) for one in tuple(watchers)) > 3
        if has_several or time.monotonic() > deadline_s:
            break
    over.set()
    for thread in threads:
        thread.join(60)
    assert not faults
    assert sum(bool(one.packets) for one in watchers) > 3
    for watcher in watchers:
        numbers = [one.time_us for one in watcher.packets]
        breaks = [(before, after) for before, after in pairwise(numbers) if after != before + 1]
        assert len(breaks) <= max(len(watcher.begun) - 1, 0)
        assert all(after % 10 == 0 for _, after in breaks)  # it begins anew at a key frame
        assert not numbers or numbers[0] % 10 == 0


def test_a_connection_that_was_replaced_is_not_listened_to() -> None:
    passed_on = PassedOn()
    old, new = passed_on.new_writer(), passed_on.new_writer()
    watcher = Watcher()
    passed_on.subscribe(watcher)
    passed_on.begin(old, format_of(1))
    passed_on.put(old, packet(0))
    passed_on.begin(new, format_of(2))
    passed_on.put(new, packet(0, generation=2))
    passed_on.put(old, packet(1))
    passed_on.begin(old, format_of(3))
    passed_on.refuse(old, "it is away")
    assert list(watcher.formats) == [1, 2]
    assert [one.generation for one in watcher.packets] == [1, 2]
    assert not watcher.reasons


def test_what_is_refused_is_forgotten_until_it_begins_anew() -> None:
    passed_on = PassedOn()
    writer = passed_on.new_writer()
    passed_on.begin(writer, format_of(1))
    passed_on.put(writer, packet(0))
    passed_on.refuse(writer, "it is turned")
    passed_on.put(writer, packet(1))
    late = Watcher()
    passed_on.subscribe(late)
    assert (late.reasons, late.formats) == (["it is turned"], {})
    passed_on.begin(writer, format_of(2))
    passed_on.put(writer, packet(1, generation=2))
    passed_on.put(writer, packet(10, generation=2))
    assert [one.time_us for one in late.packets] == [10]


def test_one_that_fails_harms_nobody_else() -> None:
    class Broken(Watcher):
        def take(self, packet: VideoPacket) -> None:
            raise RuntimeError("full")

    passed_on = PassedOn()
    writer = passed_on.new_writer()
    broken, sound = Broken(), Watcher()
    passed_on.subscribe(broken)
    passed_on.subscribe(sound)
    passed_on.begin(writer, format_of(1))
    for number in range(3):
        passed_on.put(writer, packet(number))
    assert [one.time_us for one in sound.packets] == [0, 1, 2]


def test_minds_that_are_changed_at_once_end_with_the_newest() -> None:
    class Slow(Watcher):
        def unavailable(self, reason: str) -> None:
            reached.set()
            assert going_on.wait(60)

    reached, going_on = threading.Event(), threading.Event()
    passed_on = PassedOn()
    writer = passed_on.new_writer()
    end = passed_on.subscribe(Slow())
    last = Watcher()
    passed_on.subscribe(last)
    passed_on.begin(writer, format_of(1))
    first = threading.Thread(target=passed_on.withhold, args=("drawn",))
    first.start()
    assert reached.wait(60)
    end()
    passed_on.withhold("")
    going_on.set()
    first.join(60)
    passed_on.put(writer, packet(0))
    assert [one.time_us for one in last.packets] == [0]
