"""The Dockerfiles of deploy/, read as far as tests of them need it."""

from __future__ import annotations

import json
import re
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DOCKERFILES = sorted((DEPLOY / "docker").glob("*Dockerfile"))


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, continued lines joined and comments left out."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [
        (name, " ".join(rest.split()))
        for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def last_stage(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions of what is shipped."""
    found = instructions(dockerfile)
    return found[max(index for index, (name, _) in enumerate(found) if name == "FROM") :]


def health_command(dockerfile: Path, *, port: int = 8080) -> list[str]:
    """Return the command of HEALTHCHECK, for another port."""
    rest = dict(instructions(dockerfile))["HEALTHCHECK"]
    command: list[str] = json.loads(rest[rest.index("CMD ") + 4 :])
    return [one.replace(":8080/", f":{port}/") for one in command]
