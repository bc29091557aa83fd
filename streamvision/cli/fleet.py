"""Lets a service follow the store that its configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError
from streamvision.core.model_control import DEFAULT_MODEL
from streamvision.service.service import Service

FOLDER = "fleet"
"""Folder of the state folder in which models are kept."""


@contextmanager
def following(service: Service, state: Path) -> Iterator[None]:
    """Follow the store of a service's configuration for the length of the block; nothing, where it names none.

    Args:
        service: it replaces models.
        state: its state folder.

    Raises:
        ConfigError: when the store cannot be followed as it is set.
        MissingDependencyError: when what that needs is not installed.
    """
    config, control = service.config.fleet, service.view.models
    if config is None:
        yield
        return
    if control is None:
        raise ConfigError("fleet: models cannot be replaced while this runs; leave fleet out")
    from streamvision.service.fleet.follower import FleetFollower

    def present(name: str) -> ModelConfig | None:
        run = service.run_config
        return run.model if name == DEFAULT_MODEL else run.models.get(name)

    follower = FleetFollower(config, config.folder or state / FOLDER, control, present)
    service.view.fleet = follower
    follower.start()
    try:
        yield
    finally:
        follower.stop()
