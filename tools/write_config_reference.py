"""Writes docs/configuration.md from the configuration's own fields; a test keeps the two equal.

python tools/write_config_reference.py
"""

from __future__ import annotations

import importlib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from streamvision.core.config.analytics import Polygon
from streamvision.core.config.app import AppConfig
from streamvision.core.config.classical import StepConfig
from streamvision.core.config.notify import TargetConfig
from streamvision.core.config.section import ClassName
from streamvision.inference.classical.registry import STEPS
from streamvision.notify.registry import TARGETS

TARGET = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
INTRODUCTION = """# Configuration

Everything that `streamvision run` can do stands in one YAML file: `streamvision run --config FILE.yaml`. The command
line wins over the file. Unknown keys are refused, with the nearest known one named. Ready-made files are in
[`configs/`](../configs). Every value may refer to a variable, as `${NAME}` or `${NAME:-default}`, or to a file, as
`${file:/run/secrets/camera}`; `$$` is a dollar sign ([secrets](service.md#secrets)).

This page is written by `python tools/write_config_reference.py` from the fields in `streamvision/core/config`.
"""


def render() -> str:
    """Return the whole page."""
    top = [(name, _section(field.annotation)) for name, field in AppConfig.model_fields.items()]
    written = {section for _, section in top if section is not None}
    parts = [INTRODUCTION, _table(AppConfig, "The file")]
    for name, section in top:
        if section is not None:
            parts += [_table(section, f"`{name}`"), *_inner_tables(section, name, written)]
    return "\n".join(parts)


def _inner_tables(outer: type[BaseModel], path: str, written: set[type[BaseModel]]) -> list[str]:
    """Return the tables of the sections inside a section, but for those that stand elsewhere."""
    parts = []
    for name, field in outer.model_fields.items():
        by_name = get_origin(field.annotation) is dict
        section = _section(get_args(field.annotation)[1] if by_name else field.annotation)
        if section is not None and section not in written:
            written.add(section)
            at = f"{path}.{name}.NAME" if by_name else f"{path}.{name}"
            parts += [_table(section, f"`{at}`"), *_inner_tables(section, at, written)]
            if section is TargetConfig:
                parts += [_table(config, f"`{at}` of the kind `{kind}`") for kind, config in _target_kinds()]
            if section is StepConfig:
                parts += [_table(config, f"`{at}`: {names}") for names, config in _step_kinds()]
    return parts


def _step_kinds() -> Iterator[tuple[str, type[BaseModel]]]:
    by_config: dict[type[BaseModel], list[str]] = {}
    for plugin in STEPS.built_in:
        if (config := plugin.config_class()) is not None:
            by_config.setdefault(config, []).append(plugin.name)
    for config, names in by_config.items():
        yield ", ".join(f"`{name}`" for name in names), config


def _target_kinds() -> Iterator[tuple[str, type[BaseModel]]]:
    for plugin in TARGETS.built_in:
        if (config := plugin.config_class()) is not None:
            yield plugin.name, config


def _table(section: type[BaseModel], title: str) -> str:
    lines = [
        f"## {title}",
        "",
        " ".join((section.__doc__ or "").split()),
        "",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in section.model_fields.items():
        default = "required" if field.is_required() else _default(field.default)
        lines.append(f"| `{name}` | {_names(field) or _kind(field.annotation)} | {default} | {field.description} |")
    return "\n".join([*lines, ""])


def _names(field: FieldInfo) -> str | None:
    """Return the built-in names that a field may have where a registry lists them; a source is given by its URI."""
    said = field.json_schema_extra
    if not isinstance(said, dict) or "registry" not in said or field.is_required():
        return None
    module, _, attribute = str(said["registry"]).partition(":")
    names = [plugin.name for plugin in getattr(importlib.import_module(module), attribute).built_in]
    further = [] if field.default is None or field.default in names else [field.default]
    return ", ".join(f"`{name}`" for name in [*further, *names]) + ", or one of another package"


def _default(value: Any) -> str:
    if value is None:
        return "none"
    if value is PydanticUndefined or isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _section(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is dict:
        return None
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), [a for a in get_args(annotation) if a not in (type(None), ...)]
    if (section := _section(annotation)) is not None:
        return f"{'list of ' if origin is tuple else ''}section ({section.__name__.removesuffix('Config').lower()})"
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return _kind(arguments[0])
    if origin is tuple:
        count = "" if ... in get_args(annotation) else f"{len(arguments)} "
        if arguments[0] == Polygon:
            return "list of polygons"
        if get_origin(arguments[0]) is tuple:
            return f"{count}points" if count else "list of points"
        return (
            "list of class names or numbers" if arguments[0] == ClassName else f"list of {count}{_kind(arguments[0])}"
        )
    if origin is Annotated:
        return _kind(arguments[0])
    if origin is dict:
        # A key that is checked for its form is a name all the same.
        key = get_args(arguments[0])[0] if get_origin(arguments[0]) is Annotated else arguments[0]
        return f"mapping of {_kind(key)} to {_kind(arguments[1])}"
    return {int: "integer", float: "number", str: "text", bool: "true/false", Path: "path", Any: "anything"}[
        typing.cast(type, annotation)
    ]


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
