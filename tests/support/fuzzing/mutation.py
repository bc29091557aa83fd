"""Makes files that are nearly right out of such that are: by their structure or by their bytes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

Files = dict[str, bytes]
"""Content by path below the folder of a case; a path may be one that no file can have, and is then not written."""

OUTSIDE = "../outside/secret"
"""What lies beside the folder of a case and must not be read: a picture (.jpg) and texts (.txt, .json)."""

NAMES: tuple[str, ...] = (
    "",
    ".",
    "..",
    "/",
    "a\0b",
    "x" * 300,
    "x/" * 3000,
    "\ud800",
    "\x1b[31m",
    "a\nb",
    "a.jpg",
    f"{OUTSIDE}.jpg",
    f"{OUTSIDE}.txt",
    "/etc/passwd",
    "/dev/zero",
    "C:\\a.jpg",
    "link.jpg",
    "constructor",
    "é" * 40,
)
NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    1,
    2,
    1.5,
    255,
    1 << 31,
    1 << 63,
    1 << 64,
    10**18,
    10**400,
    1e-320,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)


def nested(depth: int) -> Any:
    """Return lists in lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def odd_value(rng: random.Random) -> Any:
    """Return a value that a reader hardly expects."""
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice(NUMBERS)
    if kind < 5:
        return rng.choice(NAMES)
    if kind == 5:
        return rng.choice((None, True, False, [], {}, [[]], {"a": 1}, [1], ["a"], [None], {"": None}))
    if kind == 6:
        return nested(rng.choice((2, 50, 200, 900)))
    return [rng.choice(NUMBERS) for _ in range(rng.choice((1, 3, 4, 5, 300)))]


def mutate_document(rng: random.Random, document: Any) -> Any:
    """Return a document of plain values with one part of it replaced, removed, doubled or moved."""
    places = list(_places(document))
    if not places:
        return odd_value(rng)
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind <= 2:
        holder[key] = odd_value(rng)
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        other, at = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[at])) if _is_shallow(other[at]) else None
    elif isinstance(holder, list):
        holder.extend(holder[:200] * rng.choice((1, 2, 20)))
    else:
        holder[rng.choice([*NAMES, "names", "id", "path"])] = odd_value(rng)
    return document


def _is_shallow(value: Any) -> bool:
    try:
        json.dumps(value)
    except (RecursionError, ValueError):
        return False
    return True


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(found) < 2000:
        value = waiting.pop()
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        found += [(value, key) for key in keys]
        waiting += [value[key] for key in keys]
    return found


def mutate_bytes(rng: random.Random, content: bytes, tokens: tuple[bytes, ...]) -> bytes:
    """Return the bytes with some changed, removed, repeated or replaced by a token of the format."""
    at = rng.randint(0, len(content))
    to = min(len(content), at + rng.choice((1, 1, 2, 4, 16, 100)))
    kind = rng.randrange(7)
    if kind == 0:
        return content[:at] + bytes(rng.randrange(256) for _ in range(to - at)) + content[to:]
    if kind == 1:
        return content[:at] + content[to:]
    if kind == 2:
        return content[:at]
    if kind == 3:
        return content[:to] + content[at:to] * rng.choice((1, 2, 30, 1000)) + content[to:]
    if kind == 4:
        other = rng.randint(0, len(content))
        return content[:at] + content[other : other + to - at] + content[at:]
    token = rng.choice(tokens) if tokens else b"\0"
    if kind == 5:
        return content[:at] + token * rng.choice((1, 1, 1, 3, 200)) + content[to:]
    return _with_number(rng, content)


_NUMBER = re.compile(rb"-?\d+(\.\d+)?")


def _with_number(rng: random.Random, content: bytes) -> bytes:
    found = list(_NUMBER.finditer(content[:20_000]))
    if not found:
        return content + b"9" * rng.choice((1, 20, 6000))
    place = rng.choice(found)
    text = rng.choice((b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"9" * 25, b"9" * 6000, b"", b"1_0", b"0x10"))
    return content[: place.start()] + text + content[place.end() :]


def mutate_json(rng: random.Random, content: bytes, tokens: tuple[bytes, ...]) -> bytes:
    """Return JSON with a part of its document changed; now and then its bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(rng, content, tokens)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return mutate_bytes(rng, content, tokens)
    document = mutate_document(rng, document)
    try:
        return json.dumps(document).encode()
    except (RecursionError, ValueError):
        return b"[" * 100_000


def dump_yaml(value: Any) -> str:
    """Return plain values as one line of YAML, whatever they are."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dump_yaml(k)}: {dump_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump_yaml, value)) + "]"
    if isinstance(value, float) and not abs(value) < float("inf"):
        return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    return json.dumps(value) if not isinstance(value, int) or abs(value) < 10**300 else "9" * 6000


Mutation = Callable[[random.Random, bytes, tuple[bytes, ...]], bytes]
