"""The decoders, executed: they agree with the runtime on every layout, and notice when something is off."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.bundles import ANSWERS, LAYOUTS, TASKS
from support.kotlin import COMPILE_TIMEOUT_S, kotlin_compiler
from support.swift import swift_compiler

SelfTest = Callable[[Path], subprocess.CompletedProcess[str]]
NAMES = ("road_signs", "yolov8n_tflite", "yolox", *LAYOUTS, *TASKS, *ANSWERS)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def chosen(bundles: Path, name: str) -> Path:
    if not (bundles / name).exists():
        pytest.skip("no test data: set STREAMVISION_DATA")
    return bundles / name


@pytest.fixture(scope="session")
def javascript() -> SelfTest:
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs")
    return lambda bundle: run("node", bundle / "web" / "self_test.mjs")


def _kotlin_sources(bundles: Path) -> dict[str, str]:
    """Return the decoder once, and model and self-test of each bundle in a package of its name, by file name."""
    sources = {}
    for bundle in sorted(bundles.glob("*/android")):
        package = bundle.parent.name
        for source in bundle.glob("*.kt"):
            text = source.read_text()
            if source.stem in ("ModelSpec", "SelfTest"):
                header = f"package {package}\n\nimport streamvision.*"
                sources[f"{package}/{source.name}"] = re.sub(
                    r"^package streamvision$", header, text, flags=re.MULTILINE
                )
            else:
                assert sources.setdefault(f"streamvision/{source.name}", text) == text
    return sources


@pytest.fixture(scope="session")
def kotlin(
    bundles: Path, project_root: Path, reference_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> SelfTest:
    """The Kotlin decoder with the constants of all bundles, each in a package of its own, compiled at once."""
    compiler = kotlin_compiler(project_root, reference_dir)
    classes = compiler.compile(_kotlin_sources(bundles), tmp_path_factory.mktemp("kotlin"))
    return lambda bundle: compiler.run(classes, f"{bundle.name}.SelfTestKt", bundle / "golden")


_MAIN = """
import Foundation

let found = try selfTest(Golden(folder: URL(fileURLWithPath: CommandLine.arguments[2])))
found.forEach { print($0) }
print(found.isEmpty ? "ok: the decoder agrees with the golden vectors" : "FAILED")
exit(found.isEmpty ? 0 : 1)
"""


def _swift_models(specs: dict[str, str]) -> str:
    """Return one source with the constants of all bundles, of which the program's first argument chooses."""
    wrapped, names = [], {}
    for bundle, text in specs.items():
        names |= dict(re.findall(r"^let (\w+)(?::| =) ?(ModelSpec|Tolerance|Float)?", text, flags=re.MULTILINE))
        wrapped.append(f"enum {bundle} {{\n{re.sub('^let ', 'static let ', text, flags=re.MULTILINE)}\n}}")
    chosen = "\n".join(
        f"let {name}: {kind or 'Int'} = {{ switch CommandLine.arguments[1] {{\n"
        + "\n".join(f'case "{bundle}": return {bundle}.{name}' for bundle in specs)
        + '\ndefault: fatalError("no such bundle") } }()'
        for name, kind in names.items()
    )
    return "\n".join([*wrapped, chosen])


