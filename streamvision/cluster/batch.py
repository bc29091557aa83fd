"""One command over many inputs, each by itself, on the machines of a cluster; what is done is not done again.

Each attempt writes into a folder of its own, and this gets the input's name when the command has ended well: a machine
that is lost in the middle, and goes on somewhere, spoils nothing of what another has begun anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol
from uuid import uuid4

from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.files import writing
from streamvision.core.redaction import redact, short

COMMANDS = ("run", "trip", "eval", "export")
"""What may be done with each input."""
FOLDER_COMMANDS = ("trip",)
"""Those that take a folder as one input."""
INPUT, OUTPUT = "{input}", "{output}"
"""Stand in a command for an input, and for the folder of its results."""
_PLACE = re.compile(f"{re.escape(INPUT)}|{re.escape(OUTPUT)}")
_PART = re.compile(r"\.(.+)\.[0-9a-f]{12}")
"""Name of a folder of attempts; see ``_new_part``."""
RESULT = "batch.json"
"""In the folder of an input's results: what was done, and what the command said."""
MAX_INPUTS = 1_000_000
MAX_WAITING = 256
"""Most tries that Ray knows at a time; further ones follow."""
WAIT_S = 0.5
ALIVE_S = 60.0
"""How often folders of attempts are touched, so that others know that somebody waits for them."""
STALE_S = 1800.0
"""Age from which such a folder is one of a call that was killed, and removed by the next."""
OTHERS = "of another command, or of the file as it was; remove it, or give another --output"


@dataclass(frozen=True)
class Try:
    """One command for one input."""

    command: tuple[str, ...]
    """Of ``streamvision``, with what stands for the input and for the folder of the results."""
    input: str
    """The input."""
    folder: str
    """A folder in which each attempt makes one for its results: one that is lost may go on beside the next."""
    timeout_s: float
    """Longest time for it."""

    def arguments(self, output: str) -> tuple[str, ...]:
        """Return the words of the command for an attempt.

        Args:
            output: the folder of its results.
        """
        given = {INPUT: self.input, OUTPUT: output}
        return tuple(_PLACE.sub(lambda place: given[place[0]], word) for word in self.command)


@dataclass(frozen=True)
class Tried:
    """What became of it."""

    code: int
    """Exit code; negative: the signal that ended it."""
    output: str
    """The end of what it wrote to stdout."""
    errors: str
    """The end of what it wrote to stderr."""
    seconds: float
    """How long it took."""
    machine: str
    """Which machine did it."""
    folder: str
    """The folder of the results."""


class Tasks(Protocol):
    """Whoever does it; see :class:`streamvision.cluster.ray_tasks.RayTasks`."""

    def begin(self, one: Try) -> Any:
        """Begin a try, and return what stands for it."""

    def finished(self, begun: Sequence[Any], timeout_s: float) -> list[Any]:
        """Wait for some that are over, and return them."""

    def result(self, begun: Any) -> Tried:
        """Return what became of one that is over.

        Raises:
            StreamVisionError: when its machines were lost again and again.
        """

    def cancel(self, begun: Any) -> None:
        """End it."""


@dataclass(frozen=True)
class Item:
    """One input and the folder of its results."""

    path: Path
    """The input."""
    folder: Path
    """The folder of its results."""


@dataclass(frozen=True)
class Done:
    """One input that is over."""

    item: Item
    """The input."""
    tried: Tried | None
    """What became of it; ``None`` where it had been done before."""
    reason: str = ""
    """Why it failed, in words; empty where it did not."""


def items_of(inputs: Iterable[Path], output: Path, *, folders: bool = False) -> list[Item]:
    """Return the inputs, each with a folder of its own name below ``output``.

    Args:
        inputs: files, and folders whose files are meant.
        output: where the results go.
        folders: whether each input is a folder that is one input as a whole.

    Raises:
        ConfigError: when there is no such input, or there are none.
    """
    paths: list[Path] = []
    for given in inputs:
        if not given.exists():
            raise ConfigError(f"input {short(str(given))} is not there; give files and folders with files")
        if folders and not given.is_dir():
            raise ConfigError(f"input {short(str(given))} is a file; this command takes a folder as one input")
        found = sorted(given.iterdir()) if given.is_dir() and not folders else [given]
        paths += [path.absolute() for path in found if folders or (path.is_file() and not path.name.startswith("."))]
    if not paths or len(paths) > MAX_INPUTS:
        raise ConfigError(f"there are {len(paths)} inputs; give from 1 to {MAX_INPUTS} files, or folders with files")
    taken: set[str] = set()
    items = []
    for path in dict.fromkeys(paths):
        name, number = path.name, 2
        while name in taken:
            name, number = f"{path.name}-{number}", number + 1
        taken.add(name)
        items.append(Item(path, output.absolute() / name))
    return items


