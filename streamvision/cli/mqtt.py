"""What tells a broker of a run, made of its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.config.app import AppConfig
from streamvision.core.live import LiveView

if TYPE_CHECKING:
    from streamvision.notify.mqtt.publisher import MqttPublisher


def mqtt_publisher(config: AppConfig, view: LiveView, folder: Path | None) -> MqttPublisher | None:
    """Return what tells the broker that is set, not yet started; ``None`` where none is set.

    Args:
        config: of the run.
        view: its streams; those with a control can be switched.
        folder: where events wait for the broker on disk; ``None``: in memory.

    Raises:
        MissingDependencyError: when the extra is not installed.
        OutputError: when the folder cannot be written.
    """
    if config.mqtt is None:
        return None
    from streamvision.notify.message import EVENT_BYTES  # what most runs do without
    from streamvision.notify.mqtt.publisher import MqttPublisher
    from streamvision.notify.spool import open_spool

    bound = config.mqtt.spooled
    spool = open_spool(folder, "mqtt", max_messages=bound, max_bytes=4 * EVENT_BYTES * bound)
    return MqttPublisher(config.mqtt, view, spool=spool)