@pytest.fixture(scope="session")
def swift(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> SelfTest:
    """The Swift decoder with the constants of all bundles in one program."""
    compiler = swift_compiler()
    if isinstance(compiler, str):
        pytest.skip(compiler)
    folder = tmp_path_factory.mktemp("swift")
    decoder = next(bundles.glob("*/ios"))
    for source in decoder.glob("*.swift"):
        if source.stem != "ModelSpec":
            shutil.copy(source, folder)
    specs = {source.parent.parent.name: source.read_text() for source in sorted(bundles.glob("*/ios/ModelSpec.swift"))}
    (folder / "ModelSpec.swift").write_text(_swift_models(specs))
    (folder / "main.swift").write_text(_MAIN)
    program = compiler.compile(folder, timeout_s=COMPILE_TIMEOUT_S)
    return lambda bundle: compiler.run(program, bundle.name, bundle / "golden")


@pytest.fixture(params=["javascript", *(pytest.param(name, marks=pytest.mark.slow) for name in ("kotlin", "swift"))])
def decoder(request: pytest.FixtureRequest) -> SelfTest:
    test: SelfTest = request.getfixturevalue(request.param)
    return test


@pytest.mark.timeout(900)  # the first test compiles
@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_agrees_with_the_runtime(bundles: Path, name: str, decoder: SelfTest) -> None:
    bundle = chosen(bundles, name)
    golden = json.loads((bundle / "bundle.json").read_text())["golden"]
    assert "detections" not in golden or len(json.loads((bundle / golden["detections"]).read_text())) >= 3
    done = decoder(bundle)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agrees" in done.stdout


def test_the_number_that_differs_is_told_with_what_was_found(project_root: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs")
    module = (project_root / "exporters" / "bundle" / "decoders" / "answers.mjs").as_uri()
    script = (
        f"import {{ differentAnswers }} from {json.dumps(module)};"
        "const said = (...values) => ({ numbers: values.map((value, at) => ({ name: 'ab'[at], value })) });"
        "console.log(JSON.stringify(differentAnswers(said(1, 2), said(1, 3), { number: 0.1 })));"
        "console.log(JSON.stringify(differentAnswers(said(1), said(1, 3), { number: 0.1 })));"
    )
    done = run("node", "--input-type=module", "-e", script)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["the number b is 2, not 3"],
        ["the number b is NaN, not 3"],
    ], done.stderr


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


def test_values_that_are_no_numbers_are_no_objects(bundles: Path, decoder: SelfTest, tmp_path: Path) -> None:
    bundle = spoiled(bundles / "end2end_bytes", tmp_path)
    output = bundle / "golden" / "output_0.f32"
    shape = json.loads((bundle / "bundle.json").read_text())["golden"]["outputs"][0]["shape"]
    values = np.fromfile(output, "<f4").reshape(shape)
    unused = np.argsort(values[0, :, 4])[:4]
    assert values[0, unused, 4].max() < 0.2
    values[0, unused] = [
        [10, 10, 60, 60, 0.9, np.nan],
        [10, 10, 60, 60, np.inf, 0],
        [10, 10, np.inf, 60, 0.9, 0],
        [10, 10, 60, 60, np.nan, 0],
    ]
    values.tofile(output)
    done = decoder(bundle)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_number_of_objects_that_is_none_is_no_object(bundles: Path, decoder: SelfTest, tmp_path: Path) -> None:
    bundle = spoiled(bundles / "four_outputs", tmp_path)
    np.full(1, np.nan, "<f4").tofile(bundle / "golden" / "output_3.f32")
    done = decoder(bundle)
    assert done.returncode == 1
    assert "missing: class" in done.stdout and "not expected" not in done.stdout


def halved_mask(golden: Path) -> None:
    """Let each mask end where the first run of it does."""
    values, at = np.fromfile(golden / "masks.u32", "<u4"), 0
    while at < len(values):
        _, _, width, height, runs = values[at : at + 5].tolist()
        values[at + 5 : at + 5 + runs - 1] = 0
        values[at + 5 + runs - 1] = width * height
        at += 5 + runs
    values.tofile(golden / "masks.u32")


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    dtype = "<f4" if name.endswith("f32") else "u1"

    def write(golden: Path) -> None:
        change(np.fromfile(golden / name, dtype)).astype(dtype).tofile(golden / name)

    return write


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("segment", halved_mask, "mask differs: class"),
        (
            "pose",
            changed("output_0.f32", lambda values: values + 4 * (np.arange(len(values)) >= 8 * 504)),
            "pose differs",
        ),
        ("obb", changed("output_0.f32", lambda values: values + 0.2 * (np.arange(len(values)) >= 8 * 504)), "at"),
        ("classify_crop", changed("output_0.f32", lambda values: values[::-1]), "has the probability"),
        ("semantic", changed("class_map.u8", lambda values: np.roll(values, 3)), "% of the cells differs"),
        ("several", changed("output_2.f32", lambda values: values + 0.01), "the number "),
        ("several", changed("output_1.f32", lambda values: values[::-1]), "has the probability"),
        ("sentence", changed("output_0.f32", lambda values: np.roll(values, 1)), "the sentence is "),
        ("sentence", changed("words.f32", lambda values: values * 0.9), "has the probability"),
        ("cuboid", changed("output_0.f32", lambda values: values + 0.01), "cuboid "),
        ("image_larger", changed("output_0.f32", lambda values: values * 0.9), "the picture is off by"),
    ],
)
def test_a_decoder_notices_other_values_of_its_task(
    bundles: Path, decoder: SelfTest, tmp_path: Path, name: str, spoil: Callable[[Path], None], said: str
) -> None:
    bundle = spoiled(bundles / name, tmp_path)
    spoil(bundle / "golden")
    done = decoder(bundle)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout


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
    """Where no Swift compiler is at hand, the grammar at least is checked."""
    tree_sitter = pytest.importorskip("tree_sitter")
    language = tree_sitter.Language(pytest.importorskip("tree_sitter_swift").language())
    parser = tree_sitter.Parser(language)
    sources = [*(bundles / "yolo_v8_mean" / "ios").glob("*.swift")]
    assert len(sources) == 7
    for source in sources:
        assert not parser.parse(source.read_bytes()).root_node.has_error, source.name
    broken = sources[0].read_bytes().replace(b"(", b"[", 1)
    assert parser.parse(broken).root_node.has_error
