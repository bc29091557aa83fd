"""Streams and settings that change at somebody's request: what may be asked, what is shown, what a mask stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.app import AppConfig
from streamvision.core.config.merging import MAIN_KEYS
from streamvision.core.config.section import Section, validate
from streamvision.core.config.stream import StreamConfig
from streamvision.core.control import StreamExistsError, UnknownStreamError
from streamvision.core.errors import ConfigError
from streamvision.core.redaction import redact_source, short
from streamvision.service.layers import MODEL_KEYS, Layers, unused
from streamvision.service.masking import masked, unmasked
from streamvision.service.notify_masking import shown_notify, stored_notify
from streamvision.service.patches import Plain, applied, replacing
from streamvision.service.service import Service
from streamvision.service.trial import first_picture
from streamvision.service.values import is_pipe, literal, parsed_stream, plain, resolved, suggested_id
from streamvision.state.settings import read_setting
from streamvision.state.streams import StoredStream

LAYOUT = "layout"
"""Name of the setting with how the page is laid out."""
NOTIFY = "notify"
MAX_LAYOUT_BYTES = 32 * 1024
RUN_SECTIONS = ("overlay", "tracker", "adaptive", "slices", "analytics", "event_log", "recording", "notify")
MAX_STREAMS = 1000
"""Most streams that may be added; a program that adds them in a loop must not fill the disk."""


class ServiceControl:
    """What the web asks of a service; see :class:`streamvision.core.control.StreamControl`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    # --- streams ----------------------------------------------------------------------------------------------------

    def stream_config(self, stream_id: str) -> Plain:
        """Return what is set for a stream, secrets masked; keys at their defaults are left out.

        A section or step that was given by a word, as ``slices: auto``, is shown by its keys.
        """
        return self._shown(self._service.layers, stream_id)

    def add_stream(self, document: Mapping[str, Any]) -> str:
        """Add a stream and return its id."""
        document = applied({}, document)  # without what is null, in its sections too
        config = validate(StreamConfig, document, origin="stream")
        _refuse_local_power(config)
        given = unmasked({key: value for key, value in plain(document).items() if key != "id"}, {})
        with self._service.changing():
            layers = self._service.layers
            taken = layers.documents.keys()
            if len(taken) >= MAX_STREAMS:
                raise ConfigError(f"there are {MAX_STREAMS} streams, and no more are taken; remove some")
            if config.id in taken:
                raise StreamExistsError(f"there is a stream {config.id!r} already; give another id")
            stream_id = config.id or unused(suggested_id(config), {*taken, *layers.streams})
            below = layers.streams.get(stream_id)
            changes = given if below is None else replacing(given, below)
            self._service.change(layers.with_stream(StoredStream(stream_id, added=below is None, changes=changes)))
        return stream_id

    def change_stream(self, stream_id: str, changes: Mapping[str, Any]) -> Plain:
        """Change some keys of a stream and return what is set then."""
        with self._service.changing():
            layers = self._service.layers
            present = _document(layers, stream_id)
            patch = self._patch(stream_id, plain(changes), present)
            config = parsed_stream({**applied(present, patch), "id": stream_id}, origin=f"stream {stream_id}")
            if "source" in patch:
                _refuse_local_power(config)
            self._change(layers, stream_id, applied(present, patch))
            return self._shown(self._service.layers, stream_id)

    def replace_analytics(self, stream_id: str, config: AnalyticsConfig) -> None:
        """Count and measure this from the next frame on."""
        with self._service.changing():
            layers = self._service.layers
            present = _document(layers, stream_id)
            wanted = literal(config.model_dump(mode="json", exclude_defaults=True))
            self._change(layers, stream_id, {**present, "analytics": wanted})

    def remove_stream(self, stream_id: str) -> None:
        """Remove a stream, for good."""
        with self._service.changing():
            layers = self._service.layers
            _document(layers, stream_id)
            self._service.change(layers.without_stream(stream_id))

    def test_picture(self, document: Mapping[str, Any]) -> bytes:
        """Open a source as a new stream would and return its first picture as a JPEG file."""
        given = dict(document)
        known = given.pop("id", None)
        present: Plain = {}
        if isinstance(known, str) and known in self._service.layers.documents:
            present = self._service.layers.documents[known]
        config = parsed_stream(unmasked(given, present), origin="stream")
        if given.get("source") != masked(resolved(present)).get("source"):
            _refuse_local_power(config)
        return first_picture(config)

    # --- the run ----------------------------------------------------------------------------------------------------

    def settings(self) -> Plain:
        """Return what of the run may change, with its present values."""
        with self._service.database.reading() as connection:
            layout = read_setting(connection, LAYOUT)
        values = _run_values(self._service.run_config)
        notify = shown_notify(values.pop(NOTIFY))
        return {**masked(values), NOTIFY: notify, LAYOUT: layout or {}}

    def change_settings(self, changes: Mapping[str, Any]) -> Plain:
        """Change some of the settings, key by key, and return all."""
        known = (*RUN_SECTIONS, *MODEL_KEYS, LAYOUT)
        if unknown := [key for key in changes if key not in known]:
            raise ConfigError(f"settings: unknown key {short(str(unknown[0]))!r}: known keys are {', '.join(known)}")
        given = plain({key: value for key, value in changes.items() if key != LAYOUT})
        with self._service.changing():
            layers = self._service.layers
            told = given.pop(NOTIFY, None)
            given = unmasked(given, layers.run_document)
            if NOTIFY in changes:
                given[NOTIFY] = stored_notify(told, layers.run_document.get(NOTIFY) or {})
            self._refuse_another_folder(given)
            patch = {key: value for key, value in given.items() if key in RUN_SECTIONS}
            if model := {key: value for key, value in given.items() if key in MODEL_KEYS}:
                patch["model"] = model
            settings = {LAYOUT: self._layout(changes[LAYOUT])} if LAYOUT in changes else {}
            self._service.change(layers.with_changes(patch), settings=settings)
        return self.settings()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _change(self, layers: Layers, stream_id: str, document: Plain) -> None:
        """Let this be what is set for a stream, whatever the file says of it."""
        stored = layers.stored.get(stream_id) or StoredStream(stream_id)
        changes = replacing(document, layers.streams.get(stream_id, {}))
        self._service.change(layers.with_stream(replace(stored, changes=changes)))

    def _patch(self, stream_id: str, changes: Plain, present: Plain) -> Plain:
        """Return what a request changes, without what it only repeats."""
        if changes.get("id") not in (None, stream_id):
            raise ConfigError(f"the id of a stream stays {stream_id!r}; remove it and add another, or change its name")
        shown = masked(_by_keys(resolved(present)))
        new = {key: one for key, one in changes.items() if key != "id" and (key not in shown or shown[key] != one)}
        return unmasked(new, present)

    def _shown(self, layers: Layers, stream_id: str) -> Plain:
        return {"id": stream_id, **masked(_by_keys(resolved(_document(layers, stream_id))))}

    def _refuse_another_folder(self, given: Plain) -> None:
        """Leave out the folder of recordings where it stays; whoever writes the file alone may set another one."""
        recording = given.get("recording")
        if not isinstance(recording, Mapping) or "folder" not in recording:
            return
        present = self._service.run_config.recording.folder
        if recording["folder"] != (None if present is None else str(present)):
            raise ConfigError(
                "recording.folder is taken from the configuration file alone, since files are written and removed "
                "there; set it there, or leave it out"
            )
        given["recording"] = {key: value for key, value in recording.items() if key != "folder"}

    def _layout(self, layout: Any) -> Plain:
        if layout is None:
            return {}
        if not isinstance(layout, Mapping) or len(json.dumps(layout)) > MAX_LAYOUT_BYTES:
            raise ConfigError(f"settings: {LAYOUT} must be a JSON object of at most {MAX_LAYOUT_BYTES} bytes")
        return dict(layout)


