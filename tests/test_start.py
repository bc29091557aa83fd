"""Another distribution that brings a package named ``streamvision`` is noticed where the command starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streamvision.core.version import __version__
from support.command_line import hearing_interrupts

PACKAGES = ("streamvision", "pipelines", "exporters")


@pytest.fixture
def site(project_root: Path, tmp_path: Path) -> Path:
    """Return a folder as pip leaves it when it installs this project."""
    folder = tmp_path / "site"
    ignored = shutil.ignore_patterns("__pycache__", "*.onnx")
    for name in PACKAGES:
        shutil.copytree(project_root / name, folder / name, ignore=ignored)
    shutil.copy(project_root / "streamvision_edge.py", folder)
    _write_metadata(folder, "streamvision_edge", __version__)
    return folder


def _install(folder: Path, name: str, **files: str) -> None:
    """Unpack a distribution whose files lie in a package named ``streamvision``, over whatever is there."""
    (folder / "streamvision").mkdir(parents=True, exist_ok=True)
    for stem, text in files.items():
        (folder / "streamvision" / f"{stem}.py").write_text(text)
    _write_metadata(folder, name, "9.9", only=[f"streamvision/{stem}.py" for stem in files])


def _write_metadata(folder: Path, name: str, version: str, only: list[str] | None = None) -> None:
    files = only or [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    lines = [f"{file},sha256=x,{(folder / file).stat().st_size}\n" for file in files]
    (info / "RECORD").write_text("".join(lines))


def _start(*path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from streamvision_edge import main; main()", "--version"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=path[0]
    )


def test_alone_it_starts_and_says_nothing(site: Path) -> None:
    done = _start(site)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"streamvision {__version__}\n"


def test_one_that_replaced_our_files_is_named_with_what_to_do(site: Path) -> None:
    _install(site, "streamvision", __init__="raise RuntimeError('the wrong package')\n", camera="")
    done = _start(site)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert f"{site / 'streamvision' / '__init__.py'} is of the package streamvision 9.9" in sentence
    assert "pip uninstall streamvision, then pip install --force-reinstall --no-deps streamvision-edge" in sentence


def test_one_that_hides_ours_is_named(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _install(other, "streamvision", __init__="")
    done = _start(other, site)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert f"{other / 'streamvision' / '__init__.py'} is of the package streamvision 9.9" in sentence


def test_one_whose_files_lie_among_ours_is_said_and_the_command_goes_on(site: Path) -> None:
    _install(site, "more_cameras", camera="")
    done = _start(site)
    assert (done.returncode, done.stdout) == (0, f"streamvision {__version__}\n")
    (sentence,) = done.stderr.splitlines()
    assert f"{site / 'streamvision' / 'camera.py'} is of the package more-cameras 9.9" in sentence


def test_files_that_left_with_another_package_are_missed(site: Path) -> None:
    (site / "streamvision" / "__init__.py").unlink()
    done = _start(site)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert "has lost files" in sentence
    assert "pip install --force-reinstall --no-deps streamvision-edge" in sentence


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_what_the_caller_closed_gets_no_file_of_ours(tmp_path: Path, closed: tuple[int, ...]) -> None:
    told = tmp_path / "told"
    code = (
        "import os, sys, streamvision_edge as edge; edge.open_standard_streams();"
        f"number = os.open({str(told)!r}, os.O_CREAT | os.O_WRONLY);"
        "print('x'); sys.stderr.write('y'); sys.stdin.read();"
        "os.write(number, str(number > 2).encode())"
    )
    closing = " ".join(f"{number}>&-" for number in closed)
    done = subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {closing}', sys.executable, code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert (done.returncode, told.read_text()) == (0, "True")


@pytest.mark.parametrize("closed", [1, 2])
def test_the_command_runs_without_output_or_stderr(closed: int) -> None:
    done = subprocess.run(
        ["bash", "-c", f'exec "$0" -m streamvision probe "synthetic:drive?frames=1" {closed}>&-', sys.executable],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr


def test_ctrl_c_while_it_is_imported_leaves_no_traceback() -> None:
    code = (
        "import os, signal, sys, streamvision_edge as edge\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'streamvision.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "edge.main()"
    )
    with hearing_interrupts():
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
    assert (done.returncode, done.stderr) == (130, "")
