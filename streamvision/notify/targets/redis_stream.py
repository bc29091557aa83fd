"""Events into a Redis stream, which several programs may read from where they were."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from pydantic import Field, field_validator
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from streamvision.core.config.section import Section
from streamvision.core.redaction import redact_outside
from streamvision.notify.message import Message
from streamvision.notify.options import SECRET_ADDRESS
from streamvision.notify.target import DeliveryError, TargetContext

CONNECT_S = 5.0
ANSWER_S = 10.0
LONGEST_S = 30.0
"""Longest time of one transaction."""
IDLE_S = 15.0
"""A connection that was unused for longer is tried before it is trusted."""


class RedisStreamConfig(Section):
    """A Redis stream that events are appended to."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="The server: redis://HOST:PORT/DATABASE, rediss:// with TLS, or unix:///PATH; name and password as "
        "redis://USER:PASSWORD@HOST.",
        json_schema_extra=SECRET_ADDRESS,
    )
    stream: str = Field(
        "streamvision:events",
        min_length=1,
        max_length=512,
        description="Key of the Redis stream; it is made if needed.",
    )
    max_length: int = Field(
        100_000,
        ge=1,
        description="About so many events are kept in it: the oldest make room (XADD with MAXLEN ~).",
    )
    ca: Path | None = Field(
        None, description="Certificates (PEM) of who may have signed the server's; default: the system's."
    )

    @field_validator("url")
    @classmethod
    def _is_redis(cls, given: str) -> str:
        try:
            parse_url(given)
        except ValueError:
            raise ValueError("is no address of Redis; give one such as redis://host:6379/0 or rediss://host") from None
        return given


def redis_stream(context: TargetContext) -> RedisStream:
    """Return the target."""
    assert isinstance(context.options, RedisStreamConfig)
    return RedisStream(context.options)


class RedisStream:
    """See :class:`streamvision.notify.target.Target`.

    Events that are sent at a time are appended together or not at all, so that a connection that breaks neither loses
    one nor changes their order; where it breaks behind them, they come twice, with the same ids.
    """

    batch = 50

    def __init__(self, config: RedisStreamConfig) -> None:
        self._config = config
        tls: dict[str, Any] = {"ssl_ca_certs": str(config.ca)} if config.ca and config.url.startswith("rediss") else {}
        self._redis = redis.Redis.from_url(
            config.url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            health_check_interval=IDLE_S,
            retry=Retry(NoBackoff(), 0),  # what is tried again, and when, is not decided here
            **tls,
        )

    def send(self, messages: Sequence[Message]) -> None:
        """Append all messages, or none.

        Raises:
            DeliveryError: when the server has not said that they are there.
        """
        config = self._config
        over = threading.Timer(LONGEST_S, self.close)  # the answer's parts may each come in time, without end
        over.daemon = True
        over.start()
        try:
            with self._redis.pipeline(transaction=True) as pipeline:
                for message in messages:
                    pipeline.xadd(config.stream, _fields(message), maxlen=config.max_length, approximate=True)
                pipeline.execute()
        except (redis.RedisError, OSError, ValueError) as error:  # the last where it is closed meanwhile
            raise DeliveryError(f"Redis did not take events: {redact_outside(str(error))}", retry=True) from error
        finally:
            over.cancel()

    def close(self) -> None:
        """Let go of the connection; what is under way fails at once."""
        with suppress(redis.RedisError, OSError):
            self._redis.connection_pool.disconnect()


def _fields(message: Message) -> dict[Any, Any]:
    event = message.event
    fields: dict[Any, Any] = {
        "id": message.id,
        "stream": str(event["stream"]),
        "kind": str(event["kind"]),
        "rules": ",".join(message.rules),
        "event": json.dumps(event, ensure_ascii=False, separators=(",", ":")),
    }
    return fields | ({} if message.jpeg is None else {"jpeg": message.jpeg})
