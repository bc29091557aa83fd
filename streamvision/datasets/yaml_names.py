"""Class names that are added to a ``data.yaml`` which somebody has written: all else in it stays, comments too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from streamvision.core.reading import parse_yaml


def with_names(text: str, names: Sequence[str]) -> str | None:
    """Return the text of a ``data.yaml`` with further names behind those that it has.

    Args:
        text: the file, whose names are the first of ``names``.
        names: all class names.

    Returns:
        The text; ``None`` where it is written in a way in which they cannot be added and all else kept.
    """
    try:
        before = parse_yaml(text, as_written=True)
        nodes = _members(yaml.compose(text, Loader=yaml.SafeLoader))
        listed, count = nodes.get("names"), nodes.get("nc")
        if not isinstance(listed, yaml.CollectionNode) or not 0 < len(listed.value) <= len(names):
            return None
        if not all(_is_inside(one, listed) for one in (listed.value[0], listed.value[-1])):
            return None
        at, added = _addition(text, listed, names[len(listed.value) :])
        edits = [(at, at, added)]
        if count is not None:
            edits.append((count.start_mark.index, count.end_mark.index, str(len(names))))
        for begin, end, new in sorted(edits, reverse=True):
            text = text[:begin] + new + text[end:]
        after = parse_yaml(text, as_written=True)
    except yaml.YAMLError:
        return None
    kept = _others(after) == _others(before) and after.get("nc", str(len(names))) == str(len(names))
    return text if kept and _names(after) == list(names) else None


def _members(root: Any) -> dict[str, Any]:
    if not isinstance(root, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in root.value if isinstance(key, yaml.ScalarNode)}


def _is_inside(member: Any, listed: yaml.CollectionNode) -> bool:
    """Say whether a name, or its number and it, is written in the list: an alias has the place of its anchor."""
    nodes = member if isinstance(member, tuple) else (member,)
    begin, end = listed.start_mark.index, listed.end_mark.index
    return all(begin <= one.start_mark.index and one.end_mark.index <= end for one in nodes)


def _addition(text: str, listed: Any, new: Sequence[str]) -> tuple[int, str]:
    """Return where names are put in, behind the last one, and what is put in there."""
    is_mapping = isinstance(listed, yaml.MappingNode)
    first, last = listed.value[0], listed.value[-1]
    end = (last[1] if is_mapping else last).end_mark.index
    written = [json.dumps(name, ensure_ascii=False) for name in new]
    if is_mapping:
        written = [f"{number}: {name}" for number, name in enumerate(written, len(listed.value))]
    if listed.flow_style:
        return end, "".join(f", {one}" for one in written)
    line_end = text.find("\n", end)
    at = len(text) if line_end < 0 else line_end
    # Of a list it is where the first dash is: the list itself begins with its anchor, if it has one.
    begin = first[0].start_mark.index if is_mapping else text.rindex("-", 0, first.start_mark.index)
    indent = " " * (begin - 1 - max(text.rfind(end_of_line, 0, begin) for end_of_line in "\r\n"))
    dash = "" if is_mapping else "- "
    return at, "".join(f"\n{indent}{dash}{one}" for one in written)


def _names(document: Any) -> list[Any]:
    names = document.get("names") if isinstance(document, dict) else None
    return list(names.values() if isinstance(names, dict) else names or ())


def _others(document: Any) -> dict[Any, Any]:
    return {key: value for key, value in document.items() if key not in ("names", "nc")}
