"""All kinds of targets by name. A new one is one new file, its test and its line here; other packages bring theirs by
entry point.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamvision.core.install import with_extra
from streamvision.core.registry import Plugin, Registry


@dataclass(frozen=True, kw_only=True)
class TargetPlugin(Plugin):
    """One kind of target; its factory takes a :class:`.target.TargetContext` and returns a :class:`.target.Target`."""


TARGETS: Registry[TargetPlugin] = Registry(
    "kind of target",
    group="streamvision.notify_targets",
    plugins=[
        TargetPlugin(
            name="webhook",
            factory="streamvision.notify.targets.webhook:webhook",
            config="streamvision.notify.targets.webhook:WebhookConfig",
            summary="one HTTP POST an event, signed as Standard Webhooks has it",
            extra=with_extra("notify"),
        ),
        TargetPlugin(
            name="redis",
            factory="streamvision.notify.targets.redis_stream:redis_stream",
            config="streamvision.notify.targets.redis_stream:RedisStreamConfig",
            summary="a Redis stream",
            extra=with_extra("notify"),
        ),
        TargetPlugin(
            name="rabbitmq",
            factory="streamvision.notify.targets.rabbitmq:rabbitmq",
            config="streamvision.notify.targets.rabbitmq:RabbitMqConfig",
            summary="a RabbitMQ exchange and queue",
            extra=with_extra("notify"),
        ),
        TargetPlugin(
            name="apprise",
            factory="streamvision.notify.targets.people:people",
            config="streamvision.notify.targets.people:PeopleConfig",
            summary="messages to people, by Apprise",
            extra=with_extra("notify"),
        ),
    ],
)
