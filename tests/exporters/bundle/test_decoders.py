"""The decoders, executed: they agree with the runtime on every layout, and notice when something is off."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.npm_packages import npm_modules

SelfTest = Callable[[Path], subprocess.CompletedProcess[str]]
NAMES = (
    "road_signs", "yolov8n_tflite", "yolox", "end2end_bytes", "four_outputs", "vision", "yolo_v5_bgr", "yolo_v8_mean",
    "yolo_v8_odd",
)  # fmt: skip
COMPILE_TIMEOUT_S = 500.0


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def chosen(bundles: Path, name: str) -> Path:
    if not (bundles / name).exists():
        pytest.skip("no test data: set STREAMVISION_DATA")
    return bundles / name


def objects_in(bundle: Path) -> int:
    return len(json.loads((bundle / "golden" / "detections.json").read_text()))


@pytest.fixture(scope="session")
def javascript() -> SelfTest:
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs")
    return lambda bundle: run("node", bundle / "web" / "self_test.mjs")


def _in_package(source: Path) -> str:
    """Return a source in a package of its bundle's name."""
    package = source.parent.parent.name
    return re.sub(r"^package streamvision$", f"package {package}", source.read_text(), flags=re.MULTILINE)


@pytest.fixture(scope="session")
def kotlin(
    bundles: Path, project_root: Path, reference_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> SelfTest:
    """The Kotlin decoder with the constants of all bundles, each in a package of its own, compiled at once."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: apt-get install default-jre-headless")
    modules = npm_modules(project_root / "tests/support/npm_tools", reference_dir)
    compiler = modules / "kotlin-compiler" / "lib"
    sources = {
        f"{source.parent.parent.name}/{source.name}": _in_package(source)
        for source in sorted(bundles.glob("*/android/*.kt"))
    }
    digest = hashlib.sha256("".join(sources.values()).encode()).hexdigest()[:16]
    compiled = reference_dir / "kotlin" / digest
    if not compiled.is_dir():
        folder = tmp_path_factory.mktemp("kotlin")
        for name, text in sources.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        command = [
            "java",
            "-Xmx1g",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            str(compiler / "kotlin-compiler.jar"),
        ]
        command += ["org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-Werror", "-no-reflect"]
        command += ["-kotlin-home", str(compiler.parent), "-d", str(folder / "classes")]
        done = subprocess.run(
            [*command, *(str(folder / name) for name in sources)],
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        shutil.copytree(folder / "classes", compiled)
    classes = f"{compiled}:{compiler / 'kotlin-stdlib.jar'}"
    return lambda bundle: run(
        "java",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        classes,
        f"{bundle.name}.SelfTestKt",
        bundle / "golden",
    )


@pytest.fixture(params=["javascript", pytest.param("kotlin", marks=pytest.mark.slow)])
def decoder(request: pytest.FixtureRequest) -> SelfTest:
    test: SelfTest = request.getfixturevalue(request.param)
    return test


@pytest.mark.timeout(900)  # the first test compiles
@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_agrees_with_the_runtime(bundles: Path, name: str, decoder: SelfTest) -> None:
    bundle = chosen(bundles, name)
    assert objects_in(bundle) >= 3
    done = decoder(bundle)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agrees" in done.stdout


def spoiled(bundle: Path, folder: Path) -> Path:
    """Return a copy under the same name, which is the Kotlin package."""
    return Path(shutil.copytree(bundle, folder / bundle.name))


def test_a_decoder_notices_other_outputs_and_another_tensor(bundles: Path, decoder: SelfTest, tmp_path: Path) -> None:
    bundle = spoiled(bundles / "yolo_v8_odd", tmp_path)
    output = bundle / "golden" / "output_0.f32"
    shape = json.loads((bundle / "bundle.json").read_text())["golden"]["outputs"][0]["shape"]
    values = np.fromfile(output, "<f4").reshape(shape)
    values[:, 0] += 4  # every box lies 4 px further to the right
    values.tofile(output)
    tensor = bundle / "golden" / "input.f32"
    levels = np.fromfile(tensor, "<f4").reshape(1, 3, 224, 160)
    levels[:, ::-1].copy().tofile(tensor)  # blue and red change places
    done = decoder(bundle)
    assert done.returncode == 1
    assert "the input tensor is off by up to" in done.stdout
    assert "missing: class" in done.stdout and "not expected: class" in done.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"color": "bgr"}, "the input tensor is off"),
        ({"pad_value": 0}, "the input tensor is off"),
        ({"resize": "letterbox_top_left"}, "missing: class"),
        ({"scale": 1.0}, "the input tensor is off"),
    ],
)
def test_a_wrong_card_is_noticed(
    bundles: Path, javascript: SelfTest, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    bundle = spoiled(bundles / "road_signs", tmp_path)
    card = json.loads((bundle / "card.json").read_text())
    card["input"] |= changes
    (bundle / "card.json").write_text(json.dumps(card))
    done = javascript(bundle)
    assert done.returncode == 1
    assert said in done.stdout


def test_swift_parses(bundles: Path) -> None:
    """No Swift compiler is at hand; the grammar at least is checked."""
    tree_sitter = pytest.importorskip("tree_sitter")
    language = tree_sitter.Language(pytest.importorskip("tree_sitter_swift").language())
    parser = tree_sitter.Parser(language)
    sources = [*(bundles / "yolo_v8_mean" / "ios").glob("*.swift")]
    assert len(sources) == 3
    for source in sources:
        assert not parser.parse(source.read_bytes()).root_node.has_error, source.name
    broken = sources[0].read_bytes().replace(b"(", b"[", 1)
    assert parser.parse(broken).root_node.has_error
