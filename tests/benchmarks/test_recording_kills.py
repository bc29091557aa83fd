"""A service that is killed while it records leaves files that play, and the next start knows them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.postgres_server import PostgresServer


def _kills(project_root: Path, *arguments: str) -> dict[str, object]:
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.recording_kills", *arguments],
        cwd=project_root,
        env={**os.environ, "PYTHONPATH": f"{project_root}{os.pathsep}{project_root / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    report: dict[str, object] = json.loads(found.stdout)
    return report


def test_every_file_plays_and_the_index_is_equal_to_them(project_root: Path) -> None:
    report = _kills(project_root, "--kills", "3")
    assert report["faults"] == [] and report["files_played"] > 3  # type: ignore[operator]


def test_that_holds_for_an_index_in_postgresql(project_root: Path, postgres: PostgresServer) -> None:
    report = _kills(project_root, "--kills", "2", "--database", postgres.create_database(), "--seed", "100")
    assert report["faults"] == [] and report["files_played"] > 2  # type: ignore[operator]
