"""Installs each extra in a clean environment of its own and says what is there: one ONNX Runtime that works; needs uv.

python tools/check_extras.py [EXTRA ...] [--python 3.13]

An extra that brings no ONNX Runtime is installed together with ``cpu``. For each a wheel of this checkout is installed,
``pip check`` and ``streamvision doctor`` are asked, and the model that ships runs on a few drawn frames, from another
folder. Some extras bring gigabytes; each environment is removed before the next.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
from check_wheels import ALONE, ROOT, extras

TIMEOUT_S = 3000.0
FRAMES = 5


@dataclass(frozen=True)
class Finding:
    """What an environment has."""

    extra: str
    runtimes: str
    pip_check: str
    doctor: str
    run: str
    size_mb: int

    @property
    def good(self) -> bool:
        """Whether all is as it should be."""
        return "," not in self.runtimes and (self.pip_check, self.doctor, self.run) == ("clean", "ready", "yes")


def answer(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Return what a command says, with none of this process's Python settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=cwd, env=env)


def examine(wheel: Path, extra: str, python: str, folder: Path) -> Finding:
    """Install an extra in ``folder`` and return what is there, with its size before Python compiles what it runs."""
    env, elsewhere = folder / "env", folder / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["uv", "venv", "--quiet", "--python", python, env], check=True, timeout=TIMEOUT_S)
    chosen = extra if extra in ALONE else f"cpu,{extra}"
    interpreter = env / "bin" / "python"
    done = answer("uv", "pip", "install", "--quiet", "--python", interpreter, f"{wheel}[{chosen}]", cwd=elsewhere)
    if done.returncode:
        return Finding(chosen, "-", "-", "-", f"no: {' '.join(done.stderr.split())}", 0)
    size = sum(file.stat().st_blocks * 512 for file in env.rglob("*") if file.is_file() and not file.is_symlink())
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", interpreter)
    listed = json.loads(answer(*pip, "list", "--format", "json", cwd=elsewhere).stdout)
    runtimes = [f"{one['name']} {one['version']}" for one in listed if one["name"].split("-")[0] == "onnxruntime"]
    check = answer(*pip, "check", cwd=elsewhere)
    command = env / "bin" / "streamvision"
    doctor = answer(command, "doctor", "--json", cwd=elsewhere)
    source = ("run", "synthetic:drive", "--json", "--max-frames", str(FRAMES))
    run = answer(command, *source, cwd=elsewhere)
    done_frames = json.loads(run.stdout)["streams"][0]["frames_done"] if run.returncode == 0 else 0
    return Finding(
        chosen,
        ", ".join(runtimes) or "none, or several",
        "clean" if check.returncode == 0 else " ".join(check.stdout.split()),
        "ready" if doctor.returncode == 0 and json.loads(doctor.stdout)["healthy"] else "not ready",
        "yes" if done_frames > 0 else f"no: {run.stderr.strip()}",
        round(size / 2**20),
    )


def main() -> int:
    """Print the table; exit with 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("extras", nargs="*", default=extras())
    parser.add_argument("--python", default=sys.executable, help="Python of the environments, as uv takes it")
    given = parser.parse_args()
    if shutil.which("uv") is None:
        parser.error("uv, which makes the environments, is not installed; install it with pip install uv")
    good = True
    with tempfile.TemporaryDirectory(prefix="streamvision-") as top:
        build = ["uv", "build", "--quiet", "--wheel", "--out-dir", top, str(ROOT)]
        subprocess.run(build, check=True, timeout=TIMEOUT_S)
        (wheel,) = Path(top).glob("*.whl")
        click.echo("| extra | ONNX Runtime | `pip check` | `doctor` | runs | MB |\n|---|---|---|---|---|---|")
        for extra in given.extras:
            with tempfile.TemporaryDirectory(dir=top) as folder:
                found = examine(wheel, extra, given.python, Path(folder))
            good = good and found.good
            cells = (f"`{found.extra}`", found.runtimes, found.pip_check, found.doctor, found.run, str(found.size_mb))
            click.echo(f"| {' | '.join(cells)} |")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
