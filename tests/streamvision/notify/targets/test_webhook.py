"""A web hook: what is posted, how it is signed, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from streamvision.core.errors import ConfigError
from streamvision.core.event_message import event_schema
from streamvision.notify.registry import TARGETS
from streamvision.notify.target import DeliveryError, Target, TargetContext
from support.event_receiver import EventReceiver
from support.told import message

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()


def hook(**options: Any) -> Target:
    plugin = TARGETS.get("webhook")
    target: Target = plugin.load()(TargetContext("hook", plugin.options_of(options)))
    return target


@pytest.fixture
def receiver() -> Iterator[EventReceiver]:
    one = EventReceiver()
    with one.listening():
        yield one


def test_an_event_is_posted_as_the_schema_has_it_with_its_picture(receiver: EventReceiver) -> None:
    told = message(7, jpeg=b"\xff\xd8 picture")
    target = hook(url=receiver.url, headers={"Authorization": "Bearer abcdef"})
    target.send([told])
    target.send([message(8)])
    target.close()
    first, second = receiver.taken
    jsonschema_rs.validate(event_schema(), first.event)
    assert {key: first.event[key] for key in told.event} == told.event | {"values": {}}
    assert first.event["rules"] == ["at the gate"]
    assert base64.b64decode(first.event["picture_jpeg_base64"]) == told.jpeg
    assert second.event["picture_jpeg_base64"] is None
    assert first.path == "/hook?key=hidden-in-the-address"
    assert first.headers["authorization"] == "Bearer abcdef"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["idempotency-key"] == first.headers["webhook-id"] == told.id
    assert "webhook-signature" not in first.headers


@pytest.mark.parametrize(("secret", "key"), [(SECRET, bytes(range(24))), ("plain words", b"plain words")])
def test_it_is_signed_as_standard_webhooks_says(receiver: EventReceiver, secret: str, key: bytes) -> None:
    hook(url=receiver.url, secret=secret).send([message()])
    (got,) = receiver.taken
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"


def test_a_redirect_is_followed_on_the_same_host_alone(receiver: EventReceiver) -> None:
    receiver.headers["Location"] = "/moved"
    receiver.answer = lambda handler, received: 200 if received.path == "/moved" else 308
    hook(url=receiver.url).send([message()])
    assert [one.path for one in receiver.taken] == ["/moved"]
    other = EventReceiver()
    with other.listening():
        for elsewhere in (other.url, f"http://localhost:{receiver.port}/x", "//evil.example/x", "http://[::1/"):
            receiver.headers["Location"] = elsewhere
            receiver.answer = lambda handler, received: 307
            with pytest.raises(DeliveryError, match="redirects to elsewhere, which is not followed") as error:
                hook(url=receiver.url, secret="plain words").send([message()])
            assert error.value.retry
    assert not other.received
    receiver.headers["Location"] = "/hook"
    with pytest.raises(DeliveryError, match="redirects in a circle"):
        hook(url=receiver.url).send([message()])


def test_a_connection_is_used_again_and_opened_anew_where_it_was_closed(receiver: EventReceiver) -> None:
    target = hook(url=receiver.url)
    sources = set()

    def note(handler: Any, received: Any) -> int:
        sources.add(handler.client_address)
        if len(receiver.received) == 2:
            handler.close_connection = True
        return 200

    receiver.answer = note
    for number in range(4):
        target.send([message(number)])
    assert len(sources) == 2 and len(receiver.taken) == 4


def test_what_cannot_be_reached_is_said_without_what_is_secret() -> None:
    receiver = EventReceiver()
    with receiver.listening():
        pass
    url = f"http://user:password@127.0.0.1:{receiver.port}/hook/T0/secret-part"
    with pytest.raises(DeliveryError, match=r"cannot be reached: .*refused") as error:
        hook(url=url).send([message()])
    assert error.value.retry and not any(word in str(error.value) for word in ("password", "secret-part"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"url": "ftp://host/"}, "is no HTTP address"),
        ({"url": "http:///path"}, "is no HTTP address"),
        ({"url": "http://host/a b"}, "is no HTTP address"),
        ({"url": "http://h/", "secret": "whsec_%%%"}, "must be base64"),
        ({"url": "http://h/", "secret": "short"}, "secret"),
        ({"url": "http://h/", "headers": {"Host": "x"}}, "written by the program itself"),
        ({"url": "http://h/", "headers": {"webhook-id": "x"}}, "written by the program itself"),
        ({"url": "http://h/", "headers": {"A": "x\r\nB: y"}}, "headers"),
        ({"url": "https://h/", "ca": "/no/where.pem"}, "cannot be read"),
        ({"url": "http://h/", "timeout_s": 99}, "timeout_s"),
        ({}, "'url' is missing"),
    ],
)
def test_options_that_are_not_accepted_are_one_sentence(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        hook(**options)
