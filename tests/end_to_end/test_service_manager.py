"""The real command under a service manager: signals, exit codes, what it tells systemd, and how its log reads."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamvision.cli.service_manager import ServiceManager
from support.command_line import called, command, streamvision

LIVE = "synthetic:boxes?fps=30&size=320x240"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d ")


class Manager:
    """A socket on which systemd would listen, and all that was said there."""

    def __init__(self, address: str) -> None:
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self.told.append(self._socket.recv(4096).decode())
            except TimeoutError:
                continue

    def wait_for(self, text: str, *, count: int = 1) -> None:
        until(lambda: sum(one.startswith(text) for one in self.told) >= count, f"{text} is told")

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@streamvision-{os.getpid()}-{time.monotonic_ns()}"


@pytest.fixture
def manager(address: str) -> Iterator[Manager]:
    listening = Manager(address)
    yield listening
    listening.close()


def until(condition: Callable[[], object], what: str) -> None:
    deadline_s = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)


@contextmanager
def started(*arguments: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command("run", "--source", LIVE, *arguments),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_what_systemd_is_told(tiny: Path, tmp_path: Path) -> None:
    listening = Manager(address := str(tmp_path / "notify"))
    about = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
    try:
        with started("--model", tiny, "--json", **about) as process:
            listening.wait_for("READY=1")
            listening.wait_for("WATCHDOG=1", count=3)
            process.terminate()
            stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        assert json.loads(stdout)["interrupted"]
        listening.wait_for("STOPPING=1")
    finally:
        listening.close()
    assert listening.told[0] == "READY=1"
    assert listening.told[-1] == "STOPPING=1"


def test_systemd_is_told_of_a_reload(tiny: Path, tmp_path: Path) -> None:
    config = tmp_path / "cameras.yaml"
    config.write_text(json.dumps({"model": {"path": str(tiny)}, "streams": [{"source": LIVE}], "serve": {"port": 0}}))
    listening = Manager(address := str(tmp_path / "notify"))
    arguments = command("serve", "--config", config, "--state", tmp_path / "state")
    with subprocess.Popen(
        arguments, env={**os.environ, "NOTIFY_SOCKET": address}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as service:
        try:
            listening.wait_for("READY=1")
            config.write_text("streams: 3\n")
            service.send_signal(signal.SIGHUP)
            listening.wait_for("READY=1", count=2)
            service.terminate()
            _, stderr = service.communicate(timeout=60)
        finally:
            service.kill()
            listening.close()
    assert service.returncode == 0, stderr
    assert [said.partition("\n")[0] for said in listening.told] == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert b"streams" in stderr and b"Traceback" not in stderr


def test_the_watchdog_of_another_process_is_not_ours(manager: Manager, address: str) -> None:
    other = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
    own = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())})
    for one in (other, own, own):
        one.alive()
    own.reloading()
    manager.wait_for("RELOADING=1")
    assert [said.split("\n")[0] for said in manager.told] == ["WATCHDOG=1", "RELOADING=1"]
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.told[-1])


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_nobody_listens_and_nothing_happens(environ: dict[str, str]) -> None:
    ServiceManager(environ).ready()


def test_no_word_of_life_while_the_network_hangs(tiny: Path, tmp_path: Path) -> None:
    stage = tmp_path / "sleeper.py"
    stage.write_text("import time\n\n\ndef sleeper(result):\n    time.sleep(3600)\n")
    listening = Manager(address := str(tmp_path / "notify"))
    config = tmp_path / "config.json"
    hanging = {"path": f"{stage}:sleeper", "budget_ms": 60000}
    config.write_text(json.dumps({"model": {"path": str(tiny)}, "streams": [{"source": LIVE}], "stages": [hanging]}))
    try:
        about = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
        with started("--config", config, **about) as process:
            listening.wait_for("WATCHDOG=1")
            until(lambda: _silent_s(listening) > 2, "the watchdog is told nothing")
            assert process.poll() is None
    finally:
        listening.close()


def _silent_s(manager: Manager) -> float:
    count, begin_s = len(manager.told), time.monotonic()
    while len(manager.told) == count and time.monotonic() - begin_s < 3:
        time.sleep(0.05)
    return time.monotonic() - begin_s


@pytest.fixture
def heard_hangup() -> Iterator[None]:
    """Let commands hear that their terminal has ended, which those that are started under nohup do not."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heard_hangup")
def test_the_end_of_its_terminal_ends_the_run_in_order(tiny: Path) -> None:
    with started("--model", tiny, "--serve", "127.0.0.1:0", "--json") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Watch at" in line:
                break
        process.send_signal(signal.SIGHUP)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 129, stderr
    assert json.loads(stdout)["interrupted"]


def test_a_log_begins_with_times_and_zone_where_nobody_watches(tiny: Path) -> None:
    done = streamvision("run", "--source", LIVE, "--model", tiny, "--max-frames", "3", "--serve", "127.0.0.1:0", "-vv")
    assert done.code == 0
    assert all(STAMP.match(line) for line in done.stderr.splitlines())
    assert "Watch at http://127.0.0.1:" in done.stderr
    assert " DEBUG asyncio: " in done.stderr


def test_every_line_is_json_where_that_is_asked_for(tiny: Path) -> None:
    options = ["--max-frames", "3", "--serve", "127.0.0.1:0", "-v", "--log-format", "json"]
    for done in (
        streamvision("run", "--source", LIVE, "--model", tiny, *options),
        called("--log-format=json", "run", "--source", "/no/such.mp4", "--model", tiny),
        called("run", "--log-format", "json", "--no-such-option"),
    ):
        records = [json.loads(line) for line in done.stderr.splitlines()]
        assert records
        for record in records:
            assert list(record) == ["time", "level", "logger", "message"]
            assert STAMP.match(record["time"] + " ")
    assert records[-1]["level"] == "error" and "--no-such-option" in records[-1]["message"]


def test_a_quiet_run_says_only_what_is_wrong(tiny: Path) -> None:
    done = called("run", "-q", "--source", LIVE, "--model", tiny, "--max-frames", "3", "--serve", "127.0.0.1:0")
    assert (done.code, done.stderr) == (0, "")
    assert "boxes: ended, 3 frames" in done.stdout
    done = called("--quiet", "run", "--source", "/no/such.mp4", "--model", tiny)
    assert "/no/such.mp4" in done.sentence()


@pytest.mark.parametrize("arguments", [("-vv", "run"), ("run", "-vv"), ("-v", "run", "--verbose")])
def test_verbose_is_accepted_before_the_command_and_after_it(tiny: Path, arguments: tuple[str, ...]) -> None:
    serve = ["--serve", "127.0.0.1:0"]
    done = called(*arguments, "--source", LIVE, "--model", tiny, "--max-frames", "2", *serve)
    assert done.code == 0
    assert "DEBUG asyncio" in done.stderr
