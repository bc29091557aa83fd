"""Events reach a real RabbitMQ server, confirmed, in order and all of them, whatever happens to it."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from streamvision.core.errors import ConfigError
from streamvision.notify.target import DeliveryError
from streamvision.notify.targets import rabbitmq
from support.free_ports import free_port
from support.message_servers import RabbitMqServer, rabbitmq_server
from support.telling import JPEG, deliver, message, target, without_repeats

pika = pytest.importorskip("pika")
QUEUE = "streamvision.events"


@pytest.fixture(scope="module")
def server() -> Iterator[RabbitMqServer]:
    with rabbitmq_server() as running:
        yield running


def taken(server: RabbitMqServer, queue: str = QUEUE) -> list[tuple[Any, Any, bytes]]:
    """Take all that waits in a queue."""
    found = []
    connection = pika.BlockingConnection(pika.URLParameters(server.url))
    channel = connection.channel()
    while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
        found.append(got)
    connection.close()
    return found


def ids(server: RabbitMqServer) -> list[str]:
    return [properties.message_id for _, properties, _ in taken(server)]


def test_an_event_arrives_with_all_that_is_said_of_it(server: RabbitMqServer) -> None:
    told, sent = target("rabbitmq", url=server.url), message(1, jpeg=JPEG)
    told.send([sent])
    ((got, properties, body),) = taken(server)
    assert (got.exchange, got.routing_key) == ("streamvision", "gate.stay")
    assert (properties.message_id, properties.type, properties.delivery_mode) == (sent.id, "stay", 2)
    said = json.loads(body)
    assert base64.b64decode(said.pop("picture_jpeg_base64")) == JPEG
    assert said.pop("rules") == ["night", "all"]
    assert said == json.loads(json.dumps(sent.event))
    told.close()
    told.close()


def test_a_quiet_hour_ends_no_connection(server: RabbitMqServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "HEARTBEAT_S", 2)  # a busy machine may let a second go by without one
    monkeypatch.setattr(rabbitmq, "LOOK_S", 0.3)
    told = target("rabbitmq", url=server.url)
    told.send([message(1)])
    connection = told._connection  # type: ignore[attr-defined]
    time.sleep(5)  # the server ends connections that are silent for two heartbeats
    told.send([message(2)])
    assert told._connection is connection  # type: ignore[attr-defined]
    assert len(taken(server)) == 2
    told.close()


def test_a_queue_that_is_made_otherwise_is_said_and_can_be_used_as_it_is(server: RabbitMqServer) -> None:
    told = target("rabbitmq", url=server.url, max_length=5)
    with pytest.raises(DeliveryError, match="declare: false"):
        told.send([message(1)])
    told.close()
    as_it_is = target("rabbitmq", url=server.url, max_length=5, declare=False)
    as_it_is.send([message(2)])
    assert len(taken(server)) == 1
    as_it_is.close()


def test_the_queue_is_bounded(server: RabbitMqServer) -> None:
    told = target("rabbitmq", url=server.url, queue="short", exchange="short", max_length=10)
    messages = [message(number) for number in range(30)]
    deliver(told, messages)
    assert [properties.message_id for _, properties, _ in taken(server, "short")] == [one.id for one in messages[20:]]
    told.close()


def test_without_a_queue_of_its_own_it_is_not_in_the_way(server: RabbitMqServer) -> None:
    told = target("rabbitmq", url=server.url, queue=None, exchange="nobody-listens")
    told.send([message(1)])
    told.close()


def test_a_wrong_password_is_said_without_it(server: RabbitMqServer) -> None:
    told = target("rabbitmq", url=f"amqp://guest:wrong-secret@127.0.0.1:{server.port}/%2F")
    with pytest.raises(DeliveryError) as refused:
        told.send([message(1)])
    assert "wrong-secret" not in str(refused.value)
    assert refused.value.retry
    told.close()


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="amqp://host:5672"):
        target("rabbitmq", url="http://host")


def test_a_server_that_is_away_is_a_sentence_and_no_pages_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    away = target("rabbitmq", url=f"amqp://ann:s3cret@127.0.0.1:{free_port()}/%2F")
    with caplog.at_level(logging.INFO), pytest.raises(DeliveryError, match="RabbitMQ did not take events"):
        away.send([message(1)])
    away.close()
    assert caplog.records == []


@pytest.mark.slow
def test_nothing_is_lost_while_the_server_is_away(server: RabbitMqServer) -> None:
    told, messages = target("rabbitmq", url=server.url), [message(number) for number in range(200)]
    deliver(told, messages[:50])
    faults: list[DeliveryError] = []
    sending = threading.Thread(target=lambda: faults.extend(deliver(told, messages[50:], within_s=240)))
    server.freeze()
    sending.start()
    time.sleep(0.2)
    server.kill()  # while some are under way
    server.start()
    sending.join(240)
    assert faults
    assert without_repeats(ids(server)) == [one.id for one in messages]
    server.stop()  # in order; no test behind this one needs it
    with pytest.raises(DeliveryError) as refused:
        told.send([message(200)])
    assert refused.value.retry
    told.close()
