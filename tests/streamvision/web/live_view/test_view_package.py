"""The web component as an npm package: what is in it, that it stands by itself, and what its types say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from streamvision.core.version import __version__
from support.npm_packages import npm_modules

VIEW = Path(__file__).resolve().parents[4] / "streamvision" / "web" / "static" / "view"
LARGEST_BYTES = 250_000
CONSUMER = """
import { StreamVisionView, type FoundObject } from "@streamvision/view";

const view = document.querySelector("streamvision-view");
if (view) {
  const same: StreamVisionView = view;
  same.styleName = "box_corner";
  same.labels = null;
  same.token = "svt_1";
  same.pause();
  same.addEventListener("streamvision-click", ({ detail }) => {
    const object: FoundObject | null = detail.object;
    const edges: [number, number, number, number] | undefined = object?.box_xyxy_px;
    console.log(edges, detail.x_px.toFixed(1), detail.result.objects.length);
  });
  same.addEventListener("click", (event) => console.log(event.clientX));
  document.addEventListener("streamvision-state", (event) => console.log(event.detail.reason.length));
  same.snapshot({ type: "image/png" }).then((picture) => console.log(picture.size));
  // @ts-expect-error -- there is no such state
  const wrong: boolean = same.state === "asleep";
  // @ts-expect-error -- it is the element's own
  same.state = "live";
}
const made = document.createElement("streamvision-view");
made.stream = "gate";
type Attributes = JSX.IntrinsicElements["streamvision-view"];
const attributes: Attributes = { src: "https://cams.example", stream: "gate", labels: true };
// @ts-expect-error -- a mode is one of two
attributes.mode = "soon";
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the packed package is installed."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: apt-get install npm")
    folder = tmp_path_factory.mktemp("consumer")
    npm = ["npm", "pack", str(VIEW), "--json", "--no-update-notifier", "--offline"]
    packed = subprocess.run(npm, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
    with tarfile.open(folder / json.loads(packed.stdout)[0]["filename"]) as archive:
        archive.extractall(folder, filter="data")
    (folder / "node_modules" / "@streamvision").mkdir(parents=True)
    (folder / "package").rename(folder / "node_modules" / "@streamvision" / "view")
    return folder


def test_the_package_is_all_modules_their_types_and_the_licence(installed: Path, project_root: Path) -> None:
    package = installed / "node_modules" / "@streamvision" / "view"
    files = {file.name: file.read_bytes() for file in package.rglob("*") if file.is_file()}
    modules = {file.name for file in VIEW.glob("*.js")}
    assert set(files) == modules | {"package.json", "index.d.ts", "README.md", "LICENSE"}
    assert sum(map(len, files.values())) < LARGEST_BYTES
    assert files["LICENSE"] == (project_root / "LICENSE").read_bytes()
    said = json.loads(files["package.json"])
    assert (said["version"], said["license"], said["type"]) == (__version__, "Apache-2.0", "module")
    for name in (said["types"], said["exports"]["."]["default"], *said["sideEffects"]):
        assert (package / name).is_file(), name


def test_no_module_needs_anything_beyond_its_folder() -> None:
    """Other sites' pages, and who installs the package, have this folder alone."""
    for module in VIEW.glob("*.js"):
        text = module.read_text(encoding="utf-8")
        imported = re.findall(r"""(?:\bfrom|\bimport|\bimport\()\s*["']([^"']+)["']""", text)
        for name in imported:
            assert name.startswith("./") and (VIEW / name).is_file(), f"{module.name} imports {name}"
    assert '"./live-picture.js"' in (VIEW / "streamvision-view.js").read_text(encoding="utf-8")


def test_it_can_be_imported_where_there_is_no_page(installed: Path) -> None:
    script = "const { StreamVisionView } = await import('@streamvision/view'); console.log(StreamVisionView.name)"
    node = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(node, cwd=installed, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "StreamVisionView", done.stderr


def test_the_types_say_what_the_element_takes_and_tells(installed: Path, reference_dir: Path) -> None:
    compiler = npm_modules(Path(__file__).parents[3] / "support" / "npm_typescript", reference_dir) / "typescript"
    (installed / "consumer.mts").write_text(CONSUMER, encoding="utf-8")
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"]
    command = ["node", str(compiler / "lib" / "tsc.js"), *options, "consumer.mts"]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
