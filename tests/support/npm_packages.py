"""Packages from npm, installed once by their lock file into the cache; tests that need them are skipped without npm."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

INSTALL_TIMEOUT_S = 500.0
_FILES = ("package.json", "package-lock.json", ".npmrc")


def npm_modules(project: Path, cache_dir: Path) -> Path:
    """Return ``node_modules`` with what ``project`` locks, from the cache where it is there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js and npm are not installed: apt-get install nodejs npm")
    digest = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()[:16]
    target = cache_dir / "npm" / digest
    if not (target / "node_modules").is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            for name in _FILES:
                shutil.copyfile(project / name, made / name)
            command = ["npm", "ci", "--no-update-notifier", "--fetch-retries=1"]
            try:
                subprocess.run(command, cwd=made, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                pytest.skip(f"npm could not install {project.name} within {INSTALL_TIMEOUT_S:.0f} s")
            except subprocess.CalledProcessError as error:
                pytest.skip(f"npm could not install {project.name}: {error.stderr.strip()[-300:]}")
            if not target.exists():  # another test process may have been faster
                made.rename(target)
    return target / "node_modules"
