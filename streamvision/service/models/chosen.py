"""What a service knows of the models that have taken over: it goes by them, and they are there after the next start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError
from streamvision.core.model_control import DEFAULT_MODEL
from streamvision.service.models.choices import PREVIOUS, chosen_config, section_of, written_choice

if TYPE_CHECKING:
    from streamvision.service.service import Service


class ChosenModels:
    """Of one service; any thread may use it.

    Args:
        service: the service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def previous(self, name: str) -> ModelConfig | None:
        """Return what a model has taken over from; ``None`` where nothing is known that can be used."""
        choice = (self._service.layers.models.get(name) or {}).get(PREVIOUS)
        if choice is None:
            return None
        try:
            return self._present(name).choosing(chosen_config(choice, origin=f"the model before {name}"))
        except ConfigError:  # what it refers to is not there any more
            return None

    def take(self, name: str, model: ModelConfig, before: ModelConfig, put: Callable[[], bool]) -> bool:
        """Let a model that has taken over be what is set, and remember it, or neither; return whether it is.

        Args:
            name: the model's name.
            model: which it is now.
            before: which it was.
            put: called first, while nothing else changes; where it returns false, nothing is done.

        Raises:
            StateError: when it cannot be remembered; what is set stays.
        """
        service = self._service
        with service.changing():
            if not put():
                return False
            present = service.layers
            known = (section_of(present.run_document, name), (present.models.get(name) or {}).get(PREVIOUS) or {})
            layers = present.with_model(
                name, chosen=written_choice(model, known), previous=written_choice(before, known)
            )
            opened = service.config
            if name == DEFAULT_MODEL:
                opened = opened.model_copy(update={"model": opened.model.choosing(model)})
            else:
                models = {**opened.models, name: opened.models[name].choosing(model)}
                opened = opened.model_copy(update={"models": models})
            service.adopt(layers, opened)
        return True

    def _present(self, name: str) -> ModelConfig:
        config = self._service.config
        return config.model if name == DEFAULT_MODEL else config.models[name]
