"""Runs an image of deploy/docker as it is meant to run, and says what holds: rights, health, an end in order, state.

python tools/check_image.py streamvision:cpu
python tools/check_image.py streamvision:cuda --option=--gpus=all
python tools/check_image.py streamvision:cpu --engine "podman --runtime runc" --option=--network=host

Nothing is published: whatever is asked, is asked within the container. What was made is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

CALL_TIMEOUT_S = 120.0
BEGIN_TIMEOUT_S = 600.0
"""Longest time until a stream has frames: a network that is compiled for a device may take minutes."""
STOP_TIMEOUT_S = 30
STATE = "/var/lib/streamvision"
LOCKED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
SERVE = ("serve", "--serve", "127.0.0.1:8080", "--no-login")
ASK = (
    "import sys, urllib.request as web\n"
    "with web.urlopen('http://127.0.0.1:8080' + sys.argv[1], timeout=30) as answer: print(answer.read().decode())"
)


class Engine:
    """Docker, or what takes the same commands."""

    def __init__(self, command: str, options: Sequence[str]) -> None:
        self._command = shlex.split(command)
        self._options = options

    def call(self, *arguments: str, timeout_s: float = CALL_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run one of its commands to the end."""
        command = [*self._command, *arguments]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        except OSError as error:
            sys.exit(f"{self._command[0]} cannot be run ({error.strerror}): install it, or name another with --engine")

    def must(self, *arguments: str, timeout_s: float = CALL_TIMEOUT_S) -> str:
        """Return what a command says; ends the check where it fails."""
        done = self.call(*arguments, timeout_s=timeout_s)
        if done.returncode:
            sys.exit(f"{shlex.join([*self._command, *arguments])}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    @contextmanager
    def container(self, image: str, volume: str, *arguments: str) -> Iterator[str]:
        """Run a container for the length of the block; gives its name."""
        name = f"check-{uuid.uuid4().hex[:12]}"
        run = ("run", "--detach", f"--name={name}", *LOCKED, f"--volume={volume}:{STATE}", *self._options, image)
        try:
            self.must(*run, *arguments)
            yield name
        finally:
            self.call("rm", "--force", name)


class Check:
    """What was found so far."""

    def __init__(self) -> None:
        self.failed = 0

    def __call__(self, what: str, holds: object, told: str = "") -> None:
        """Say whether something holds, and how that was seen."""
        self.failed += not holds
        sys.stdout.write(f"{'passed' if holds else 'FAILED'}  {what}{f' ({told})' if told else ''}\n")
        sys.stdout.flush()


def waited(condition: Callable[[], object], timeout_s: float = BEGIN_TIMEOUT_S) -> bool:
    """Return whether a condition held within the time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(1)
    return True


def health_command(engine: Engine, image: str) -> list[str]:
    """Return the command of HEALTHCHECK, as the image has it."""
    about = json.loads(engine.must("image", "inspect", image))[0]
    found = about["Config"].get("Healthcheck") or about.get("HealthCheck") or about.get("Healthcheck") or {}
    return list(found.get("Test", ["CMD", "false"]))[1:]


def check_running(engine: Engine, image: str, name: str, check: Check) -> None:
    """Check a container whose service has begun."""

    def inside(*command: str) -> subprocess.CompletedProcess[str]:
        return engine.call("exec", name, *command)

    def frames() -> bool:
        told = inside("python3", "-c", ASK, "/api/streams")
        return told.returncode == 0 and any(one["frames_done"] for one in json.loads(told.stdout)["streams"])

    check("a stream goes through the network", waited(frames), engine.call("logs", name).stderr[-300:].strip())
    healthy = inside(*health_command(engine, image))
    check("the image's own health check says yes", healthy.returncode == 0, healthy.stderr[-200:].strip())
    user = inside("id", "-u").stdout.strip()
    check("it is no root", user not in ("", "0"), f"user {user}")
    status = inside("cat", "/proc/1/status").stdout
    kept = [line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapBnd"))]
    check("it has no capability", kept and not any(int(one, 16) for one in kept))
    check("nothing can be written beside the state", inside("touch", "/opt/streamvision/probe").returncode != 0)
    first = inside("cat", "/proc/1/comm").stdout.strip()
    check("the first process is an init", first in ("tini", "docker-init", "catatonit"), first)
    doctor = inside("streamvision", "doctor")
    check("doctor finds all that is needed", doctor.returncode == 0, doctor.stdout.strip().rpartition("\n")[2])
    check("there is no pip", inside("python3", "-m", "pip", "--version").returncode != 0)


def main() -> None:
    """Check an image; the exit code is 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("image")
    parser.add_argument("--engine", default="docker", help="docker, podman, or one of them with its own options")
    parser.add_argument("--option", action="append", default=[], help="of its command run, such as --option=--gpus=all")
    given = parser.parse_args()
    engine, check = Engine(given.engine, given.option), Check()
    volume = f"check-{uuid.uuid4().hex[:12]}"
    engine.must("volume", "create", volume)
    try:
        with engine.container(given.image, volume, *SERVE, "synthetic:boxes?fps=5&size=320x240") as name:
            check_running(engine, given.image, name, check)
            began_s = time.monotonic()
            engine.must("stop", "-t", str(STOP_TIMEOUT_S), name)
            code = engine.must("inspect", "--format={{.State.ExitCode}}", name)
            check("SIGTERM ends it in order", code == "0", f"exit code {code}, {time.monotonic() - began_s:.0f} s")
        with engine.container(given.image, volume, *SERVE) as name:
            ask = ("exec", name, "python3", "-c", ASK, "/api/streams")
            there = waited(lambda: '"boxes"' in engine.call(*ask).stdout)
            check("another container goes on with its state", there)
    finally:
        engine.call("volume", "rm", "--force", volume)
    bytes_ = json.loads(engine.must("image", "inspect", given.image))[0]["Size"]
    sys.stdout.write(f"The image has {bytes_ / 1e6:.0f} MB; {check.failed or 'nothing'} failed.\n")
    sys.exit(check.failed > 0)


if __name__ == "__main__":
    main()
