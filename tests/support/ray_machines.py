"""Machines of a Ray cluster: Ray started as on a machine of its own, all of whose processes can be killed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from support.free_ports import free_port

STARTS_WITHIN_S = 180.0
IDLE_S = 0.2


def unavailable() -> str | None:
    """Say why no cluster can be run here, or ``None`` where one can; for ``pytest.skip``."""
    return None if importlib.util.find_spec("ray") else "Ray is not installed: pip install 'streamvision-edge[cluster]'"


class RayMachine:
    """``ray start`` for one machine; the first is started without an address and says where the others join.

    Args:
        name: what it is called.
        address: of the cluster; ``None``: it begins one.
        cores: how many it offers.
        labels: its labels.
        ip: its address.
        within: a command that runs another as on this machine, such as ``ip netns exec NAME``.
        paths: folders in which modules are found before all others.
    """

    def __init__(
        self,
        name: str,
        address: str | None = None,
        *,
        cores: int = 1,
        labels: str = "",
        ip: str = "127.0.0.1",
        within: Sequence[str] = (),
        paths: Sequence[Path] = (),
    ) -> None:
        self.name = name
        self._paths = [*map(str, paths), *(entry or str(Path.cwd()) for entry in sys.path)]
        self._folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # sockets lie in it, whose names are short
        port = free_port()
        self.address = address or f"{ip}:{port}"
        """Of the cluster."""
        ray = str(Path(sys.executable).with_name("ray"))
        # Without what our clusters do not use, each of which is an interpreter more, and with ports that nobody has: by
        # itself Ray takes the same ones for each cluster, and a whole range for workers, in which the head's may lie.
        head = ["--head", f"--port={port}", f"--ray-client-server-port={free_port()}"]
        head += ["--include-dashboard=false", "--no-monitor"]
        where = [f"--address={address}"] if address else head
        self._command = [
            *within,
            ray,
            "start",
            "--block",
            "--disable-usage-stats",
            "--include-log-monitor=false",
            *where,
            f"--node-ip-address={ip}",
            "--min-worker-port=0",
            "--max-worker-port=0",
            f"--dashboard-agent-listen-port={free_port()}",
            f"--num-cpus={cores}",
            f"--node-name={name}",
            "--object-store-memory=100000000",
            f"--temp-dir={self._folder}",
            *([f"--labels={labels}"] if labels else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self._folder / "start.log"

    def start(self) -> RayMachine:
        """Start it, and return when it is part of the cluster; Ray gives up after 30 s, and is started again then."""
        assert self._process is None, f"{self.name} runs already"
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while True:
            process = self._process = self._begun()
            while b"Ray runtime started" not in (said := self.log.read_bytes()):
                is_late = time.monotonic() > deadline_s
                if process.poll() is not None or is_late:
                    self.kill()
                    if is_late:
                        raise RuntimeError(f"Ray did not start on {self.name}: {said.decode(errors='replace')[-2000:]}")
                    break
                time.sleep(IDLE_S)
            else:
                return self

    def _begun(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(self._paths),
            "RAY_worker_niceness": "0",
        }
        with self.log.open("wb") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def processes(self) -> list[psutil.Process]:
        """Return all its processes."""
        if self._process is None:
            return []
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """End all its processes at once, as if the power had gone; harmless when it does not run."""
        if self._process is None:
            return
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):  # what its first process left when it ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)
        self._process = None

    def __enter__(self) -> RayMachine:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
