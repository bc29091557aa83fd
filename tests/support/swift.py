"""A Swift compiler, where there is one."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "STREAMVISION_SWIFTC"


@dataclass(frozen=True)
class SwiftCompiler:
    """How to start the compiler, and what it has made."""

    prefix: tuple[str, ...]
    """What comes before a command, such as ``chroot /srv/trixie``; the temporary folder is the same there."""
    command: str
    """The compiler."""

    def compile(self, folder: Path, *, timeout_s: float) -> Path:
        """Return the program of all sources of a folder; a warning fails the test."""
        program = folder / "program"
        sources = sorted(str(source) for source in folder.glob("*.swift"))
        command = [*self.prefix, self.command, "-warnings-as-errors", *sources, "-o", str(program)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return program

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run what was compiled."""
        return subprocess.run([*self.prefix, *command], capture_output=True, text=True, timeout=300, check=False)


def swift_compiler() -> SwiftCompiler | str:
    """Return the compiler that the environment names or that is on the path; else why there is none."""
    given = shlex.split(os.environ.get(VARIABLE, "swiftc"))
    if not given or shutil.which(given[0]) is None:
        return f"no Swift compiler: put swiftc on the path, or its command into {VARIABLE}"
    return SwiftCompiler(tuple(given[:-1]), given[-1])
