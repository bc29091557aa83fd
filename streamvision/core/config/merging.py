"""Options of the command line and of :func:`streamvision.stream`, joined with a configuration, over which they win."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.config.privacy import PrivacyConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError
from streamvision.core.redaction import short

SECTION_OPTIONS = tuple(name for name in AppConfig.model_fields if name not in ("streams", "stages"))
"""Whole sections by name; a mapping is joined with what is there, key by key."""
MODEL_OPTIONS = tuple(name for name in ModelConfig.model_fields if name != "path")
STREAM_OPTIONS = tuple(name for name in StreamConfig.model_fields if name not in ("source", "id"))
OUTPUT_OPTIONS = tuple(OutputsConfig.model_fields)
ALIASES = {"conf": "score", "imgsz": "side_px"}
"""By what other programs call them, options of ours."""
PRIVACY_OPTIONS = tuple(PrivacyConfig.model_fields)
SERVE_OPTIONS = ("login", "tls", "tls_cert", "tls_key", "embed_origins")
MAIN_KEYS = {
    "model": "path",
    "tracker": "name",
    "adaptive": "mode",
    "slices": "tiles",
    "cluster": "address",
    "across_cameras": "model",
    "recording": "mode",
    "mqtt": "host",
    "collect": "folder",
}
"""The key of a section that is meant where a plain value is given for all of it, as in ``tracker="botsort"``."""


def with_aliases(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by our names.

    Raises:
        ConfigError: when one is given under both names.
    """
    if twice := [name for name in options if ALIASES.get(name) in options]:
        raise ConfigError(f"{twice[0]} is another name of {ALIASES[twice[0]]}, and both are given; leave one out")
    return {ALIASES.get(name, name): value for name, value in options.items()}


def join_options(document: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in which the options are set; keys beside them keep their values.

    Args:
        document: a configuration as a plain mapping, not yet validated.
        options: by name, keys of ``model``, of each of the ``streams`` and of ``outputs``, and whole sections. A
            section may be given by its main key (``tracker="botsort"``, ``serve="localhost:8080"``).

    Raises:
        ConfigError: when an option is not known, or the address of ``serve`` is not one.
    """
    joined = _present_keys(document)
    for name, value in _present_keys(with_aliases(options)).items():
        if name in SECTION_OPTIONS:
            joined[name] = _joined(joined.get(name), value, section=name)
        elif name in MODEL_OPTIONS or name in ModelConfig.renamed_keys:
            model = _as_mapping(joined.get("model"), "model")
            if name == "input" and isinstance(model, Mapping):
                value = _joined(model.get(name), value, section=name)
            joined["model"] = _joined(model, {name: value}, section="model")
        elif name in OUTPUT_OPTIONS:
            joined["outputs"] = _joined(joined.get("outputs"), {name: value}, section="outputs")
        elif name in PRIVACY_OPTIONS:
            joined["privacy"] = _joined(joined.get("privacy"), {name: value}, section="privacy")
        elif name in SERVE_OPTIONS:
            joined["serve"] = _joined(joined.get("serve"), {name: value}, section="serve")
        elif name in STREAM_OPTIONS:
            streams = joined.get("streams") or ()
            if not isinstance(streams, (list, tuple)):
                continue  # what is validated later says what is wrong
            joined["streams"] = [{**one, name: value} if isinstance(one, Mapping) else one for one in streams]
        else:
            known = [
                *MODEL_OPTIONS,
                *STREAM_OPTIONS,
                *OUTPUT_OPTIONS,
                *PRIVACY_OPTIONS,
                *SERVE_OPTIONS,
                *SECTION_OPTIONS,
            ]
            near = difflib.get_close_matches(short(name), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known options are {', '.join(known)}"
            raise ConfigError(f"there is no option {short(name)!r}: {hint}")
    return joined


def parse_address(text: str) -> dict[str, Any]:
    """Read HOST:PORT, HOST, PORT, :PORT, an IPv6 address or [IPV6]:PORT; what is not given is left out.

    Raises:
        ConfigError: when it is none of these.
    """
    accepted = "give HOST:PORT, HOST or PORT, such as 127.0.0.1:8080 or [::1]:8080"
    host, colon, port = text.rpartition(":")
    if text.isascii() and text.isdigit():
        host, port = "", text
    elif not colon or text.endswith("]") or (text.count(":") > 1 and not host.endswith("]")):
        host, port = text, ""
    if port and not _is_port(port):
        raise ConfigError(f"serve {short(text)}: {short(port)!r} is not a port; {accepted}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not (host or port) or (":" in host and not _is_ipv6(host)):
        raise ConfigError(f"serve {short(text)!r} is not an address; {accepted}")
    return ({"host": host} if host else {}) | ({"port": int(port)} if port else {})


def in_keys(section: str, value: Any) -> Any:
    """Return a section that was given by its main key as a mapping, and everything else as it is.

    >>> in_keys("tracker", "botsort"), in_keys("score", 0.3)
    ({'name': 'botsort'}, 0.3)
    """
    if section in MAIN_KEYS and (isinstance(value, (str, Path)) or value is False):
        return {MAIN_KEYS[section]: value}
    return value


def _present_keys(document: Mapping[str, Any]) -> dict[str, Any]:
    try:
        present: dict[str, Any] = AppConfig.with_present_keys(dict(document))  # type: ignore[operator]
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return present


def _joined(present: Any, given: Any, *, section: str) -> Any:
    given, present = _as_mapping(given, section), _as_mapping(present, section)
    if isinstance(given, Mapping):
        return {**(present if isinstance(present, Mapping) else {}), **given}
    return given


def _as_mapping(value: Any, section: str) -> Any:
    """Return a section that was given by its main key or address as a mapping, and everything else as it is."""
    if section == "serve" and isinstance(value, str):
        return parse_address(value)
    return in_keys(section, value)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
