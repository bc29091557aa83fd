"""Runs a group of targets for some minutes and prints what was found."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.fuzzing.targets import GROUPS, targets_of
from support.fuzzing.trial import write_files
from support.fuzzing.worker import work

STUCK_S = 120.0
"""A case that takes so long, by the clock on the wall, is a hang."""


def main() -> int:
    """Run; returns 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m support.fuzzing", description=__doc__)
    parser.add_argument("group", help=f"{', '.join(GROUPS)}, or the name of one target")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--found", type=Path, default=Path("fuzzing"), help="folder for the cases with a fault")
    parser.add_argument("--case", type=int, help="run this case alone, in this process")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS, metavar=("FIRST", "UNTIL", "NOTES"))
    given = parser.parse_args()
    targets = targets_of(given.group)
    if given.child:
        first, until_s, notes = given.child
        work(targets, seed=given.seed, first=int(first), until_s=float(until_s), notes=Path(notes))
        return 0
    if given.case is not None:
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as notes:
            Path(notes.name).with_name("at").touch()
            work(
                targets,
                seed=given.seed,
                first=given.case,
                until_s=time.time() + STUCK_S,
                notes=Path(notes.name),
                most=1,
            )
            print(Path(notes.name).read_text() or "nothing wrong")
        return 0
    return _long_run(given.group, given.seed, given.minutes, given.found)


def _long_run(group: str, seed: int, minutes: float, found: Path) -> int:
    begun_s = time.time()
    until_s = begun_s + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="fuzzing-run-") as scratch:
        notes, at = Path(scratch) / "notes.jsonl", Path(scratch) / "at"
        notes.touch()
        at.write_bytes(bytes(8))
        first = 0
        while time.time() < until_s - 1:
            fate = _watch(group, seed, first, until_s, notes, at)
            stopped_at = int.from_bytes(at.read_bytes(), "little")
            if fate is None:
                break
            target = targets_of(group)[stopped_at % len(targets_of(group))].name
            with notes.open("a") as log:
                record = {"number": stopped_at, "target": target, "kind": "died", "detail": fate, "more": ""}
                log.write(json.dumps(record) + "\n")
            first = stopped_at + 1
        cases = int.from_bytes(at.read_bytes(), "little") + 1
        faults: dict[tuple[str, str, str], list[dict[str, object]]] = {}
        for line in notes.read_text().splitlines():
            fault = json.loads(line)
            faults.setdefault((fault["target"], fault["kind"], fault["detail"]), []).append(fault)
    for index, ((name, kind, detail), members) in enumerate(sorted(faults.items())):
        print(f"{len(members):6} times  {name}: {kind}: {detail}  (case {members[0]['number']})")
        if index < 100:
            _keep(found / group / f"{members[0]['number']}-{name}", group, seed, members[0])
    print(f"{group}: {cases:,} inputs in {(time.time() - begun_s) / 60:.1f} minutes, {len(faults)} kinds of faults")
    return int(bool(faults))


def _watch(group: str, seed: int, first: int, until_s: float, notes: Path, at: Path) -> str | None:
    """Run a child until the end or until it dies; return how it died."""
    command = [sys.executable, "-m", "support.fuzzing", group, "--seed", str(seed), "--child"]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [*command, str(first), str(until_s), str(notes)], stdout=subprocess.DEVNULL, stderr=errors
        )
        seen, since_s = b"", time.monotonic()
        while child.poll() is None:
            time.sleep(0.5)
            if (now := at.read_bytes()) != seen:
                seen, since_s = now, time.monotonic()
            elif time.monotonic() - since_s > STUCK_S:
                child.kill()
                child.wait()
                return f"hangs for {STUCK_S:.0f} s"
        if child.returncode == 0:
            return None
        errors.seek(0)
        last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"exit {child.returncode} {' '.join(last)[:200]}"


def _keep(folder: Path, group: str, seed: int, fault: dict[str, object]) -> None:
    """Write the files of a case with a fault, and what was wrong, into a folder."""
    number = int(str(fault["number"]))
    targets = targets_of(group)
    files = targets[number % len(targets)].case(random.Random(f"{seed}:{number}"))
    if not folder.exists():
        write_files(folder / "files", files)
        (folder / "fault.txt").write_text("\n".join(f"{key}: {value}" for key, value in fault.items()))


sys.exit(main())
