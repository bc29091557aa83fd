"""The kinds of targets and their settings, for forms."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any, Literal

from pydantic.fields import FieldInfo

from streamvision.core.errors import StreamVisionError
from streamvision.core.notify import TargetKind, TargetOption
from streamvision.notify.registry import TARGETS

Form = Literal["text", "number", "flag", "texts", "pairs"]


def target_kinds() -> list[TargetKind]:
    """Return the kinds of targets whose packages are installed."""
    return list(_kinds())


def _kinds() -> Iterator[TargetKind]:
    for name in TARGETS.names():
        try:
            plugin = TARGETS.get(name)
            config = plugin.config_class()
            plugin.load()
        except (StreamVisionError, ImportError):
            continue
        fields = {} if config is None else config.model_fields
        yield TargetKind(name, plugin.summary, [_option(key, field) for key, field in fields.items()])


def _option(name: str, field: FieldInfo) -> TargetOption:
    extra = field.json_schema_extra
    is_secret = isinstance(extra, dict) and "secret" in extra
    return TargetOption(name, field.description or name, _form(field.annotation), field.is_required(), is_secret)


def _form(annotation: Any) -> Form:
    """Return in which form a value is given."""
    plain = [one for one in typing.get_args(annotation) if one is not type(None)]
    origin = typing.get_origin(annotation)
    if origin is dict:
        return "pairs"
    if origin in (tuple, list):
        return "texts"
    if len(plain) == 1 and type(None) in typing.get_args(annotation):
        return _form(plain[0])
    return "flag" if annotation is bool else "number" if annotation in (int, float) else "text"
