"""People get one readable line and the picture, each of them once, whoever else cannot be reached."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from streamvision.core.errors import ConfigError
from streamvision.notify.target import DeliveryError
from support.telling import JPEG, message, target

pytest.importorskip("apprise")
from streamvision.notify.targets.people import WORDS, text_of


@dataclass
class Service:
    """What Apprise's json:// speaks to."""

    port: int
    status: int = 200
    said: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/token-5ecret"


@pytest.fixture
def services() -> Iterator[list[Service]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Handler) for _ in range(2)]
    for server in servers:
        server.service = Service(server.server_port)  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
    yield [server.service for server in servers]  # type: ignore[attr-defined]
    for server in servers:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        service: Service = self.server.service  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if service.status == 200:
            service.said.append(json.loads(body))
        self.send_response(service.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_message_says_what_happened_and_shows_it(services: list[Service]) -> None:
    when_s = time.time()
    target("apprise", urls=[services[0].url]).send([message(1, jpeg=JPEG, time_unix_s=when_s)])
    (said,) = services[0].said
    assert said["message"] == f"gate: person stays long in höf, {datetime.fromtimestamp(when_s):%H:%M}"
    (attached,) = said["attachments"]
    assert attached["filename"] == "gate-stay.jpg"
    assert attached["mimetype"] == "image/jpeg"
    assert base64.b64decode(attached["base64"]) == JPEG


def test_who_has_a_message_does_not_get_it_again(services: list[Service]) -> None:
    told, sent = target("apprise", urls=[one.url for one in services]), message(1)
    services[0].status = 503
    with pytest.raises(DeliveryError, match="did not take a message") as refused:
        told.send([sent])
    assert refused.value.retry
    assert "5ecret" not in str(refused.value)
    services[0].status = 200
    told.send([sent])
    told.send([message(2)])
    assert [len(one.said) for one in services] == [2, 2]


def test_what_is_late_is_given_up(services: list[Service]) -> None:
    services[0].status = 503
    told = target("apprise", urls=[services[0].url], give_up_s=60)
    with pytest.raises(DeliveryError) as refused:
        told.send([message(1, captured_unix_s=time.time() - 61)])
    assert not refused.value.retry


@pytest.mark.parametrize("kind", WORDS)
def test_each_kind_of_event_has_words(kind: str) -> None:
    event = message(1, kind=kind, direction="in" if kind == "line" else None).event
    text = text_of(event)
    assert text.startswith("gate: person ")
    assert "höf" in text
    assert "{" not in text
    assert kind == "line" or "None" not in text


def test_every_kind_of_event_is_in_the_words() -> None:
    from typing import get_args

    from streamvision.core.analysis import EventKind

    assert set(WORDS) == set(get_args(EventKind))


def test_a_crowd_is_nobody() -> None:
    event = message(1, kind="crowding", class_name=None, track_id=None, time_unix_s=None).event
    assert text_of(event).startswith("gate: crowd in höf, ")


@pytest.mark.parametrize("url", ["nobody://x", "plain text"])
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="address 1 is none that Apprise knows"):
        target("apprise", urls=[url])
