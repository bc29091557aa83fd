"""What can be chosen by name: built in, or brought by another package through an entry point.

A source kind, backend, head, tracker, frame stage, sink or export target is described by one :class:`Plugin`. The
registry of its kind lists the built-in ones; further ones are looked up in the entry points of the registry's group,
and only when a name is not built in or all are listed, since reading the metadata of every package takes time.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from streamvision.core.config.section import Section, validate
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import pip_install


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One thing that can be chosen by its name."""

    name: str
    """What configuration and command line call it."""
    factory: Any
    """What makes it, or ``"module:name"`` of that, which is imported when it is first used."""
    summary: str
    """What it is, in one line, for ``--help``, the documentation and ``doctor``."""
    config: type[Section] | str | None = None
    """The class of its settings, or ``"module:name"`` of that; ``None`` where it has none of its own."""
    extra: str | None = None
    """What ``pip install`` needs beside the runtime, as :func:`streamvision.core.install.with_extra` says it; ``None``
    where nothing."""

    def load(self) -> Any:
        """Return the factory, importing it where that is still to be done.

        Raises:
            MissingDependencyError: when what it needs is not installed, naming the command that installs it.
        """
        return self._imported(self.factory)

    def config_class(self) -> type[Section] | None:
        """Return the class of its settings; ``None`` where it has none."""
        found: type[Section] | None = None if self.config is None else self._imported(self.config)
        return found

    def options_of(self, given: Mapping[str, Any]) -> Section | None:
        """Return its settings from plain values, checked by its configuration class; ``None`` where it has none.

        Raises:
            ConfigError: when a value is not accepted, or it has no settings and some are given.
        """
        config = self.config_class()
        if config is not None:
            return validate(config, given, origin=f"options of {self.name}")
        if given:
            raise ConfigError(f"{self.name} has no options, but {', '.join(given)} were given; leave them out")
        return None

    def _imported(self, what: Any) -> Any:
        if not isinstance(what, str):
            return what
        module, _, name = what.partition(":")
        try:
            return getattr(import_module(module), name)
        except ImportError as error:
            if self.extra is None:
                raise
            raise MissingDependencyError(f"{self.name} needs {error.name}; {pip_install(self.extra)}") from error


P = TypeVar("P", bound=Plugin)


class Registry(Generic[P]):
    """All plug-ins of one kind, the built-in ones first.

    Args:
        kind: what they are, in the singular, for messages.
        group: entry point group in which other packages name a :class:`Plugin` of this kind.
        plugins: the built-in ones.
    """

    def __init__(self, kind: str, *, group: str, plugins: Sequence[P]) -> None:
        self.kind = kind
        self.group = group
        self._built_in = {plugin.name: plugin for plugin in plugins}

    @property
    def built_in(self) -> tuple[P, ...]:
        """The plug-ins of this package."""
        return tuple(self._built_in.values())

    def get(self, name: str) -> P:
        """Return a plug-in by its name.

        Raises:
            ConfigError: when there is none, or the package that brings it cannot be imported.
        """
        if name in self._built_in:
            return self._built_in[name]
        if name in self._entry_points:
            return self._loaded(self._entry_points[name])
        names = self.names()
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise ConfigError(f"{name!r} is no {self.kind}: {hint}")

    def names(self) -> list[str]:
        """Return all names, the built-in ones first."""
        return [*self._built_in, *self._entry_points]

    def from_packages(self) -> dict[str, str]:
        """Return by name, for each plug-in that is not built in, the package that brings it."""
        return {name: entry.dist.name if entry.dist else entry.value for name, entry in self._entry_points.items()}

    def __iter__(self) -> Iterator[P]:
        """Yield all plug-ins, the built-in ones first; one that cannot be imported raises a ``ConfigError``."""
        yield from self._built_in.values()
        for entry in self._entry_points.values():
            yield self._loaded(entry)

    @cached_property
    def _entry_points(self) -> dict[str, EntryPoint]:
        """By name, what other packages bring; a built-in name is never taken over."""
        return {entry.name: entry for entry in entry_points(group=self.group) if entry.name not in self._built_in}

    def _loaded(self, entry: EntryPoint) -> P:
        try:
            plugin: P = entry.load()
        except Exception as error:
            raise ConfigError(
                f"the {self.kind} {entry.name!r} of {entry.value} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(plugin, Plugin):
            raise ConfigError(
                f"the entry point {entry.name!r} in {self.group} is {type(plugin).__name__}; give a "
                "streamvision.core.registry.Plugin"
            )
        return plugin
