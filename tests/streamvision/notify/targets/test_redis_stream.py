"""Events reach a real Redis server, in order and all of them, whatever happens to it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from streamvision.core.errors import ConfigError
from streamvision.notify.target import DeliveryError
from streamvision.notify.targets import redis_stream
from support.message_servers import RedisServer, redis_server
from support.telling import JPEG, deliver, message, target, without_repeats

redis = pytest.importorskip("redis")
KEY = "streamvision:events"


@pytest.fixture(scope="module")
def started() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def server(started: RedisServer) -> Iterator[RedisServer]:
    yield started
    entries(started, flush=True)


def entries(server: RedisServer, *, flush: bool = False) -> list[dict[bytes, bytes]]:
    with redis.Redis(port=server.port, password=server.password) as client:
        found = [fields for _, fields in client.xrange(KEY)]
        if flush:
            client.flushall()
    return found


def ids(server: RedisServer) -> list[str]:
    return [fields[b"id"].decode() for fields in entries(server)]


def test_an_event_arrives_with_all_that_is_said_of_it(server: RedisServer) -> None:
    told, sent = target("redis", url=server.url), message(1, jpeg=JPEG)
    told.send([sent])
    (fields,) = entries(server)
    assert json.loads(fields.pop(b"event")) == json.loads(json.dumps(sent.event))
    assert fields == {
        b"id": sent.id.encode(),
        b"stream": b"gate",
        b"kind": b"stay",
        b"rules": b"night,all",
        b"jpeg": JPEG,
    }
    told.close()
    told.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nothing_is_lost_while_the_server_is_away(server: RedisServer, how: str) -> None:
    told, messages = target("redis", url=server.url), [message(number) for number in range(400)]
    deliver(told, messages[:100])
    getattr(server, how)()
    faults: list[DeliveryError] = []
    sending = threading.Thread(target=lambda: faults.extend(deliver(told, messages[100:])))
    sending.start()
    with pytest.raises(DeliveryError, match="Redis did not take events") as refused:
        target("redis", url=server.url).send(messages[:1])
    assert server.password not in str(refused.value)
    server.start()
    sending.join(120)
    assert faults
    assert without_repeats(ids(server)) == [one.id for one in messages]
    told.close()


def test_a_server_that_is_killed_while_events_come_has_each_that_it_confirmed(server: RedisServer) -> None:
    told, messages = target("redis", url=server.url), [message(number) for number in range(3000)]
    sending = threading.Thread(target=deliver, args=(told, messages))
    sending.start()
    while sending.is_alive() and len(entries(server)) < 500:
        pass
    server.kill()
    server.start()
    sending.join(120)
    assert without_repeats(ids(server)) == [one.id for one in messages]
    told.close()


def test_the_stream_is_bounded(server: RedisServer) -> None:
    told = target("redis", url=server.url, max_length=100)
    deliver(told, [message(number) for number in range(1000)])
    assert 100 <= len(entries(server)) < 400
    told.close()


def test_a_server_that_answers_nothing_is_waited_for_some_seconds_only(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamvision.notify.targets.redis_stream.ANSWER_S", 1.0)
    told, sent = target("redis", url=server.url), message(1)
    told.send([message(0)])
    server.freeze()
    try:
        with pytest.raises(DeliveryError):
            told.send([sent])
    finally:
        server.thaw()
    deliver(told, [sent])
    assert without_repeats(ids(server))[1:] == [sent.id]
    told.close()


def test_a_wrong_password_is_said_without_it(server: RedisServer) -> None:
    told = target("redis", url=f"redis://:wrong-secret@127.0.0.1:{server.port}")
    with pytest.raises(DeliveryError, match="password") as refused:
        told.send([message(1)])
    assert "wrong-secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://host", "redis//host", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"redis://host:6379/0|give 1 or more characters"):
        target("redis", url=url)


def test_a_server_whose_answer_has_no_end_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_stream, "LONGEST_S", 1.0)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"+")
                while not over.wait(0.1):
                    connection.sendall(b"x")

        serving = threading.Thread(target=answer, daemon=True)
        serving.start()
        failures: list[DeliveryError] = []

        def send() -> None:
            try:
                target("redis", url=f"redis://127.0.0.1:{listener.getsockname()[1]}").send([message(1)])
            except DeliveryError as error:
                failures.append(error)

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        sending.join(20)
        over.set()
        serving.join(60)
    assert len(failures) == 1 and failures[0].retry
