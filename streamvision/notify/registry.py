"""All kinds of targets by name. A new one is one new file, its test and its line here; other packages bring theirs by
entry point.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        ),
    ],
)
