"""Real Redis and RabbitMQ servers of Debian's packages, each in a folder of its own, on free ports of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.free_ports import free_port

START_S = 180


class MessageServer:
    """A server that can be stopped, killed and started again with what it has on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return what is executed."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Return whether it can be used."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return what its process is told beside the environment of the tests."""
        return {}

    def start(self) -> None:
        """Start, and wait until it can be used."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + START_S
        while not self.answers():
            assert self._process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline_s, (self.folder / "output").read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it answer nothing, though its connections stay."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, how)
        try:
            process.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class RedisServer(MessageServer):
    """Writes each command to disk before it answers, so that a kill loses nothing that was confirmed."""

    password = "p@ss:word"

    def command(self) -> list[str]:
        """Return what is executed."""
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "always",  # else a kill may lose what was confirmed
            "save": "",
            "requirepass": self.password,
        }
        return ["redis-server", *(part for name, value in options.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        """Return whether it can be used."""
        import redis

        try:
            return bool(redis.Redis(port=self.port, password=self.password, socket_timeout=5).ping())
        except redis.RedisError:
            return False

    @property
    def url(self) -> str:
        """Its address, with its password."""
        return f"redis://:p%40ss%3Aword@127.0.0.1:{self.port}/0"


class RabbitMqServer(MessageServer):
    """A node of its own, whose Erlang port mapper is its own, too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mapper_port, self._node_port = free_port(), free_port()
        (folder / "plugins").write_text("[].")
        (folder / "config.conf").write_text("loopback_users = none\nlog.console.level = warning\n")

    def command(self) -> list[str]:
        """Return what is executed."""
        return [str(next(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server")))]

    def environment(self) -> dict[str, str]:
        """Return what its process is told."""
        return {
            "HOME": str(self.folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",  # it may be ended while it knows of a node that was killed
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
        }

    def answers(self) -> bool:
        """Return whether it can be used."""
        import pika
        from pika.exceptions import AMQPError

        try:
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
        except (AMQPError, OSError):
            return False
        return True

    @property
    def url(self) -> str:
        """Its address, with its password."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    def close(self) -> None:
        """End the port mapper, which outlives the server."""
        mapper = {**os.environ, **self.environment()}
        subprocess.run(["epmd", "-kill"], env=mapper, capture_output=True, timeout=30, check=False)


@contextmanager
def _running(server: MessageServer, program: str) -> Iterator[MessageServer]:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt-get install {program}")
    try:
        server.start()
        yield server
    finally:
        server.kill()
        if isinstance(server, RabbitMqServer):
            server.close()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run a Redis server for the length of the block."""
    with tempfile.TemporaryDirectory() as folder, _running(RedisServer(Path(folder)), "redis-server") as server:
        assert isinstance(server, RedisServer)
        yield server


@contextmanager
def rabbitmq_server() -> Iterator[RabbitMqServer]:
    """Run a RabbitMQ server for the length of the block."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as place, _running(RabbitMqServer(Path(place)), "rabbitmq-server") as server:
        assert isinstance(server, RabbitMqServer)
        yield server
