"""What a service runs with, in layers: the beginning, which a file and a command line are, and what was changed since.

A changed key wins over the file until the file says the same; then the file rules it again. So it is enough to write
the present configuration into the file, and nothing has to be forgotten by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.service.models.choices import CHOSEN, PREVIOUS, remaining_choices, with_chosen_models
from streamvision.service.patches import Plain, applied, joined, remaining
from streamvision.service.values import parsed_stream, suggested_id
from streamvision.state.streams import StoredStream

APPLIED_AT_ONCE = ("overlay", "tracker", "adaptive", "slices", "analytics", "event_log", "recording", "notify")
"""Sections of the run that change while it runs; of the model, its score and classes do, too."""
MODEL_KEYS = ("score", "classes")


@dataclass(frozen=True)
class Layers:
    """All that is set, as plain values, references not resolved."""

    run: Plain = field(default_factory=dict)
    """What the beginning says of the run, without its streams."""
    streams: dict[str, Plain] = field(default_factory=dict)
    """What the beginning says of its streams, by id."""
    stored: dict[str, StoredStream] = field(default_factory=dict)
    """What was changed of streams, by id."""
    changes: Plain = field(default_factory=dict)
    """What was changed of the run, as a patch."""
    models: Plain = field(default_factory=dict)
    """Which models have taken over from others; see :mod:`streamvision.service.models.choices`."""

    @classmethod
    def begin(
        cls,
        document: Mapping[str, Any],
        stored: dict[str, StoredStream],
        changes: Plain,
        models: Plain | None = None,
        *,
        origin: str = "config",
    ) -> Layers:
        """Return the layers over a document, without the changes that it says itself.

        Args:
            document: what the file and the options say.
            stored: what was changed of streams, by id.
            changes: what was changed of the run, as a patch.
            models: which models have taken over from others.
            origin: where the document is from, for messages.

        Raises:
            ConfigError: when two of its streams have one id, or one is not accepted.
        """
        run = {key: value for key, value in document.items() if key != "streams"}
        streams = named_streams(document.get("streams") or (), origin=origin)
        kept = {one.id: one for one in _remaining_streams(streams, stored)}
        return cls(
            run=run,
            streams=streams,
            stored=kept,
            changes=remaining(changes, run),
            models=remaining_choices(models or {}, run),
        )

    @property
    def run_document(self) -> Plain:
        """What is set for the run."""
        return with_chosen_models(applied(self.run, self.changes), self.models)

    @property
    def documents(self) -> dict[str, Plain]:
        """What is set for each stream, by id: those of the beginning, then those that were added."""
        found = {}
        added = [one.id for one in self.stored.values() if one.added and one.id not in self.streams]
        for stream_id in [*self.streams, *added]:
            changed = self.stored.get(stream_id, StoredStream(stream_id))
            if not changed.deleted:
                found[stream_id] = applied(self.streams.get(stream_id, {}), changed.changes)
        return found

    def with_stream(self, stored: StoredStream) -> Layers:
        """Return the layers with a stream changed, without what the beginning says itself."""
        below = self.streams.get(stored.id)
        if below is not None and not stored.deleted:
            stored = _beside(stored, below)
        kept = {**self.stored, stored.id: stored}
        if _is_void(stored, below):
            del kept[stored.id]
        return replace(self, stored=kept)

    def without_stream(self, stream_id: str) -> Layers:
        """Return the layers with a stream removed; one of the beginning is remembered as such."""
        if stream_id in self.streams:
            return self.with_stream(StoredStream(stream_id, deleted=True))
        return replace(self, stored={name: one for name, one in self.stored.items() if name != stream_id})

    def with_changes(self, patch: Mapping[str, Any]) -> Layers:
        """Return the layers with the run changed; ``None`` in the patch: again as the beginning says."""
        return replace(self, changes=remaining(_without_nulls(joined(self.changes, patch)), self.run))

    def with_model(self, name: str, *, chosen: Plain, previous: Plain) -> Layers:
        """Return the layers with a model that has taken over.

        Args:
            name: the model, by its name.
            chosen: which it is now, as :func:`streamvision.service.models.choices.choice_of` says it.
            previous: which it was before.
        """
        changed = {**self.models, name: {CHOSEN: chosen, PREVIOUS: previous}}
        return replace(self, models=remaining_choices(changed, self.run))

    def exported(self) -> Plain:
        """Return all that is set as one document, as a configuration file has it."""
        streams = [{"id": stream_id, **document} for stream_id, document in self.documents.items()]
        return {**self.run_document, "streams": streams}


def named_streams(documents: Any, *, origin: str) -> dict[str, Plain]:
    """Return the streams of a document by id: the one that is set, or one made from the source.

    Raises:
        ConfigError: when two have one id, or one is not accepted.
    """
    if not isinstance(documents, (list, tuple)) or not all(isinstance(one, Mapping) for one in documents):
        raise ConfigError(f"{origin}: streams must be a list, each member a mapping with the key source")
    given = [dict(one) for one in documents]
    configs = [parsed_stream(one, origin=f"{origin}, streams.{at}") for at, one in enumerate(given)]
    taken = {config.id for config in configs if config.id}
    named: dict[str, Plain] = {}
    for document, config in zip(given, configs, strict=True):
        name = config.id or unused(suggested_id(config), taken | named.keys())
        if name in named:
            raise ConfigError(f"{origin}: two streams have the id {name!r}; give each its own")
        named[name] = {key: value for key, value in document.items() if key != "id"}
    return named


def unused(name: str, taken: set[str]) -> str:
    """Return a name that is not taken: this one, or with a number behind it.

    >>> unused("cam", {"cam", "cam-2"})
    'cam-3'
    """
    number, found = 2, name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


def _without_nulls(patch: Mapping[str, Any]) -> Plain:
    """Return a patch without what takes keys away."""
    return {
        key: _without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in patch.items()
        if value is not None
    }


def _remaining_streams(streams: dict[str, Plain], stored: dict[str, StoredStream]) -> Iterator[StoredStream]:
    for one in stored.values():
        below = streams.get(one.id)
        if below is not None and not one.deleted:
            one = _beside(one, below)
        if not _is_void(one, below):
            yield one


def _beside(stored: StoredStream, below: Plain) -> StoredStream:
    """Return what is to be remembered of a stream beside what the beginning says, whose stream it is from then on."""
    return replace(stored, added=False, changes=remaining(stored.changes, below))


def _is_void(stored: StoredStream, below: Plain | None) -> bool:
    """Say whether a stream need not be remembered beside what the beginning says of it.

    Changes of a stream that a file has no more are kept, in case it comes back.
    """
    if below is None:
        return stored.deleted
    return not stored.deleted and not stored.changes
