"""References in the values of a configuration, such as ``rtsp://admin:${CAMERA_PASSWORD}@camera/``.

``${NAME}`` is the environment's variable, ``${NAME:-default}`` has a default where it is not set or empty,
``${file:PATH}`` is what stands in a file without the line break at its end, as secrets of Docker and systemd do, and
``$$`` is a dollar sign. Any other dollar stands for itself. What a reference stands for is not read for references
again.

A document keeps its references until the last moment; only what :func:`expand` returns holds secrets, and it is never
written anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from streamvision.core.addresses import SCHEME, split_user_info
from streamvision.core.errors import ConfigError
from streamvision.core.reading import UnreadableError, read_text
from streamvision.core.redaction import is_secret_name, remember_secrets, short

MAX_SECRET_BYTES = 64 * 1024
MAX_FAULTS = 8
"""References that stand for nothing which are named at a time."""
_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[^{}]*)\}|(?P<open>\{))")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = "file:"
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class _UnknownError(Exception):
    """Why a reference stands for nothing."""


class _Found(NamedTuple):
    text: str
    secret: bool


def expand(document: Any, *, origin: str = "", environ: Mapping[str, str] | None = None) -> Any:
    """Return a document in which every reference in its texts is replaced; keys are left alone.

    What stands for a password in an address is escaped there as far as it must be. Secrets among the values are
    masked in logs and messages from now on.

    Args:
        document: plain values: mappings, lists, texts and numbers.
        origin: says in messages where the document came from.
        environ: the variables; default: those of this process.

    Raises:
        ConfigError: naming the references that stand for nothing, and where they stand.
    """
    faults: list[str] = []
    expanded = _expanded(document, os.environ if environ is None else environ, (), faults)
    if faults:
        more = f"; and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        raise ConfigError(f"{origin}{': ' if origin else ''}{'; '.join(faults[:MAX_FAULTS])}{more}")
    return expanded


def escape(value: Any) -> Any:
    """Return a value in which nothing is a reference: :func:`expand` gives it back as it was.

    >>> escape({"source": "rtsp://admin:pa${ss@cam/"})
    {'source': 'rtsp://admin:pa$${ss@cam/'}
    """
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: escape(one) for key, one in value.items()}
    return [escape(one) for one in value] if isinstance(value, (list, tuple)) else value


def has_references(value: Any) -> bool:
    """Say whether a text, or one in a list or mapping, refers to a variable or a file."""
    if isinstance(value, str):
        return any(found["name"] is not None for found in _REFERENCE.finditer(value))
    if isinstance(value, Mapping):
        return has_references(list(value.values()))
    return isinstance(value, (list, tuple)) and any(map(has_references, value))


def _expanded(value: Any, environ: Mapping[str, str], where: tuple[str, ...], faults: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _expanded(one, environ, (*where, str(key)), faults) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        parts: Iterable[Any] = (_expanded(one, environ, (*where, str(n)), faults) for n, one in enumerate(value))
        return type(value)(parts) if type(value) in (list, tuple) else list(parts)
    if not isinstance(value, str) or "$" not in value:
        return value
    try:
        return _expanded_text(value, environ)
    except _UnknownError as error:
        faults.append(f"{short('.'.join(where)) or 'the value'}: {error}")
        return value


def _expanded_text(text: str, environ: Mapping[str, str]) -> str:
    begin, end = _user_info(text)

    def replaced(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        if found["open"]:
            raise _UnknownError("a reference begins with ${ and has no }; a dollar sign is written $$")
        value = _value_of(found["name"], environ)
        if value.secret:
            remember_secrets([value.text])
        is_in_address = begin <= found.start() < end
        return _in_user_info(value.text) if is_in_address else value.text

    return _REFERENCE.sub(replaced, text)


def written_user_info(text: str) -> str | None:
    """Return user name and password of an address as they are written, references among them; ``None``: it has none.

    >>> written_user_info("rtsp://admin:${file:/run/secrets/gate}@cam/live")
    'admin:${file:/run/secrets/gate}'
    """
    scheme = SCHEME.match(text)
    if scheme is None:
        return None
    user_info = split_user_info(_hidden(text)[scheme.end() :]).user_info
    return user_info and text[scheme.end() : scheme.end() + len(user_info)]


def _hidden(text: str) -> str:
    """Return a text of the same length in which no reference has a sign that means something in an address."""
    return _REFERENCE.sub(lambda found: "x" * len(found[0]), text)


def _user_info(text: str) -> tuple[int, int]:
    """Return from where to where user name and password of an address reach; nowhere where it has none."""
    scheme = SCHEME.match(text)
    if scheme is None:
        return 0, 0
    hidden = _hidden(text)
    authority = re.split(r"[/?#]", hidden[scheme.end() :], maxsplit=1)[0]
    return scheme.end(), scheme.end() + max(authority.rfind("@"), 0)


def _in_user_info(text: str) -> str:
    """Return a text as RFC 3986 wants it before the ``@`` of an address; escapes in it are kept."""
    return quote(_ESCAPE.sub("%25", text), safe=":%")


def _value_of(reference: str, environ: Mapping[str, str]) -> _Found:
    name, has_default, default = reference.partition(":-")
    if name.startswith(_FILE):
        text = _file(name.removeprefix(_FILE), default if has_default else None)
        return _Found(text, secret=text != default)
    if not _NAME.fullmatch(name):
        raise _UnknownError(
            f"${{{short(reference)}}} is no reference; give ${{NAME}}, ${{NAME:-default}} or ${{file:PATH}}, and $$ "
            "for a dollar sign"
        )
    text = environ.get(name, "")
    if text or (name in environ and not has_default):
        return _Found(text, secret=is_secret_name(name))
    if has_default:
        return _Found(default, secret=False)
    raise _UnknownError(
        f"the environment has no variable {name}; set it, or write a default behind :- in the reference"
    )


def _file(path: str, default: str | None) -> str:
    if default is not None and not Path(path).is_file():
        return default
    try:
        return read_text(Path(path), limit=MAX_SECRET_BYTES).rstrip("\r\n")
    except UnreadableError as error:
        raise _UnknownError(f"${{file:{short(path)}}} cannot be read: it {error}") from None
