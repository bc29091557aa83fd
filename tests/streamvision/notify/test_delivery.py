"""What is told of events survives every outage of a target within its bounds, in order, twice at most under one id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.registry import Plugin
from streamvision.notify import delivery
from streamvision.notify.delivery import Delivery
from streamvision.notify.memory_spool import MemorySpool
from streamvision.notify.message import Message
from streamvision.notify.registry import TARGETS
from streamvision.notify.spool import open_spool
from streamvision.notify.target import DeliveryError, Target, TargetContext
from support.event_receiver import EventReceiver, hang_up, trickle
from support.told import message
from support.web_client import eventually


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, so that a test does not take the time of a real outage."""
    monkeypatch.setattr(delivery, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(delivery, "LONGEST_RETRY_S", 0.2)


def made(options: dict[str, Any], kind: str = "webhook") -> Target:
    plugin: Plugin = TARGETS.get(kind)
    target: Target = plugin.load()(TargetContext("hook", plugin.options_of(options)))
    return target


@contextmanager
def delivering(
    options: dict[str, Any], folder: Path | None = None, *, max_messages: int = 1000, patience_s: float = 0.1
) -> Iterator[Delivery]:
    spool = open_spool(folder, "hook", max_messages=max_messages, max_bytes=1 << 24)
    one = Delivery("hook", "webhook", made(options), spool)
    one.start()
    try:
        yield one
    finally:
        one.stop(patience_s)


def distinct(ids: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ids))


def test_nothing_is_lost_and_the_order_kept_whatever_the_server_does(tmp_path: Path) -> None:
    receiver = EventReceiver()
    told = [message(number) for number in range(60)]
    behaviours = [
        lambda handler, received: 500,
        lambda handler, received: 429,
        hang_up,
        lambda handler, received: 503,
        lambda handler, received: 401,
    ]
    with receiver.listening():
        pass  # it has a port, and is away
    with delivering({"url": receiver.url, "timeout_s": 0.5}, tmp_path) as one:
        for each in told[:10]:
            one.put(each)
        assert eventually(lambda: one.status().state == "failing")
        with receiver.listening():
            assert eventually(lambda: len(receiver.taken) == 10)
        for number, behaviour in enumerate(behaviours):
            receiver.answer, before = behaviour, len(receiver.received)
            with receiver.listening():
                for each in told[10 * number + 10 : 10 * number + 20]:
                    one.put(each)
                assert eventually(lambda before=before: len(receiver.received) >= before + 2), "it is tried again"
                receiver.answer = lambda handler, received: 200
                assert eventually(lambda: one.status().waiting == 0)
    assert distinct(receiver.ids) == [each.id for each in told]
    status = one.status()
    assert (status.sent, status.lost, status.state) == (60, {}, "idle")
    assert all(each.headers["idempotency-key"] == each.event["id"] for each in receiver.received)


def test_an_answer_that_is_lost_means_the_same_id_again() -> None:
    receiver = EventReceiver()
    first: list[str] = []

    def loses_the_first_answers(handler: Any, received: Any) -> int | None:
        if len(first) < 3:
            first.append(received.headers["idempotency-key"])
            return hang_up(handler, received)
        return 200

    receiver.answer = loses_the_first_answers
    with receiver.listening(), delivering({"url": receiver.url}) as one:
        one.put(message(1))
        one.put(message(2))
        assert eventually(lambda: len(receiver.taken) == 2)
    assert len(set(first)) == 1 and receiver.ids[0] == first[0]


@pytest.mark.parametrize("status", [400, 410, 413, 422])
def test_what_will_never_be_taken_is_given_up_counted_and_the_next_goes_on(status: int) -> None:
    receiver = EventReceiver()
    told = [message(number) for number in range(3)]
    receiver.answer = lambda handler, received: status if received.event["id"] == told[1].id else 200
    with receiver.listening(), delivering({"url": receiver.url}) as one:
        for each in told[:2]:
            one.put(each)
        assert eventually(lambda: one.status().lost == {"refused": 1})
        assert one.status().state == "failing" and f"{status}: this is not welcome" in one.status().reason
        one.put(told[2])
        assert eventually(lambda: one.status().sent == 2)
        assert eventually(lambda: one.status().state == "idle")
    assert receiver.ids == [told[0].id, told[2].id]
    assert len(receiver.received) == 3, "it was asked once"


def test_a_server_that_says_when_is_asked_then() -> None:
    receiver = EventReceiver(headers={"Retry-After": "2"})
    receiver.answer = lambda handler, received: 429
    with receiver.listening(), delivering({"url": receiver.url}) as one:
        one.put(message())
        assert eventually(lambda: len(receiver.received) == 1)
        receiver.answer = lambda handler, received: 200
        assert eventually(lambda: len(receiver.taken) == 1)
    sent_at = [int(each.headers["webhook-timestamp"]) for each in receiver.received]
    assert len(sent_at) == 2 and sent_at[1] - sent_at[0] >= 1, "tries of ours come twenty times a second"


