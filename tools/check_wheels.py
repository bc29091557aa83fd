"""Says for which Python and C library each extra can be installed from wheels alone, on 64-bit ARM or x86; needs uv.

python tools/check_wheels.py [EXTRA ...] [--machine x86_64]

Nothing is downloaded but metadata. A cell has the oldest glibc that all wheels take, or the package that has none.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
GLIBCS = ("2.28", "2.31", "2.35", "2.36", "2.39")
"""What Debian 10, 11 and Ubuntu 20.04, Ubuntu 22.04 (JetPack 6), Debian 12 (Raspberry Pi OS), and Ubuntu 24.04 have."""
TIMEOUT_S = 300.0
ALONE = ("cpu", "cuda", "jetson", "openvino", "train", "export")
"""Extras that say what models run on; the others are resolved together with ``cpu``."""


def extras() -> list[str]:
    """Return the extras of the project, in its order."""
    table = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.optional-dependencies]")[1]
    return re.findall(r"^([a-z]+) = \[", table.split("\n[")[0], re.MULTILINE)


def resolve(extra: str, python: str, machine: str, glibc: str) -> str | None:
    """Return why an extra cannot be installed from wheels; ``None`` where it can."""
    chosen = [extra] if extra in ALONE else ["cpu", extra]
    command = ["uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "--python-version", python]
    command += ["--python-platform", f"{machine}-manylinux_{glibc.replace('.', '_')}"]
    command += [word for one in chosen for word in ("--extra", one)]
    try:
        done = subprocess.run(
            [*command, str(ROOT / "pyproject.toml")], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {TIMEOUT_S:.0f} s"
    return None if done.returncode == 0 else " ".join(done.stderr.split())


def cell(extra: str, python: str, machine: str) -> str:
    """Return what the table says of an extra and a Python."""
    fault: str | None = None
    for glibc in GLIBCS:
        fault = resolve(extra, python, machine, glibc)
        if fault is None:
            return glibc
    blamed = re.findall(r"(?:Because|because|And because) ([\w.-]+)\S* ?\S* has no wheels", fault or "")
    sys.stderr.write(f"{extra}, Python {python}: {fault}\n")
    return f"no: {blamed[0]}" if blamed else "no"


def main() -> int:
    """Print the table; exit with 1 where something but ``jetson``, whose wheels are elsewhere, cannot be installed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("extras", nargs="*", default=extras())
    parser.add_argument("--machine", choices=("aarch64", "x86_64"), default="aarch64")
    given = parser.parse_args()
    with ThreadPoolExecutor(4) as pool:
        asked = [(extra, python) for extra in given.extras for python in PYTHONS]
        found = dict(zip(asked, pool.map(lambda one: cell(*one, given.machine), asked), strict=True))
    click.echo(f"| extra | {' | '.join(f'Python {python}' for python in PYTHONS)} |")
    click.echo(f"|---|{'---|' * len(PYTHONS)}")
    for extra in given.extras:
        click.echo(f"| `{extra}` | {' | '.join(found[extra, python] for python in PYTHONS)} |")
    return int(any(what.startswith("no") for (extra, _), what in found.items() if extra != "jetson"))


if __name__ == "__main__":
    sys.exit(main())
