"""Events to RabbitMQ (AMQP 0-9-1): to a durable exchange, each confirmed once it is on the server's disk."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker, NackError, UnroutableError
from pydantic import Field, field_validator

from streamvision.core.config.section import Section
from streamvision.core.errors import ConfigError
from streamvision.core.redaction import redact_outside
from streamvision.notify.body import body_of
from streamvision.notify.message import Message
from streamvision.notify.options import SECRET_ADDRESS
from streamvision.notify.target import DeliveryError, TargetContext

CONNECT_S = 5.0
HEARTBEAT_S = 10
"""A server that is silent for longer than about twice this is gone."""
LOOK_S = 3.0
"""How often heartbeats are answered while there is nothing to send."""
BLOCKED_S = 15.0
"""Longest time for which the server may take nothing, when its disk or memory is full."""
_PRECONDITION_FAILED = 406
logging.getLogger("pika").setLevel(logging.CRITICAL)  # it writes each failed try down in pages, and we in a sentence


class RabbitMqConfig(Section):
    """A RabbitMQ server that events are published to."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="The server: amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// with TLS; the vhost / is %2F.",
        json_schema_extra=SECRET_ADDRESS,
    )
    exchange: str = Field(
        "streamvision", min_length=1, max_length=255, description="Exchange of the kind topic; it is made if needed."
    )
    queue: str | None = Field(
        "streamvision.events",
        min_length=1,
        max_length=255,
        description="Queue that gets all of them and is made if needed, so that nothing is lost while nobody reads; "
        "null: none, and what no queue is bound to is dropped by the server.",
    )
    max_length: int = Field(
        100_000, ge=1, description="So many events wait in the queue at most: the oldest make room."
    )
    declare: bool = Field(
        True, description="Whether exchange and queue are made where they are absent; false: they must be there."
    )
    ca: Path | None = Field(
        None, description="Certificates (PEM) of who may have signed the server's; default: the system's."
    )

    @field_validator("url")
    @classmethod
    def _is_amqp(cls, given: str) -> str:
        try:
            pika.URLParameters(given)
            is_amqp = given.startswith(("amqp://", "amqps://"))
        except Exception:  # whatever its parser stumbles over
            is_amqp = False
        if not is_amqp:
            raise ValueError("is no address of RabbitMQ; give one such as amqp://host:5672/%2F")
        return given


def rabbitmq(context: TargetContext) -> RabbitMq:
    """Return the target.

    Raises:
        ConfigError: when the certificates cannot be read.
    """
    assert isinstance(context.options, RabbitMqConfig)
    return RabbitMq(context.options)


class RabbitMq:
    """See :class:`streamvision.notify.target.Target`.

    The routing key is ``STREAM.KIND``, with dots in the stream's id as they are; the message id is the event's.
    """

    batch = 20

    def __init__(self, config: RabbitMqConfig) -> None:
        self._config = config
        self._parameters = _parameters(config)
        self._lock = threading.Lock()  # pika's connections are used by one thread at a time
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._closed = threading.Event()

    def send(self, messages: Sequence[Message]) -> None:
        """Publish each message, in order, and wait for its confirmation.

        Raises:
            DeliveryError: when one is not confirmed.
        """
        delivered = 0
        with self._lock:
            try:
                channel = self._opened()
                for message in messages:
                    self._publish(channel, message)
                    delivered += 1
            except UnroutableError as error:
                reason = f"no queue is bound to the exchange {self._config.exchange!r}"
                raise DeliveryError(reason, retry=True, delivered=delivered) from error
            except NackError as error:
                reason = "RabbitMQ refused an event, as a queue that is full does"
                raise DeliveryError(reason, retry=True, delivered=delivered) from error
            except (AMQPError, OSError) as error:
                self._let_go()
                raise DeliveryError(self._in_words(error), retry=True, delivered=delivered) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._closed.set()
        if self._lock.acquire(timeout=0.5):
            try:
                self._let_go()
            finally:
                self._lock.release()

    def _opened(self) -> BlockingChannel:
        """Return the channel of the present connection, or of a new one where the server has closed it."""
        before: Any = self._connection
        if before is not None:
            with suppress(AMQPError, OSError):
                before.process_data_events(time_limit=0)
        if self._channel is not None and self._channel.is_open:
            return self._channel
        self._let_go()
        connection = self._connection = pika.BlockingConnection(self._parameters)
        channel = self._channel = connection.channel()
        self._declare(channel)
        channel.confirm_delivery()
        threading.Thread(
            target=self._answer_heartbeats, args=(connection,), name="rabbitmq-heartbeat", daemon=True
        ).start()
        return channel

    def _declare(self, channel: BlockingChannel) -> None:
        config, passive = self._config, not self._config.declare
        channel.exchange_declare(config.exchange, exchange_type="topic", durable=True, passive=passive)
        if config.queue is None:
            return
        bound = {"x-max-length": config.max_length}
        channel.queue_declare(config.queue, durable=True, passive=passive, arguments=bound)
        if not passive:
            channel.queue_bind(config.queue, config.exchange, routing_key="#")

    def _publish(self, channel: BlockingChannel, message: Message) -> None:
        event = message.event
        channel.basic_publish(
            self._config.exchange,
            routing_key=f"{event['stream']}.{event['kind']}"[:255],
            body=body_of(message),
            properties=pika.BasicProperties(
                content_type="application/json",
                delivery_mode=pika.DeliveryMode.Persistent,
                message_id=message.id,
                type=str(event["kind"]),
                app_id="streamvision",
            ),
            mandatory=self._config.queue is not None,
        )

    def _answer_heartbeats(self, connection: pika.BlockingConnection) -> None:
        while not self._closed.wait(LOOK_S):
            with self._lock:
                if connection != self._connection:
                    return
                try:
                    connection.process_data_events(time_limit=0)
                except (AMQPError, OSError):
                    self._let_go()  # the next event opens another
                    return

    def _let_go(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            with suppress(AMQPError, OSError):
                connection.close()

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, ChannelClosedByBroker) and error.reply_code == _PRECONDITION_FAILED:
            return (
                f"RabbitMQ has an exchange or a queue of that name that is made otherwise ({error.reply_text}); give "
                "another name, or declare: false to use it as it is"
            )
        said = redact_outside(str(error)) or type(error).__name__
        return f"RabbitMQ did not take events: {said}"


def _parameters(config: RabbitMqConfig) -> pika.URLParameters:
    parameters = pika.URLParameters(config.url)
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_S
    parameters.blocked_connection_timeout = BLOCKED_S
    parameters.heartbeat = HEARTBEAT_S
    parameters.connection_attempts = 1
    parameters.client_properties = {"connection_name": "streamvision"}
    if config.ca is not None and config.url.startswith("amqps"):
        try:
            tls = ssl.create_default_context(cafile=config.ca)
        except OSError as error:
            raise ConfigError(f"the certificates {config.ca} cannot be read: {error}; give a PEM file") from error
        parameters.ssl_options = pika.SSLOptions(tls, parameters.host)
    return parameters
