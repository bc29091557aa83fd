"""Packages from npm, installed once by their lock file into the cache; tests that need them are skipped without npm."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from support.made_once import made_once

INSTALL_TIMEOUT_S = 500.0
_FILES = ("package.json", "package-lock.json", ".npmrc")


def npm_modules(project: Path, cache_dir: Path) -> Path:
    """Return ``node_modules`` with what ``project`` locks, from the cache where it is there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js and npm are not installed: apt-get install nodejs npm")
    digest = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()[:16]
    return made_once(cache_dir / "npm" / digest, lambda made: _install(project, made)) / "node_modules"


def _install(project: Path, folder: Path) -> None:
    folder.mkdir()
    for name in _FILES:
        shutil.copyfile(project / name, folder / name)
    command = ["npm", "ci", "--no-update-notifier", "--fetch-retries=1"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not install {project.name} within {INSTALL_TIMEOUT_S:.0f} s")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm could not install {project.name}: {error.stderr.strip()[-300:]}")
