"""What a run makes of tests that fail once, read from a run of small ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from support import second_try

def pytest_addoption(parser):
    second_try.add_option(parser)

def pytest_configure(config):
    second_try.register(config)
"""
FAILING_ONCE = """
import socket
from pathlib import Path

import pytest

made = []

def meet_the_machine():
    with socket.create_server(("127.0.0.1", 0)):
        pass

@pytest.fixture(scope="session")
def server():
    meet_the_machine()
    made.append("server")
    yield {"broken": False}
    made.append("end")

@pytest.fixture(scope="module")
def table(server):
    return {"rows": 1}

def fail_once(name):
    if not (marker := Path(name)).exists():
        marker.touch()
        pytest.fail(f"the first failure of {name}")

def test_server(server, table):
    assert not server["broken"] and table
    if made == ["server"]:
        server["broken"] = True
        table.clear()
    assert made == ["server", "end", "server"]

def test_recorded(table):  # meets it by its fixture alone
    assert table
    fail_once("recorded")

def test_computing():
    fail_once("computing")

def test_never_right():
    meet_the_machine()
    raise AssertionError("never right")

class TestObject:
    def test_state(self):
        meet_the_machine()
        self.tries = getattr(self, "tries", 0) + 1
        assert self.tries == 1
        fail_once("state")
"""
HANGING = """
import threading
import time

import pytest

@pytest.mark.timeout(1)
def test_hanging():
    threading.Thread(target=int).start()
    time.sleep(60)
"""
FAILING_EACH_ONCE = """
import threading

import pytest

tried = []

@pytest.mark.parametrize("number", range({count}))
def test_once(number):
    threading.Thread(target=int).start()
    tried.append(number)
    assert tried.count(number) == 2
"""


def run(folder: Path, project_root: Path, tests: str, *arguments: str) -> tuple[int, str]:
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\ntimeout = 100\n", encoding="utf-8")
    (folder / "test_small.py").write_text(tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--second-try-after", "0", "-rfE", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(project_root / "tests"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("processes", [(), ("-n", "1", "--dist", "loadfile")], ids=["alone", "xdist"])
def test_only_what_meets_the_machine_is_tried_again_with_everything_made_anew(
    tmp_path: Path, project_root: Path, processes: tuple[str, ...]
) -> None:
    code, said = run(tmp_path, project_root, FAILING_ONCE, *processes)
    assert code == pytest.ExitCode.TESTS_FAILED
    failed = {line.split()[1] for line in said.splitlines() if line.startswith("FAILED ")}
    assert failed == {"test_small.py::test_computing", "test_small.py::test_never_right"}, said
    told = said.partition("passed at the second try, to be mended: 3")[2]
    for name in ("test_server", "test_recorded", "TestObject::test_state"):
        assert f"test_small.py::{name}: at the first try its call failed" in told, said
    assert "Failed: the first failure of recorded" in told


def test_the_second_try_has_the_whole_time_limit(tmp_path: Path, project_root: Path) -> None:
    code, said = run(tmp_path, project_root, HANGING)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "FAILED test_small.py::test_hanging - Failed: Timeout" in said, said


def test_too_many_second_tries_fail_the_run(tmp_path: Path, project_root: Path) -> None:
    code, said = run(tmp_path, project_root, FAILING_EACH_ONCE.format(count=10))
    assert code == pytest.ExitCode.OK, said
    (tmp_path / "test_other.py").write_text(FAILING_EACH_ONCE.format(count=1), encoding="utf-8")
    code, said = run(tmp_path, project_root, FAILING_EACH_ONCE.format(count=10), "-n", "2", "--dist", "loadfile")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "11 tests needed a second try, and at most 10 may: the run fails" in said, said
    assert "11 passed" in said
