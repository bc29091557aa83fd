"""Lets a service follow the store that its configuration names."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError
from streamvision.core.model_control import DEFAULT_MODEL
from streamvision.service.service import Service

FOLDER = "fleet"
"""Folder of the state folder in which models are kept."""


def follow_store(service: Service, state: Path) -> None:
    """Let a service follow the store that its configuration names, if it does, while it runs.

    What lies here of it is checked before this returns, and nothing has been opened yet.

    Args:
        service: it replaces models.
        state: its state folder.

    Raises:
        ConfigError: when the store cannot be followed as it is set.
        MissingDependencyError: when what that needs is not installed.
    """
    config, control = service.config.fleet, service.view.models
    if config is None:
        return
    if control is None:
        raise ConfigError("fleet: models cannot be replaced while this runs; leave fleet out")
    from streamvision.service.fleet.follower import FleetFollower

    def present(name: str) -> ModelConfig | None:
        run = service.run_config
        return run.model if name == DEFAULT_MODEL else run.models.get(name)

    follower = FleetFollower(config, config.folder or state / FOLDER, control, present)
    follower.prepare()
    service.follower = service.view.fleet = follower
