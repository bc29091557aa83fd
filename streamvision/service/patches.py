"""Changes of a configuration as plain values: merge patches, as RFC 7396 has them.

A patch is a mapping. A mapping in it is a patch of the mapping under that key, ``None`` takes the key away, so that the
default holds, and anything else replaces what was there. To a mapping, a section that is given by a word is one, too.

>>> applied({"score": 0.3, "overlay": {"boxes": True, "labels": True}}, {"score": None, "overlay": {"labels": False}})
{'overlay': {'boxes': True, 'labels': False}}
>>> applied({"slices": "auto"}, {"slices": {"overlap": 0.3}})
{'slices': {'tiles': 'auto', 'overlap': 0.3}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamvision.core.config.merging import in_keys

Plain = dict[str, Any]


def applied(document: Any, patch: Mapping[str, Any]) -> Plain:
    """Return a document with a patch applied to it."""
    result: Plain = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = applied(in_keys(key, result.get(key)), value)
        else:
            result[key] = value
    return result


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> Plain:
    """Return the patch that does what two do, one after the other.

    >>> joined({"overlay": {"boxes": False}, "score": 0.3}, {"overlay": {"labels": None}, "score": None})
    {'overlay': {'boxes': False, 'labels': None}, 'score': None}
    """
    result: Plain = dict(first)
    for key, value in second.items():
        before = in_keys(key, result.get(key))
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            result[key] = joined(before, value)
        else:
            result[key] = value
    return result


def remaining(patch: Mapping[str, Any], document: Any) -> Plain:
    """Return a patch without what changes nothing in a document, since it says the same already.

    >>> remaining({"score": 0.3, "name": "Gate", "loop": None}, {"score": 0.3, "name": "Yard"})
    {'name': 'Gate'}
    """
    present: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    result: Plain = {}
    for key, value in patch.items():
        if isinstance(value, Mapping) and isinstance(present.get(key), Mapping):
            if below := remaining(value, present[key]):
                result[key] = below
        elif value is None:
            if key in present:
                result[key] = None
        elif key not in present or present[key] != value:
            result[key] = value
    return result


def replacing(document: Mapping[str, Any], before: Any) -> Plain:
    """Return the patch that makes a document of another one, whatever that holds.

    >>> replacing({"lines": []}, {"lines": [1], "speed": {}})
    {'speed': None, 'lines': []}
    """
    present: Mapping[str, Any] = before if isinstance(before, Mapping) else {}
    result: Plain = {key: None for key in present if key not in document}
    for key, value in document.items():
        if isinstance(value, Mapping) and isinstance(present.get(key), Mapping):
            result[key] = replacing(value, present[key])
        else:
            result[key] = value
    return result
