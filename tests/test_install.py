"""What a device gets: a package that is whole, light, without torch, and does the main job with one ONNX Runtime."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path, PurePath

import pytest

pytestmark = pytest.mark.timeout(1200)  # packages come from elsewhere, as fast as they come
TIMEOUT_S = 500
LIMIT_MB = 405
FORBIDDEN = {"torch", "torchvision", "ultralytics", "opencv-python", "openvino"}
IMPORT_ALL = """
import importlib, pkgutil, exporters, pipelines, streamvision
served = "exporters.repository.served."  # written out for servers, never imported here
for package in (exporters, pipelines, streamvision):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.startswith(served) or module.name.endswith(".__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if (error.name or "").startswith("onnxruntime"):
                print(module.name)
"""


@pytest.fixture(scope="module")
def built(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the source distribution and the wheel that is built from it alone."""
    pytest.importorskip("build", reason="build is not installed")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(project_root)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


class Environment:
    """A clean environment with the wheel and its extra ``cpu``."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False)
        self.folder = folder
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        self.pip("install", "--quiet", "--no-compile", f"{wheel}[cpu]")  # as tools/setup.sh does

    def pip(self, *words: str) -> str:
        command = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [self.folder / "bin" / program, *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=self.elsewhere, env={}
        )

    @property
    def site(self) -> Path:
        return next(self.folder.glob("lib/python3*/site-packages"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("env"), wheel)


def test_indexes_would_take_the_distributions(built: Path) -> None:
    pytest.importorskip("twine", reason="twine is not installed")
    files = sorted(map(str, built.iterdir()))
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_wheel_holds_all_that_the_packages_have(wheel: Path, project_root: Path) -> None:
    checker = shutil.which("check-wheel-contents", path=str(Path(sys.executable).parent))
    if checker is None:
        pytest.skip("check-wheel-contents is not installed")
    checked = subprocess.run(
        [checker, str(wheel)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=project_root
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_is_built_says_whose_models_are_in_it(built: Path) -> None:
    (source,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(source) as sources, zipfile.ZipFile(wheel) as packed:
        models = [
            {PurePath(name).name for name in names if name.endswith((".onnx", ".pt"))}
            for names in (sources.getnames(), packed.namelist())
        ]
        (metadata,) = (packed.read(name).decode() for name in packed.namelist() if name.endswith("/METADATA"))
    assert models == [{"road_signs.onnx", "road_signs_yolox.onnx"}] * 2
    assert "License-Expression: Apache-2.0 AND AGPL-3.0-only\n" in metadata
    assert "License-File: streamvision/models/LICENSE-weights.txt\n" in metadata


@pytest.mark.slow
def test_the_runtime_is_light_and_works(installed: Environment, project_root: Path, data_dir: Path) -> None:
    names = {package["name"].lower() for package in json.loads(installed.pip("list", "--format", "json"))}
    assert "opencv-python-headless" in names
    assert not names & FORBIDDEN
    installed.pip("check")
    files = [file for file in installed.folder.rglob("*") if file.is_file() and not file.is_symlink()]
    size_mb = sum(file.stat().st_blocks * 512 for file in files) / 2**20
    assert size_mb < LIMIT_MB, f"{size_mb:.0f} MB"

    view = installed.site / "streamvision" / "web" / "static" / "view"
    shipped = project_root / "streamvision" / "web" / "static" / "view"
    assert {file.name for file in view.iterdir()} == {file.name for file in shipped.iterdir()}

    done = installed.run(
        "streamvision", "run", "--json", "--max-frames", "5",
        "--source", data_dir / "videos" / "car-detection.mp4", "--model", data_dir / "models" / "yolox_nano.onnx",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["streams"][0]["frames_done"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", [["onnx"], ["onnx", "--pixel-format", "yuv420p"], ["openvino"], ["tensorrt"]])
def test_what_exports_need_is_one_sentence(installed: Environment, kind: list[str]) -> None:
    model = installed.site / "streamvision" / "models" / "road_signs.onnx"
    done = installed.run("streamvision", "export", model, "--output", "exported", "--format", *kind)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert " was not made: this export needs o" in last and last.endswith("pip install 'streamvision-edge[export]'")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_every_check_of_a_device_can_begin(installed: Environment) -> None:
    """Without the packages that only some of them need."""
    begin = "import importlib; from streamvision.bench.device.checks import CHECKS as all"
    begin += "; [importlib.import_module(one.function.partition(':')[0]) for one in all]"
    done = installed.run("python", "-c", begin)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_doctor_tells_one_onnx_runtime_from_two_a_broken_one_and_none(installed: Environment) -> None:
    """The last one here: it takes the environment's ONNX Runtime away."""
    alone = installed.run("streamvision", "doctor")
    assert alone.returncode == 0, alone.stdout
    assert "+ ONNX Runtime: onnxruntime " in alone.stdout
    assert alone.stdout.endswith("\nReady.\n")

    second = installed.site / "onnxruntime_gpu-1.26.0.dist-info"
    second.mkdir()
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.26.0\n")
    two = installed.run("streamvision", "doctor")
    assert two.returncode == 1
    assert "x ONNX Runtime: onnxruntime " in two.stdout
    assert "run pip uninstall -y onnxruntime onnxruntime-gpu, then pip install 'streamvision-edge[cuda]'" in two.stdout
    assert "Ready." not in two.stdout
    shutil.rmtree(second)

    for library in (installed.site / "onnxruntime" / "capi").glob("onnxruntime_pybind11_state*"):
        library.write_bytes(b"")
    broken = installed.run("streamvision", "doctor")
    assert broken.returncode == 1
    (line,) = (line for line in broken.stdout.splitlines() if line.startswith("  x "))
    assert line.startswith("  x ONNX Runtime: ") and "does not load" in line
    assert "pip install --force-reinstall --no-deps onnxruntime==" in line and "MissingDependencyError" not in line

    installed.pip("uninstall", "--quiet", "-y", "onnxruntime")
    none = installed.run("streamvision", "doctor")
    assert none.returncode == 1
    assert (
        "x ONNX Runtime: ONNX models need ONNX Runtime, which is not installed: pip install 'streamvision-edge[cpu]'"
        in (none.stdout)
    )
    run = installed.run("streamvision", "run", "synthetic:drive", "--max-frames", "1")
    assert run.returncode != 0
    last = run.stderr.splitlines()[-1]
    assert "ONNX models need ONNX Runtime, which is not installed: pip install 'streamvision-edge[cpu]'" in last
    assert "Traceback" not in run.stderr
    imported = installed.run("python", "-c", IMPORT_ALL)
    assert (imported.returncode, imported.stdout) == (0, ""), imported.stderr
