"""Real model servers on the loopback, started, killed and started again: NVIDIA's Triton and MLServer.

They need other versions of packages than the project: `tools/setup.sh test` gives them an environment of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from support.free_ports import free_port

STARTED_WITHIN_S = 180.0
ENVIRONMENT = Path(sys.prefix) / "servers"


class ModelServer:
    """A server on free ports, which it keeps when it is started again.

    Args:
        repository: the models.
        scratch: an empty folder for its own files.
    """

    def __init__(self, repository: Path, scratch: Path) -> None:
        self.repository = repository
        self.scratch = scratch
        self.http_port, self.grpc_port, self.metrics_port = (free_port() for _ in range(3))
        self._process: subprocess.Popen[bytes] | None = None
        scratch.mkdir(parents=True, exist_ok=True)
        self._log = scratch / "log.txt"

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def address(self, name: str, protocol: str = "http") -> str:
        if protocol == "grpc":
            return f"kserve+grpc://127.0.0.1:{self.grpc_port}/{name}"
        return f"kserve://127.0.0.1:{self.http_port}/{name}"

    def start(self, *, wait: bool = True) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), env=self.environment(), stdout=log, stderr=log, cwd=self.scratch, start_new_session=True
            )
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while wait and not self.is_ready():
            assert self._process.poll() is None and time.monotonic() < deadline_s, self._log.read_text()[-3000:]
            time.sleep(0.1)

    def is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """End it and what it has started at once, as a power cut does."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, 9)
            process.wait(30)

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Triton(ModelServer):
    """Triton with its Python backend, as nvidia-pytriton brings it.

    Args:
        flags: more of its command line.
    """

    def __init__(self, repository: Path, scratch: Path, *flags: str) -> None:
        packages = _packages("pytriton")
        super().__init__(repository, scratch)
        self._packages = packages
        self._flags = flags
        inside = packages / "pytriton" / "tritonserver"
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._backends = scratch / "backends"
        backend = self._backends / "python"
        shutil.copytree(inside / "backends" / "python", backend)
        shutil.copy(inside / "python_backend_stubs" / version / "triton_python_backend_stub", backend)
        self._program = inside / "bin" / "tritonserver"

    def command(self) -> list[str]:
        return [
            str(self._program),
            f"--model-repository={self.repository}",
            f"--backend-directory={self._backends}",
            f"--http-port={self.http_port}",
            f"--grpc-port={self.grpc_port}",
            "--http-address=127.0.0.1",
            "--grpc-address=127.0.0.1",
            "--allow-metrics=false",
            *self._flags,
        ]

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(ENVIRONMENT),
            "PYTHONPATH": str(self._packages),
            "LD_LIBRARY_PATH": str(self._packages / "nvidia_pytriton.libs"),
        }


class MlServer(ModelServer):
    """MLServer, with all models in its one process."""

    def __init__(self, repository: Path, scratch: Path) -> None:
        _packages("mlserver")
        super().__init__(repository, scratch)
        settings = {
            "host": "127.0.0.1",
            "http_port": self.http_port,
            "grpc_port": self.grpc_port,
            "metrics_port": self.metrics_port,
            "parallel_workers": 0,
        }
        (repository / "settings.json").write_text(json.dumps(settings))

    def command(self) -> list[str]:
        return [str(ENVIRONMENT / "bin" / "mlserver"), "start", str(self.repository)]


def _packages(package: str) -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = ENVIRONMENT / "lib" / f"python{version}" / "site-packages"
    if not (packages / package).is_dir():
        pytest.skip(f"no {package} in {ENVIRONMENT}: run tools/setup.sh test")
    return packages
