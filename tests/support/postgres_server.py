"""A real PostgreSQL server of Debian's package, in a folder of its own, on a socket and a free port of this machine."""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.free_ports import free_port

USER = "postgres"
START_S = 60


def binaries() -> Path | None:
    """Return the folder of the newest installed server's programs."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").is_file()), None)


class PostgresServer:
    """Runs in a temporary folder; durability is off where a test does not ask for it, since only speed counts then."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        found = binaries()
        assert found is not None
        self._bin = found
        self._data = folder / "data"
        self.password = f"p@ss {secrets.token_hex(4)}"
        self._numbers = itertools.count()
        secret = folder / "password"
        secret.write_text(self.password)
        if os.getuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam(USER)
            for path in (folder, secret):
                os.chown(path, user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", self._data, "-U", "owner", "-A", "scram-sha-256", f"--pwfile={secret}", "-N")
        self.port = free_port()
        self._settings = f"-h 127.0.0.1 -p {self.port} -k {folder}"
        if not durable:
            self._settings += " -c fsync=off -c full_page_writes=off"
        self._folder = folder

    def start(self) -> None:
        """Start, and wait until connections are answered."""
        log = self._folder / "log"
        self._run("pg_ctl", "start", "-w", "-t", str(START_S), "-D", self._data, "-l", log, "-o", self._settings)

    def stop(self) -> None:
        """Stop at once; what was committed is there at the next start, where the server is a durable one."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def create_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"test{next(self._numbers)}"
        self.psql("postgres", f"CREATE DATABASE {name}")
        password = self.password.replace("@", "%40").replace(" ", "%20")
        return f"postgresql://owner:{password}@127.0.0.1:{self.port}/{name}"

    def psql(self, name: str, statement: str) -> None:
        """Run a statement in the database of that name."""
        target = f"host=127.0.0.1 port={self.port} user=owner dbname={name}"
        environment = {**os.environ, "PGPASSWORD": self.password}
        subprocess.run(
            [self._bin / "psql", "-qX", "-v", "ON_ERROR_STOP=1", target, "-c", statement],
            check=True, capture_output=True, timeout=START_S, env=environment,
        )  # fmt: skip

    def _run(self, program: str, *arguments: str | Path) -> None:
        drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.getuid() == 0 else []
        done = subprocess.run(
            [*drop, self._bin / program, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=START_S, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, (program, done.returncode)


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    try:
        server = PostgresServer(folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
