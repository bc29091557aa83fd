"""Secrets of targets: what is shown of them, and what a masked value stands for when it comes back.

The settings of a kind of target say themselves what of them is secret: :mod:`streamvision.notify.options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamvision.core.addresses import MASK
from streamvision.core.errors import ConfigError
from streamvision.notify.registry import TARGETS
from streamvision.service.patches import Plain
from streamvision.service.values import literal, resolved

TARGETS_KEY = "targets"


def shown_notify(section: Mapping[str, Any]) -> Plain:
    """Return what may be shown of the section, references resolved."""
    targets = section.get(TARGETS_KEY) or {}
    return {**section, TARGETS_KEY: {name: _shown_target(one) for name, one in targets.items()}}


def stored_notify(patch: Any, stored: Mapping[str, Any]) -> Any:
    """Return somebody's patch of the section as it is to be stored, without what it only repeats in masked form.

    Args:
        patch: a merge patch (RFC 7396); nothing in it is a reference.
        stored: what is set now, references not resolved.

    Raises:
        ConfigError: when a ``***`` stands for nothing that is known, or a secret would go to another host.
    """
    targets = patch.get(TARGETS_KEY) if isinstance(patch, Mapping) else None
    if not isinstance(targets, Mapping):
        return literal(patch)
    known = stored.get(TARGETS_KEY) or {}
    kept = {name: _stored_target(name, one, known.get(name) or {}) for name, one in targets.items()}
    return {**literal({key: one for key, one in patch.items() if key != TARGETS_KEY}), TARGETS_KEY: kept}


def _secrets(kind: Any) -> dict[str, str]:
    """Return which keys of a kind are secret, and how.

    Raises:
        ConfigError: when there is no such kind.
    """
    config = TARGETS.get(str(kind)).config_class()
    fields = config.model_fields if config is not None else {}
    extras = {name: field.json_schema_extra for name, field in fields.items()}
    return {
        name: str(extra["secret"]) for name, extra in extras.items() if isinstance(extra, dict) and "secret" in extra
    }


def _shown_target(target: Mapping[str, Any]) -> Plain:
    secrets = _secrets(target.get("kind"))
    return {key: _shown(one, secrets.get(key)) for key, one in target.items()}


def _shown(value: Any, secret: str | None) -> Any:
    if secret is None or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: _shown(one, secret) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(one, secret) for one in value]
    return _shown_address(str(value)) if secret == "address" else MASK


def _shown_address(address: str) -> str:
    """Return an address of which only the host is told: paths and queries of web hooks are passwords.

    >>> _shown_address("https://user:pw@hooks.example/services/T0/x?key=1")
    'https://***@hooks.example/***'
    """
    from urllib3.exceptions import LocationParseError  # of the extra that targets need
    from urllib3.util import parse_url

    try:
        url = parse_url(address)
    except LocationParseError:
        return MASK
    user = f"{MASK}@" if url.auth else ""
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    below = f"/{MASK}" if (url.path or "/") != "/" or url.query else url.path or ""
    return f"{url.scheme}://{user}{host}{below}" if url.scheme else MASK


def _host(address: Any) -> tuple[Any, ...]:
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        url = parse_url(str(address))
    except LocationParseError:
        return (address,)
    return url.scheme, url.host, url.port


def _stored_target(name: str, given: Any, stored: Mapping[str, Any]) -> Any:
    """Return a target's part of a patch, as it is to be stored."""
    if not isinstance(given, Mapping):
        return literal(given)
    present = resolved(dict(stored))
    secrets = _secrets(given.get("kind", present.get("kind")))
    patch: Plain = {}
    for key, value in given.items():
        shown = _shown(present.get(key), secrets.get(key))
        if key in secrets and value is not None and value == shown and key in present:
            continue
        patch[key] = _stored(f"{name}.{key}", value, shown, stored.get(key)) if key in secrets else literal(value)
    _refuse_other_host(name, secrets, given, present)
    return patch


def _stored(where: str, value: Any, shown: Any, stored: Any) -> Any:
    """Return a secret, or several, with what each ``***`` that was left as it was stands for."""
    if isinstance(value, Mapping):
        shown, stored = (one if isinstance(one, Mapping) else {} for one in (shown, stored))
        return {key: _stored(where, one, shown.get(key), stored.get(key)) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        pairs = list(zip(shown, stored, strict=True)) if isinstance(shown, (list, tuple)) and shown else []
        padded = [*pairs, *[(None, None)] * len(value)]
        return [_stored(where, one, *padded[at]) for at, one in enumerate(value)]
    if isinstance(value, str) and MASK in value:
        if value == shown and stored is not None:
            return stored
        raise ConfigError(
            f"notify.targets.{where} holds {MASK} in place of a secret that is not known here; write the secret itself"
        )
    return literal(value)


def _keeps(given: Any, present: Any) -> bool:
    """Say whether something of a secret stays as it is when this is given in a merge patch."""
    if isinstance(present, Mapping):
        return isinstance(given, Mapping) and any(_keeps(given.get(key, MASK), one) for key, one in present.items())
    return MASK in str(given)


def _refuse_other_host(name: str, secrets: Mapping[str, str], given: Mapping[str, Any], present: Plain) -> None:
    """Refuse another host that would be given secrets that were meant for the one before.

    Raises:
        ConfigError: naming the key that is to be written anew.
    """
    moved = [
        key
        for key, how in secrets.items()
        if how == "address" and given.get(key) and present.get(key) and _host(given[key]) != _host(present[key])
    ]
    left = [
        key
        for key, how in secrets.items()
        if how == "all" and present.get(key) and (key not in given or _keeps(given[key], present[key]))
    ]
    if moved and left:
        raise ConfigError(f"notify.targets.{name}: {moved[0]} has another host now; write {left[0]} anew, too")
