"""What pydantic finds wrong with given values, in sentences for people who do not program."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from streamvision.core.reading import shown
from streamvision.core.redaction import is_secret_name, redact_source, short

MAX_CAUSES = 8
"""Faults that are explained at a time."""
_TYPES = {
    "float_type": "give a number",
    "float_parsing": "give a number",
    "finite_number": "give a finite number",
    "int_type": "give a whole number",
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "int_parsing_size": "give a whole number of at most 4,300 digits",
    "bool_type": "give true or false",
    "bool_parsing": "give true or false",
    "string_type": "give text",
    "string_sub_type": "give text",
    "string_unicode": "give text",
    "tuple_type": "give a list",
    "list_type": "give a list",
    "dict_type": "give keys, each with a value",
    "mapping_type": "give keys, each with a value",
    "path_type": "give a path",
    "is_instance_of": "give a path",
    "model_type": "is a section; give its keys, each with a value",
    "model_attributes_type": "is a section; give its keys, each with a value",
    "dataclass_type": "is a section; give its keys, each with a value",
}
"""By pydantic's type of an error."""
_BOUNDS = {
    "greater_than": "give more than {gt}",
    "greater_than_equal": "give {ge} or more",
    "less_than": "give less than {lt}",
    "less_than_equal": "give {le} or less",
    "too_short": "has too few values ({actual_length}); give {min_length} or more",
    "too_long": "has more than {max_length} values; give so many or fewer",
    "string_too_short": "give {min_length} or more characters",
    "string_too_long": "give {max_length} or fewer characters",
}
_QUOTED = re.compile(r"'([^']*)'")
_PATTERNS: dict[str, str] = {}


def in_words(pattern: str, words: str) -> str:
    """Return a pattern of a field, and say to people whose text does not match it what to give."""
    _PATTERNS[pattern] = words
    return pattern


def fault_in_words(error: Any) -> str:
    """Return what one of :meth:`pydantic.ValidationError.errors` says in words that need no programmer to be read."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in _TYPES:
        return _TYPES[kind]
    if kind == "too_short" and not context["actual_length"]:
        return "is empty; give a value"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**{name: _number(value) for name, value in context.items()})
    if kind in ("literal_error", "enum"):
        return "give " + _QUOTED.sub(r"\1", context["expected"])
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    said: str = error["msg"]
    return said.removeprefix("Value error, ")


def faults_in_words(error: ValidationError, section: type[BaseModel]) -> str:
    """Return what is wrong with the values of a section, a clause for each key, the first :data:`MAX_CAUSES` of them.

    Each names the key, what is accepted and what was given; an unknown key has the nearest known one.
    """
    errors = error.errors()
    # A list without its faulty members is too short for pydantic, which would only confuse.
    around = {one["loc"][:depth] for one in errors for depth in range(len(one["loc"]))}
    by_key: dict[tuple[str | int, ...], list[Any]] = {}
    for one in errors:
        if one["type"] != "too_short" or one["loc"] not in around:
            by_key.setdefault(_place(one["loc"], section).key, []).append(one)
    # Of a value that may be a list or a text, who gave a list is told of its members.
    causes = {key: found for key, found in by_key.items() if not _only_of_others(key, found, by_key)}
    clauses = [_clause(key, found, section) for key, found in list(causes.items())[:MAX_CAUSES]]
    more = f"; and {len(causes) - MAX_CAUSES} more" if len(causes) > MAX_CAUSES else ""
    return f"{'; '.join(clauses)}{more}"


class _Place(NamedTuple):
    """What a location of pydantic is in a configuration."""

    key: tuple[str | int, ...]
    """Without the names of the types that were tried."""
    around: type[BaseModel]
    """The innermost section on the way to it."""


def _only_of_others(key: tuple[str | int, ...], found: list[Any], by_key: Iterable[tuple[str | int, ...]]) -> bool:
    is_of_type = all(one["type"] in _TYPES for one in found)
    return is_of_type and any(len(other) > len(key) and other[: len(key)] == key for other in by_key)


def _clause(key: tuple[str | int, ...], found: list[Any], root: type[BaseModel]) -> str:
    first = found[0]
    name = short(".".join(map(str, key)))
    if first["type"] == "extra_forbidden":
        known = list(_place(first["loc"], root).around.model_fields)
        near = difflib.get_close_matches(short(str(key[-1])), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
        return f"unknown key {name!r}: {hint}"
    if first["type"] == "missing":
        return f"{name!r} is missing"
    words = list(dict.fromkeys(map(fault_in_words, found)))
    choices = [one.removeprefix("give ") for one in words if one.startswith("give ")]
    others = [one for one in words if not one.startswith("give ")]
    said = "; ".join([*others, f"give {' or '.join(choices)}"] if choices else others)
    if key and is_secret_name(str(key[-1])):
        return f"{name} is not as it must be: {said}"  # what stands behind such a name and a colon is not shown
    return f"{name or 'config'}: {said}{_given(first)}"


def _given(error: Any) -> str:
    given = error.get("input")
    if isinstance(given, str):
        return f" (given: {short(redact_source(given))!r})"
    quotes = "; in a YAML file it needs quotes" if error["type"] == "string_type" else ""
    if isinstance(given, (int, float, date)):
        return f" (given: {given if isinstance(given, date) else shown(given)}{quotes})"
    if error["type"] not in _TYPES:
        return ""
    return f" (given: {'nothing' if given is None else 'a list' if isinstance(given, (list, tuple)) else 'keys'})"


def _place(location: tuple[str | int, ...], root: type[BaseModel]) -> _Place:
    """Tell the keys in a location from the types that pydantic tried for a value that may have several."""
    key: list[str | int] = []
    around, rest = root, list(location)
    annotation: Any = root
    while rest:
        part = rest[0]
        choices = list(_choices(annotation))
        if len(choices) > 1:
            rest.pop(0)
            annotation = next((one for one in choices if _tag(one) and str(part).startswith(_tag(one))), choices[0])
            continue
        kind: Any = choices[0] if choices else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            around = kind
            field = kind.model_fields.get(str(part)) or next(
                (one for one in kind.model_fields.values() if one.alias == part), None
            )
            annotation = field.annotation if field else None
        else:
            members = [one for one in get_args(kind) if one is not Ellipsis]
            annotation = members[-1] if members else None
            if get_origin(kind) is tuple and isinstance(part, int) and part < len(members):
                annotation = members[part]
        key.append(part)
        rest.pop(0)
        if rest and rest[0] == "[key]":
            rest.pop(0)
    return _Place(tuple(key), around)


def _choices(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value may have, without none."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _choices(one)
    elif annotation is not type(None):
        yield annotation


def _tag(annotation: Any) -> str:
    """Return what pydantic's name of a type begins with."""
    name = str(getattr(get_origin(annotation) or annotation, "__name__", annotation))
    return name if isinstance(annotation, type) and issubclass(annotation, BaseModel) else name.lower()


def _number(value: Any) -> str:
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value)) if is_whole else str(value)
