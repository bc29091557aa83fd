"""Secrets in what a stream's configuration shows, and what a masked value stands for when it comes back."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from streamvision.core.addresses import MASK, SCHEME, split_user_info
from streamvision.core.config.references import written_user_info
from streamvision.core.errors import ConfigError
from streamvision.core.redaction import redact, redact_source
from streamvision.service.values import literal, resolved

SOURCE = "source"


def masked(document: dict[str, Any]) -> dict[str, Any]:
    """Return what may be shown of a stream's configuration."""
    return {key: _masked_source(value) if key == SOURCE else _masked(value) for key, value in document.items()}


def unmasked(document: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Return somebody's values as they are to be stored, with what each ``***`` in them stands for.

    Args:
        document: what was given; nothing in it is a reference.
        stored: what is set now, references not resolved: these stand for a secret that is kept.

    Raises:
        ConfigError: when a ``***`` stands for nothing that is known.
    """
    present = resolved({key: stored[key] for key in document if key in stored})
    return {key: _unmasked(key, value, present.get(key), stored.get(key)) for key, value in document.items()}


def _masked_source(source: Any) -> Any:
    return redact_source(source) if isinstance(source, str) else [redact_source(str(one)) for one in source]


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _masked(redact_pair(key, one)) for key, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, (list, tuple)) else value


def redact_pair(key: str, value: Any) -> Any:
    """Return what may be shown of a text under a key, whose name may tell that it is a secret.

    >>> redact_pair("api_key", "abc"), redact_pair("mode", "abc")
    ('***', 'abc')
    """
    if not isinstance(value, str):
        return value
    return MASK if redact(f'"{key}"="x"') != f'"{key}"="x"' else value


def _unmasked(key: str, value: Any, present: Any, stored: Any) -> Any:
    if isinstance(value, str):
        if MASK not in value or not _may_be_secret(key, present):
            return literal(value)
        if isinstance(present, str) and value == (_masked_source(present) if key == SOURCE else _shown(key, present)):
            return stored
        return _with_known_user(key, value, present, stored)
    if isinstance(value, dict):
        now, then = (below if isinstance(below, dict) else {} for below in (present, stored))
        return {name: _unmasked(name, one, now.get(name), then.get(name)) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        known = list(zip(present, stored, strict=True)) if isinstance(present, (list, tuple)) else []
        pairs = zip_longest(value, known[: len(value)], fillvalue=(None, None))
        return [_unmasked(key, one, *below) for one, below in pairs]
    return value


def _may_be_secret(key: str, present: Any) -> bool:
    """Say whether a value is one that is shown masked; elsewhere *** are three stars, as in a name."""
    named = key == SOURCE or redact_pair(key, "x") == MASK
    return named or (isinstance(present, str) and _shown(key, present) != present)


def _shown(key: str, text: str) -> str:
    return redact(str(redact_pair(key, text)))


def _with_known_user(key: str, value: str, present: Any, stored: Any) -> str:
    """Return an address on the same host with the user information that is stored, in place of ``***``.

    Raises:
        ConfigError: for another host or scheme, which must not be given a password that was meant for this one.
    """
    given, known = SCHEME.match(value), SCHEME.match(present) if isinstance(present, str) else None
    if key == SOURCE and given and known and given[0].lower() == known[0].lower():
        user, rest = split_user_info(value[given.end() :])
        old_rest = split_user_info(present[known.end() :]).rest
        stored_user = written_user_info(stored)
        if user == MASK and stored_user and MASK not in rest and _host(rest) == _host(old_rest):
            return f"{given[0]}{stored_user}@{literal(rest)}"
    raise ConfigError(f"{key} holds {MASK} in place of a secret that is not known here; write the secret itself")


def _host(rest: str) -> str:
    return rest.partition("/")[0].partition("?")[0].lower()