def test_a_server_that_gives_a_byte_now_and_then_is_given_up_in_time() -> None:
    receiver = EventReceiver(answer=trickle)
    with receiver.listening(), delivering({"url": receiver.url, "timeout_s": 0.6}) as one:
        one.put(message())
        assert eventually(lambda: "did not answer in time" in one.status().reason)
        receiver.answer = lambda handler, received: 200
        assert eventually(lambda: one.status().sent == 1)


def test_beyond_its_bound_a_long_outage_loses_the_oldest_and_says_how_many(tmp_path: Path) -> None:
    receiver = EventReceiver()
    with receiver.listening():
        pass
    told = [message(number) for number in range(30)]
    with delivering({"url": receiver.url}, tmp_path, max_messages=10) as one:
        for each in told:
            one.put(each)
        assert one.status().lost == {"overflow": 20} and one.status().waiting == 10
        with receiver.listening():
            assert eventually(lambda: len(receiver.taken) == 10)
    assert receiver.ids == [each.id for each in told[20:]]


DELIVERS = """
import sys
from pathlib import Path
from streamvision.notify.delivery import Delivery
from streamvision.notify.registry import TARGETS
from streamvision.notify.spool import open_spool
from streamvision.notify.target import TargetContext
from support.told import message
plugin = TARGETS.get("webhook")
target = plugin.load()(TargetContext("hook", plugin.options_of({"url": sys.argv[1]})))
one = Delivery("hook", "webhook", target, open_spool(Path(sys.argv[2]), "hook", max_messages=10_000, max_bytes=1 << 24))
one.start()
for line in sys.stdin:
    told = message(int(line))
    one.put(told)
    print(told.id, flush=True)
"""


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path, project_root: Path) -> None:
    receiver, put = EventReceiver(), []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (project_root, project_root / "tests")))}
    with receiver.listening():
        for begin in (0, 40, 80):
            process = subprocess.Popen(
                [sys.executable, "-c", DELIVERS, receiver.url, str(tmp_path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1,
            )  # fmt: skip
            assert process.stdin is not None and process.stdout is not None
            for number in range(begin, begin + 40):
                process.stdin.write(f"{number}\n")
                put.append(process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)  # in the middle of its deliveries
            process.wait(30)
        with delivering({"url": receiver.url}, tmp_path, max_messages=10_000):
            assert eventually(lambda: set(put) <= set(receiver.ids))
    assert distinct(receiver.ids) == put, "all of it, in order"


class Broken:
    batch = 4

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def send(self, messages: Sequence[Message]) -> None:
        frames = [one.event["frame"] for one in messages]
        self.calls.append(frames)
        if frames[0] == 2:
            raise ZeroDivisionError("a fault of theirs")
        if 3 in frames and len(self.calls) == 1:
            raise DeliveryError("half of it", retry=True, delivered=2)

    def close(self) -> None:
        pass


def test_a_fault_in_a_target_s_code_ends_neither_it_nor_the_messages_behind() -> None:
    target, spool = Broken(), MemorySpool(max_messages=100, max_bytes=1 << 20)
    for number in range(8):
        spool.put(message(number))
    one = Delivery("theirs", "broken", target, spool)
    one.start()
    assert eventually(lambda: one.status().waiting == 0)
    assert target.calls == [[0, 1, 2, 3], *([[2, 3, 4, 5]] * delivery.MAX_FAULTS), [3, 4, 5, 6], [7]]
    assert (one.status().sent, one.status().lost) == (7, {"fault": 1})
    one.stop(1.0)


def test_a_stop_waits_for_no_target_that_is_away(tmp_path: Path) -> None:
    receiver = EventReceiver()
    with receiver.listening():
        pass
    with delivering({"url": receiver.url}, tmp_path, patience_s=60.0) as one:
        one.put(message(5))
        assert eventually(lambda: one.status().state == "failing")
    with delivering({"url": receiver.url}, tmp_path, patience_s=60.0), receiver.listening():
        assert eventually(lambda: len(receiver.taken) == 1)


def test_a_target_that_never_comes_back_is_said_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LONGEST_SEND_S", 0.2)
    over = threading.Event()

    class Silent:
        batch = 1

        def send(self, messages: Sequence[Message]) -> None:
            over.wait(60)

        def close(self) -> None:
            over.set()

    one = Delivery("hook", "silent", Silent(), MemorySpool(max_messages=10, max_bytes=1 << 20))
    one.start()
    one.put(message(1))
    assert eventually(lambda: one.status().state == "failing")
    assert "has not confirmed for" in one.status().reason and one.status().waiting == 1
    over.set()
    assert eventually(lambda: one.status().state == "idle" and one.status().sent == 1)
    one.stop(1.0)
