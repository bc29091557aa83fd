"""Telling others of events during a run without a service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.config.app import AppConfig
from streamvision.core.errors import ConfigError

if TYPE_CHECKING:
    from streamvision.notify.notifier import Notifier


@contextmanager
def notifying(config: AppConfig, state: Path) -> Iterator[Notifier | None]:
    """Tell whom the configuration names, for as long as the block runs; ``None`` where it names nobody.

    Args:
        config: everything that can be set.
        state: the folder below which messages wait that are not delivered yet.

    Raises:
        ConfigError: when a target cannot be made as it is set, or the streams run in several processes.
    """
    if not config.notify.targets:
        yield None
        return
    if config.workers > 1:
        raise ConfigError("notify tells of events from one process; leave out workers, or notify")
    from streamvision.notify.notifier import Notifier  # what most runs do without

    public_url = config.serve.public_url if config.serve else None
    notifier = Notifier(config.notify, folder=state / "notify", public_url=public_url)
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop()
