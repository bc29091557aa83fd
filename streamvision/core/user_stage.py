"""``@stage``: what a piece of user code is called, how long it may take, and where it is found."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, overload

from streamvision.core.config.stage import StageConfig, Unfinished
from streamvision.core.errors import ConfigError
from streamvision.core.stage_view import StageView
from streamvision.core.user_code import find_code

StageFunction = Callable[[StageView], object]
"""Takes a frame and gives ``None``, detections, a picture or a :class:`streamvision.StageOutput`."""
F = TypeVar("F", bound=Callable[..., object])

_SETTINGS = "__streamvision_stage__"


@dataclass(frozen=True)
class StageSettings:
    """How much patience the pipeline has with a stage."""

    budget_ms: float = 50.0
    """How long it waits for the stage on each frame; what takes longer is not used."""
    give_up_after: int = 10
    """Errors in a row after which the stage is switched off."""
    unfinished: Unfinished = "show"
    """Whether a frame that the stage did not finish is shown as it is, or made unrecognisable."""


@dataclass(frozen=True)
class Stage:
    """A piece of user code with its settings."""

    name: str
    """What the page calls it."""
    target: Callable[..., object]
    """The function, or the class of which each stream gets an instance."""
    settings: StageSettings = StageSettings()
    """How much patience the pipeline has with it."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the function or class."""

    def create(self) -> StageFunction:
        """Return what is called for the frames of one stream.

        Raises:
            ConfigError: when the options do not fit, or the class refuses them.
        """
        try:
            if inspect.isclass(self.target):
                made = self.target(**self.options)
                if not callable(made):
                    raise TypeError(f"{self.target.__name__} has no __call__")
                return made
            inspect.signature(self.target).bind(None, **self.options)
        except Exception as error:
            raise ConfigError(f"stage {self.name} does not take its options {self.options}: {error}") from error
        return partial(self.target, **self.options)


@overload
def stage(target: F, /) -> F: ...


@overload
def stage(*, budget_ms: float = ..., give_up_after: int = ..., unfinished: Unfinished = ...) -> Callable[[F], F]: ...


def stage(target: Callable[..., object] | None = None, /, **settings: Any) -> Any:
    """Mark a function of a frame, or a class of such, as a stage of the pipeline, and say how much patience it needs.

    >>> @stage(budget_ms=20)
    ... def only_large(view: StageView) -> object:
    ...     box = view.detections.box_xyxy_px
    ...     return view.detections[(box[:, 2] - box[:, 0]) > 40]

    Args:
        target: the function or class, where the decorator stands without brackets.
        settings: ``budget_ms``, ``give_up_after`` and ``unfinished``; see :class:`StageSettings`.
    """

    def mark(function: F) -> F:
        setattr(function, _SETTINGS, StageSettings(**settings))
        return function

    return mark if target is None else mark(target)


def stage_of(given: Callable[..., object] | Stage | StageConfig) -> Stage:
    """Return a stage from a function, from a class or from what the configuration says.

    Raises:
        ConfigError: when there is no such code, or it cannot be imported.
    """
    if isinstance(given, Stage):
        return given
    if not isinstance(given, StageConfig):
        name = getattr(given, "__name__", type(given).__name__)
        return Stage(name, given, getattr(given, _SETTINGS, StageSettings()))
    if given.path is None:
        raise ConfigError(f"stage {given.name!r} is one of another package; give module:function or file.py:function")
    target = find_code(given.path, kind="stage")
    said = given.model_dump(include={"budget_ms", "give_up_after", "unfinished"}, exclude_none=True)
    settings = replace(getattr(target, _SETTINGS, StageSettings()), **said)
    return Stage(given.path.rpartition(":")[2], target, settings, given.options)
