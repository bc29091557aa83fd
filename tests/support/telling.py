"""Messages for targets, and a sender that does not give up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from streamvision.core.analysis import AnalyticsEvent
from streamvision.notify.message import Message
from streamvision.notify.registry import TARGETS
from streamvision.notify.target import DeliveryError, Target, TargetContext

JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


def message(number: int, *, jpeg: bytes | None = None, kind: Any = "stay", **more: Any) -> Message:
    """Return a message about an event of its own."""
    values: dict[str, Any] = {
        "kind": kind,
        "stream": "gate",
        "time_unix_s": time.time(),
        "frame": number,
        "pts_s": number / 25,
        "track_id": 7,
        "class_name": "person",
        "region": "höf",
    }
    return Message(AnalyticsEvent(**values | more).to_json(), rules=("night", "all"), jpeg=jpeg)


def target(kind: str, **options: Any) -> Target:
    """Return a target as the configuration makes it."""
    plugin = TARGETS.get(kind)
    made: Target = plugin.load()(TargetContext(kind, plugin.options_of(options)))
    return made


def deliver(told: Target, messages: Sequence[Message], *, within_s: float = 120) -> list[DeliveryError]:
    """Send messages in order, again and again until all are taken; return what went wrong meanwhile."""
    faults: list[DeliveryError] = []
    waiting, deadline_s = list(messages), time.monotonic() + within_s
    while waiting:
        try:
            told.send(waiting[: told.batch])
            del waiting[: told.batch]
        except DeliveryError as error:
            assert error.retry, error
            assert time.monotonic() < deadline_s, error
            faults.append(error)
            del waiting[: error.delivered]
            time.sleep(0.2)
    return faults


def without_repeats(ids: Sequence[str]) -> list[str]:
    """Return ids in the order in which each came first."""
    return list(dict.fromkeys(ids))
