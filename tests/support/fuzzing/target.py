"""What is fuzzed: how a case is made, and what is done with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from support.fuzzing.mutation import Files, mutate_bytes, mutate_json

TOKENS: dict[str, tuple[bytes, ...]] = {
    ".json": (b"[", b"{", b'"', b"\\ud800", b"NaN", b"-Infinity", b"1e999", b"9" * 6000, b"null", b",", b"\xff"),
    ".yaml": (
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"[",
        b"- ",
        b"? ",
        b"!!int ",
        b"!!timestamp x",
        b"!!binary x",
        b"\n",
        b"|\n ",
        b": ",
        b'"\\ud800"',
        b"2001-99-99",
        b"9" * 6000,
        b"1:" * 300 + b"1",
        b"\t",
        b"%YAML 1.1\n---\n",
        b"...\n",
        b"0x_",
        b"=",
        b"~",
    ),
    ".xml": (
        b"<!--",
        b"-->",
        b"<!---->",
        b"<object>",
        b"</object>",
        b"<annotation>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"&b;",
        b"&#0;",
        b"<![CDATA[",
        b"<?xml version='1.0' encoding='idna'?>",
        b"nan",
        b"9" * 6000,
        b"<a>" * 300,
        b"../outside/secret.jpg",
    ),
    ".csv": (
        b'"',
        b",",
        b"\n",
        b"\r",
        b"\0",
        b"nan",
        b"\xc2\xb2",
        b"9" * 6000,
        b"../outside/secret.jpg",
        b"x" * 140_000,
    ),
    ".pbtxt": (b"item {", b"}", b"id: ", b"name: '", b"\\", b'"', b"9" * 6000, b" " * 3000, b"item" * 900),
    ".ini": (b"[Sequence]", b"=", b"%(a)s", b"\n", b"9" * 6000, b"nan", b"inf", b"\0", b"[DEFAULT]\n"),
    ".txt": (
        b" ",
        b" " * 3000,
        b"\n",
        b"\n" * 999,
        b"nan",
        b"inf",
        b"1e400",
        b",",
        b";",
        b"#",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xc2\x85",
        b"9" * 6000,
        b"../outside/secret.jpg\n",
        b"/etc/passwd\n",
        b"x" * 5000,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader and the files that it is given."""

    name: str
    group: str
    """What is run together: readers, models, configuration or web."""
    seeds: Callable[[], list[Files]]
    """Returns cases that are right."""
    run: Callable[[Path, random.Random], list[str] | None]
    """Reads the folder of a case and returns the sentences that it said beside an error."""
    make: Callable[[random.Random, Files], Files] | None = None
    """Makes a case out of a right one; without it files are changed by their ending."""
    beside: frozenset[str] = frozenset()
    """Ending of files that are kept as they are."""
    seconds: float = 2.0
    """CPU time that any case may take, and as much again for each :attr:`bytes_per_second`."""
    bytes_per_second: float = 100_000.0
    """Slowest reading that is accepted, of the bytes of all files."""
    memory_bytes: int = 1 << 30
    """Memory that may be taken beyond what is in use before the first case."""
    close: Callable[[], None] | None = None
    """Stops what :attr:`run` has started."""
    warm: list[Files] = field(default_factory=list, init=False)

    def case(self, rng: random.Random) -> Files:
        """Return a case."""
        if not self.warm:
            self.warm.extend(self.seeds())
        files = dict(rng.choice(self.warm))
        if self.make is not None:
            return self.make(rng, files)
        return mutate_files(rng, files, self.beside)


def mutate_files(rng: random.Random, files: Files, beside: frozenset[str]) -> Files:
    """Return files of which one or a few are changed."""
    open_to_change = [name for name in files if not name.endswith(tuple(beside) or ("\0",))]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not open_to_change:
            break
        name = rng.choice(open_to_change)
        suffix = "." + name.rpartition(".")[2]
        change = mutate_json if suffix == ".json" else mutate_bytes
        files[name] = change(rng, files[name], TOKENS.get(suffix, ()))
    return files