def _document(layers: Layers, stream_id: str) -> Plain:
    document = layers.documents.get(stream_id)
    if document is None:
        known = ", ".join(layers.documents) or "none"
        raise UnknownStreamError(f"there is no stream {short(stream_id)!r}; the streams are: {known}")
    return document


def _by_keys(document: Plain) -> Plain:
    """Return what is set for a stream, sections and steps that a word gave by their keys, so that all have one form."""
    config = validate(StreamConfig, document, origin="stream")
    sections = {key: getattr(config, key, None) for key in MAIN_KEYS.keys() & document.keys()}
    by_keys: Plain = {
        key: one.model_dump(mode="json", exclude_unset=True)
        for key, one in sections.items()
        if isinstance(one, Section)
    }
    if config.steps is not None:
        by_keys["steps"] = [step.model_dump(mode="json") for step in config.steps]
    return {**document, **by_keys}


def _run_values(run: AppConfig) -> Plain:
    sections = {key: getattr(run, key).model_dump(mode="json") for key in RUN_SECTIONS}
    return {**sections, "score": run.model.score, "classes": run.model.classes}


def _refuse_local_power(config: StreamConfig) -> None:
    """Refuse sources that can do more than give pictures; only whoever writes the configuration file may have them.

    Raises:
        ConfigError: for a GStreamer pipeline, which may write any file, for the standard input, and for named pipes
            and devices that are no camera, which waiting for or merely opening may harm.
    """
    sources = [config.source] if isinstance(config.source, str) else config.source
    for source in sources:
        text = source.strip()
        if text.lower().startswith("gst:") or is_pipe(source):
            raise ConfigError(
                f"source {redact_source(text)!r} can do more than give pictures and is taken from the configuration "
                "file or the command line alone; give an address, a camera or a file"
            )
