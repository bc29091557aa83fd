"""The child process of a long run: runs one case after the other and notes what is wrong."""

from __future__ import annotations

import json
import os
import random
import resource
import tempfile
import time
from pathlib import Path

from support.fuzzing.target import Target
from support.fuzzing.trial import Trials


def work(targets: list[Target], *, seed: int, first: int, until_s: float, notes: Path, most: int | None = None) -> None:
    """Run cases until a point in time (``time.time()``), each target in turn.

    Args:
        targets: whom to feed.
        seed: of the whole run.
        first: number of the first case.
        until_s: when to stop.
        most: stop after so many cases.
        notes: file for one JSON line a fault; beside it ``at`` holds the number of the present case.
    """
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as scratch, (notes.with_name("at")).open("r+b") as at:
        os.environ["XDG_CACHE_HOME"] = str(Path(scratch) / "cache")
        trials = {}
        for target in targets:
            place = Path(scratch) / target.name
            place.mkdir()
            trials[target.name] = Trials(target, place.resolve())
        limited = False
        number = first
        while time.time() < until_s and (most is None or number < first + most):
            target = targets[number % len(targets)]
            os.pwrite(at.fileno(), number.to_bytes(8, "little"), 0)
            rng = random.Random(f"{seed}:{number}")
            files = target.case(rng)
            for fault in trials[target.name].run(files, rng):
                with notes.open("a") as log:
                    log.write(json.dumps({"number": number, "target": target.name, **vars(fault)}) + "\n")
            number += 1
            if not limited and number - first >= 2 * len(targets):
                _limit_memory(max(target.memory_bytes for target in targets))
                limited = True


def _limit_memory(more_bytes: int) -> None:
    """Let the process take so much more address space than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