def check_command(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command that may be done with each input.

    Raises:
        ConfigError: when it may not, or does not say where the input goes.
    """
    if not words or words[0] not in COMMANDS:
        raise ConfigError(f"give the command for each input, one of {', '.join(COMMANDS)}, behind all options of batch")
    if not any(INPUT in word for word in words):
        raise ConfigError(f"the command has no {INPUT}; it stands where each input goes")
    return tuple(words)


def run_batch(
    items: Sequence[Item],
    command: Sequence[str],
    tasks: Tasks,
    *,
    timeout_s: float,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Done]:
    """Do a command for each input that it was not done for, and yield each as it is over.

    Args:
        items: the inputs.
        command: as :func:`check_command` returns it.
        tasks: does it.
        timeout_s: longest time for one input.
        should_stop: whether to stop; what is not over then is not yielded.

    Raises:
        OutputError: when results cannot be written.
    """
    begun: dict[Any, tuple[Item, Path, dict[str, Any]]] = {}
    _remove_stale(items)
    touched_at_s = time.monotonic()
    waiting = iter(items)
    has_more = True
    try:
        while (has_more or begun) and not should_stop():
            while has_more and len(begun) < MAX_WAITING:
                item = next(waiting, None)
                if item is None:
                    has_more = False
                    break
                key = _key(item, command)
                if _is_done(item, key):
                    yield Done(item, None)
                    continue
                if item.folder.exists():
                    yield Done(item, None, f"{item.folder} is there already, {OTHERS}")
                    continue
                part = _new_part(item)
                begun[tasks.begin(Try(tuple(command), str(item.path), str(part), timeout_s))] = item, part, key
            if time.monotonic() - touched_at_s >= ALIVE_S:
                touched_at_s = time.monotonic()
                _touch(part for _, part, _ in begun.values())
            for one in tasks.finished(list(begun), WAIT_S) if begun else ():
                item, part, key = begun.pop(one)
                try:
                    done = _finished(item, key, tasks, one)
                finally:
                    shutil.rmtree(part, ignore_errors=True)
                yield done
    finally:
        for one, (_, part, _) in begun.items():
            tasks.cancel(one)
            shutil.rmtree(part, ignore_errors=True)


def _finished(item: Item, key: Mapping[str, Any], tasks: Tasks, begun: Any) -> Done:
    try:
        tried = tasks.result(begun)
    except StreamVisionError as error:
        return Done(item, None, str(error))
    if tried.code:
        lines = tried.errors.strip().splitlines()
        return Done(item, tried, lines[-1] if lines else f"it ended with code {tried.code}")
    if item.folder.exists():
        return Done(item, tried, f"{item.folder} has come meanwhile, by somebody else; it stays as it is")
    document = {**key, "seconds": round(tried.seconds, 3), "machine": tried.machine, "output": _plain(tried.output)}
    results = Path(tried.folder)
    with writing(item.folder):
        (results / RESULT).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        results.rename(item.folder)
    return Done(item, tried)


def _key(item: Item, command: Sequence[str]) -> dict[str, Any]:
    """Return by what a result is known to be that of an input and a command."""
    files = [item.path] if item.path.is_file() else [path for path in item.path.rglob("*") if path.is_file()]
    facts = [path.stat() for path in files]
    return {
        "input": str(item.path),
        "files": len(files),
        "bytes": sum(about.st_size for about in facts),
        "changed_unix_ns": max((about.st_mtime_ns for about in facts), default=0),
        "command": [redact(word) for word in command],
    }


def _is_done(item: Item, key: Mapping[str, Any]) -> bool:
    try:
        document = json.loads((item.folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and all(document.get(name) == value for name, value in key.items())


def _new_part(item: Item) -> Path:
    part = item.folder.with_name(f".{item.folder.name}.{uuid4().hex[:12]}")
    with writing(part, instead="give a folder that you may write to"):
        part.mkdir(parents=True)
    return part


def _remove_stale(items: Sequence[Item]) -> None:
    """Remove the folders of attempts that a call has left which was killed; ages are by the clock of their disk."""
    names = {item.folder.name for item in items}
    for folder in {item.folder.parent for item in items}:
        with suppress(OSError), TemporaryFile(dir=folder) as now, os.scandir(folder) as entries:
            stale_s = os.fstat(now.fileno()).st_mtime - STALE_S
            for entry in entries:
                part = _PART.fullmatch(entry.name)
                if part is None or part[1] not in names or not entry.is_dir(follow_symlinks=False):
                    continue
                if entry.stat(follow_symlinks=False).st_mtime < stale_s:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _touch(parts: Iterable[Path]) -> None:
    for part in parts:
        with suppress(OSError):
            os.utime(part)


def _plain(output: str) -> Any:
    """Return what a command printed: its JSON document, or its words."""
    try:
        return json.loads(output)
    except ValueError:
        return output
