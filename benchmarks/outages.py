"""Targets whose servers go away while a pipeline runs: does every event arrive, in order, and does the pipeline notice?

    PYTHONPATH=tests python -m benchmarks.outages --seconds 60 --output DIR

A live stream is told of to a web hook, Redis and RabbitMQ at once, some events a second, each with its number. The real
servers are stopped for a minute, come back, are killed for a minute, and come back. Written down are the pipeline's
fps before, during and after, and for each target what arrived, in which order, and how often twice. Writes
DIR/outages.json; ends with 1 where an event is missing or out of order, something came twice under another id, or the
fps during an outage differs by more than 2 % from those before.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pika
import redis

from pipelines.engine import Pipeline
from pipelines.outputs.sink import SinkContext
from streamvision.bench.usage import machine
from streamvision.core.config.app import parse_config
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.notify.delivery import Delivery
from streamvision.notify.spool import open_spool
from support.hook_server import HookServer
from support.message_servers import MessageServer, RabbitMqServer, RedisServer, rabbitmq_server, redis_server
from support.telling import JPEG, message, target
from support.tiny_detector import tiny_detector

FPS = 20
EVERY = 4
"""Frames from event to event: five events a second."""
MAX_MESSAGES = 10_000
RECOVERY_S = 150.0
LONGEST_CHANGE = 0.02


class Telling:
    """Tells all targets of an event on every few frames of a stream."""

    def __init__(self, deliveries: list[Delivery]) -> None:
        self.ids: list[str] = []
        self.frames = 0
        self.quiet = threading.Event()
        self._deliveries = deliveries

    def __call__(self, context: SinkContext) -> Telling:
        """Return the sink of the one stream."""
        return self

    def write(self, rendered: RenderedFrame) -> None:
        """Tell of an event where it is time for one."""
        self.frames += 1
        if self.frames % EVERY or self.quiet.is_set():
            return
        told = message(self.frames, jpeg=JPEG)
        self.ids.append(told.id)
        for delivery in self._deliveries:
            delivery.put(told)

    def close(self) -> None:
        """Nothing is open."""


def fps_over(telling: Telling, seconds: float) -> float:
    """Return the frames per second that are finished in this time."""
    frames, begin_s = telling.frames, time.monotonic()
    time.sleep(seconds)
    return (telling.frames - frames) / (time.monotonic() - begin_s)


def arrived_in_redis(server: RedisServer) -> list[str]:
    """Return the ids of all events in the Redis stream, in order."""
    with redis.Redis(port=server.port, password=server.password) as client:
        return [fields[b"id"].decode() for _, fields in client.xrange("streamvision:events")]


def arrived_in_rabbitmq(server: RabbitMqServer) -> list[str]:
    """Return the ids of all events in the queue, in order; they are taken out."""
    found: list[str] = []
    connection = pika.BlockingConnection(pika.URLParameters(server.url))
    channel = connection.channel()
    while (got := channel.basic_get("streamvision.events", auto_ack=True))[0] is not None:
        found.append(got[1].message_id)
    connection.close()
    return found


def compared(sent: list[str], arrived: list[str]) -> dict[str, Any]:
    """Return how what arrived differs from what was sent."""
    once = list(dict.fromkeys(arrived))
    return {
        "sent": len(sent),
        "arrived": len(once),
        "repeated": len(arrived) - len(once),
        "missing": len(set(sent) - set(once)),
        "in_order": once == sent,
    }


def outage(telling: Telling, servers: list[MessageServer], how: str, seconds: float) -> dict[str, float]:
    """Take all servers away for this time; return the fps before and meanwhile."""
    before = fps_over(telling, seconds)
    for server in servers:
        getattr(server, how)()
    during = fps_over(telling, seconds)
    for server in servers:
        server.start()
    return {"before_fps": round(before, 3), "during_fps": round(during, 3), "change": round(during / before - 1, 4)}


def wait_until(done: Callable[[], bool], within_s: float) -> bool:
    """Wait for a condition; return whether it came in time."""
    deadline_s = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.5)
    return True


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="Length of each outage, and of the time before it.")
@click.option("--output", default=Path(), type=click.Path(path_type=Path), help="Folder of the result.")
def main(seconds: float, output: Path) -> None:
    """Take the targets' servers away while a pipeline runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        in_redis, in_rabbitmq = stack.enter_context(redis_server()), stack.enter_context(rabbitmq_server())
        hook = HookServer()
        hook.start()
        stack.callback(hook.stop)
        urls = {"webhook": hook.url, "redis": in_redis.url, "rabbitmq": in_rabbitmq.url}
        deliveries = [
            Delivery(
                kind,
                kind,
                target(kind, url=url),
                open_spool(folder, kind, max_messages=MAX_MESSAGES, max_bytes=1 << 30),
            )
            for kind, url in urls.items()
        ]
        for delivery in deliveries:
            delivery.start()
            stack.callback(delivery.stop, 1.0)
        telling = Telling(deliveries)
        model = {"path": str(tiny_detector(folder / "tiny.onnx")), "threads": 1}
        source = {"source": f"synthetic:boxes?fps={FPS}&size=320x180", "policy": "live", "realtime": True}
        config = parse_config({"model": model, "streams": [source]}, origin="the benchmark")
        servers: list[Any] = [in_redis, in_rabbitmq, hook]
        with Pipeline(config, sinks=[telling]):
            time.sleep(5)
            outages = {how: outage(telling, servers, how, seconds) for how in ("stop", "kill")}
            telling.quiet.set()
            came_back = wait_until(lambda: all(one.status().waiting == 0 for one in deliveries), RECOVERY_S)
        arrived = {
            "webhook": compared(telling.ids, hook.ids),
            "redis": compared(telling.ids, arrived_in_redis(in_redis)),
            "rabbitmq": compared(telling.ids, arrived_in_rabbitmq(in_rabbitmq)),
        }
        lost = {one.name: one.status().lost for one in deliveries}
    found = {"machine": machine(), "seconds": seconds, "outages": outages, "arrived": arrived, "lost": lost}
    (output / "outages.json").write_text(json.dumps(found, indent=2))
    print(json.dumps(found, indent=2))
    complete = all(one["in_order"] and not one["missing"] for one in arrived.values()) and came_back
    steady = all(abs(one["change"]) <= LONGEST_CHANGE for one in outages.values())
    sys.exit(not (complete and steady))


if __name__ == "__main__":
    main()
