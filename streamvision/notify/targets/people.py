"""Messages to people, by whatever Apprise knows: mail, Telegram, Signal, Pushover, Matrix and a hundred more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import apprise
from apprise.attachment.memory import AttachMemory
from pydantic import Field, field_validator

from streamvision.core.config.section import Section
from streamvision.core.redaction import redact_outside
from streamvision.notify.message import Message
from streamvision.notify.options import SECRET
from streamvision.notify.target import DeliveryError, TargetContext

WORDS = {
    "line": "crosses {region}{direction}",
    "zone_entered": "enters {region}",
    "zone_left": "leaves {region}",
    "stay": "stays long in {region}",
    "crowding": "crowd in {region}",
    "wrong_way": "goes the wrong way in {region}",
    "idle": "stands in {region}",
    "speeding": "is fast on {region}",
}
"""What happened, by kind of event."""
MAX_LOG_CHARACTERS = 200


class PeopleConfig(Section):
    """People who get a message."""

    urls: tuple[str, ...] = Field(
        min_length=1,
        max_length=32,
        description="Who, as addresses of Apprise (https://github.com/caronc/apprise/wiki), such as "
        "tgram://TOKEN/CHAT or mailtos://USER:PASSWORD@HOST.",
        json_schema_extra=SECRET,
    )
    give_up_s: float = Field(
        3600.0, gt=0, description="Messages that could not be sent for so long are of no use any more, and given up."
    )

    @field_validator("urls")
    @classmethod
    def _are_known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for number, url in enumerate(given, start=1):
            if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
                raise ValueError(f"address {number} is none that Apprise knows; see its wiki for their forms")
        return given


def people(context: TargetContext) -> People:
    """Return the target."""
    assert isinstance(context.options, PeopleConfig)
    return People(context.options)


class People:
    """See :class:`streamvision.notify.target.Target`.

    Each address is asked by itself: where one of them fails, those who have the message do not get it again.
    """

    batch = 1

    def __init__(self, config: PeopleConfig) -> None:
        self._config = config
        self._services: list[Any] = [apprise.Apprise.instantiate(url) for url in config.urls]
        self._told: set[int] = set()
        self._telling = ""

    def send(self, messages: Sequence[Message]) -> None:
        """Send each message, in order.

        Raises:
            DeliveryError: when not everybody has one.
        """
        for delivered, message in enumerate(messages):
            if reason := self._tell(message):
                age_s = time.time() - float(message.event["captured_unix_s"])
                raise DeliveryError(reason, retry=age_s < self._config.give_up_s, delivered=delivered)

    def close(self) -> None:
        """Let go of nothing: each message has a connection of its own."""

    def _tell(self, message: Message) -> str:
        """Send a message to those who do not have it; return why somebody has not got it, if so."""
        if message.id != self._telling:
            self._telling, self._told = message.id, set()
        picture = _attached(message)
        reasons: list[str] = []
        for number, service in enumerate(self._services):
            if number in self._told:
                continue
            reason = _sent(service, text_of(message.event), picture)
            if reason is None:
                self._told.add(number)
            else:
                reasons.append(f"{service.service_name} did not take a message{reason}")
        return "; ".join(reasons)


def text_of(event: dict[str, Any]) -> str:
    """Return an event in words, in this machine's time.

    >>> text_of({"kind": "stay", "stream": "gate", "class_name": "person", "region": "yard", "direction": None,
    ...          "captured_unix_s": None, "time_unix_s": None})
    'gate: person stays long in yard'
    """
    direction = f" ({event['direction']})" if event["direction"] else ""
    words = WORDS.get(str(event["kind"]), f"{event['kind']} in {{region}}")
    what = words.format(region=event["region"], direction=direction)
    who = f"{event['class_name']} " if event["class_name"] else ""
    at_s = event["time_unix_s"] or event["captured_unix_s"]
    when = f", {datetime.fromtimestamp(at_s, timezone.utc).astimezone():%H:%M}" if at_s else ""
    return f"{event['stream']}: {who}{what}{when}"


def _attached(message: Message) -> Any:
    if message.jpeg is None:
        return None
    name = f"{message.event['stream']}-{message.event['kind']}.jpg"
    return apprise.AppriseAttachment(AttachMemory(content=message.jpeg, name=name, mimetype="image/jpeg"))


def _sent(service: Any, text: str, picture: Any) -> str | None:
    """Send a message by one service; return what was said where that failed."""
    with apprise.LogCapture(level=apprise.logging.WARNING, fmt="%(message)s") as said:
        if service.notify(body=text, title="", attach=picture, body_format=apprise.NotifyFormat.TEXT):
            return None
        line = redact_outside(said.getvalue().strip().rpartition("\n")[2])[:MAX_LOG_CHARACTERS]
    return f": {line}" if line else ""
