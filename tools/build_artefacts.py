"""Builds the release file of the road-sign model that ships: ``python tools/build_artefacts.py [--images DIR]``.

Into ``dist/road_signs/``, and the same as ``dist/road_signs.zip``, go the checkpoint, rebuilt from the ONNX file and
compared with it; files for phones, servers and browsers, each proven by the export's gate against that checkpoint; the
bundles that the example apps start with; model card, licences and checksums. Where one of them fails, nothing is left.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebuild_checkpoint import PICTURES, Equality, rebuild

from streamvision.datasets.drive import DriveSampling, write_drive_dataset
from streamvision.models import DEFAULT_MODEL, shipped_models

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "streamvision" / "models"
TIMEOUT_S = 3600.0
"""For one export with its gate."""
CALIBRATION_PICTURES = 64
DRAWN_SEED = 20
ZIP_DATE = (2020, 1, 1, 0, 0, 0)
"""Of every file in the archive, so that equal contents make equal archives."""


@dataclass(frozen=True)
class Recipe:
    """One artefact."""

    format: str
    precision: str
    use: str
    """What it is for, in words."""
    bundle: str | None = None
    """The example that starts with its bundle."""

    @property
    def name(self) -> str:
        """What ``--only`` calls it."""
        return f"{self.format}-{self.precision}"


RECIPES = (
    Recipe("onnx", "fp32", "ONNX Runtime and others that take no free sizes"),
    Recipe("openvino", "fp16", "OpenVINO"),
    Recipe("tflite", "fp32", "LiteRT: exact"),
    Recipe("tflite", "fp16", "LiteRT on GPUs; half the bytes", "android"),
    Recipe("tflite", "int8", "LiteRT on NPUs and small boards"),
    Recipe("coreml", "fp16", "Core ML and Vision", "ios"),
)
SHOWN = "pictures"
"""What the folder of pictures is called in reports."""
SHIPPED_BUNDLE = "web"
"""The example that starts with the bundle of the ONNX file that ships."""

_README = """# {name}: a detector of road signs, in every form

Made by `make artefacts` of StreamVision {version}. What the model finds, what it was measured at and what it gets
wrong: `MODEL_CARD.md`. The weights are under AGPL-3.0 (`LICENSE.txt`, `LICENSE-weights.txt`), the decoders in the
bundles under Apache-2.0 (`LICENSE-decoders.txt`). `sha256sum -c SHA256SUMS` checks what arrived.

`{name}.onnx` is the file that ships with StreamVision. `{name}.pt` was rebuilt from it, for ultralytics and
`streamvision train`, and gives the same raw outputs on {pictures} pictures: boxes within {box_px:.1g} px, scores
within {score:.1g}. The others were exported from it. Overlap and difference of scores are means over the objects of
the pictures that the gate compared; its reports are in `reports/`.

| file | for | size | overlap (IoU) | score differs by |
| --- | --- | --- | --- | --- |
{rows}

{notes}

`bundles/` has what the example apps start with: `android`, `ios` and `web`, each with decoders and golden vectors. In
a checkout of StreamVision, `make examples` puts them in their places.
"""


class BuildError(RuntimeError):
    """Why there is no release, in one sentence."""


def build(
    output: Path,
    *,
    images: Path | None = None,
    only: Sequence[str] | None = None,
    pictures: int = PICTURES,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write the release and return its archive.

    Args:
        output: folder for ``road_signs`` and ``road_signs.zip``; older ones are replaced.
        images: photographs like those that the model learnt from; by default scenes of the synthetic drive.
        only: names of the recipes to make; by default all.
        pictures: how many pictures batch normalisation's statistics are measured on.
        say: called with one line on each step.

    Raises:
        BuildError: when the rebuilt checkpoint or an artefact differs from the model that ships.
    """
    output = output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".artefacts-", dir=output) as scratch:
        made = Path(scratch) / DEFAULT_MODEL
        made.mkdir()
        if images is None:
            images = Path(scratch) / "drive"
            sampling = DriveSampling(images=CALIBRATION_PICTURES, seed=DRAWN_SEED, cropped=True)
            write_drive_dataset(images, sampling, format="yolo", split="train")
        source = shipped_models()[DEFAULT_MODEL].path
        shutil.copyfile(source, made / source.name)
        checkpoint = made / f"{DEFAULT_MODEL}.pt"
        # Reports name what was compared, and nobody's folders belong into a release.
        (Path(scratch) / SHOWN).symlink_to(images.resolve())
        equality = rebuild(source, checkpoint, images=images, pictures=pictures)
        say(f"{checkpoint.name}: {equality}")
        if not equality.passed:
            raise BuildError(f"the rebuilt checkpoint is not the model that ships: {equality}")
        artefacts = [
            _exported(recipe, made, Path(scratch), say) for recipe in RECIPES if only is None or recipe.name in only
        ]
        _run(Path(scratch), "bundle", source, "--output", made / "bundles" / SHIPPED_BUNDLE)
        (made / "bundles" / f"{SHIPPED_BUNDLE}.zip").unlink()
        _write_texts(made, equality, artefacts)
        archive = Path(scratch) / f"{DEFAULT_MODEL}.zip"
        _pack(made, archive)
        shutil.rmtree(output / DEFAULT_MODEL, ignore_errors=True)
        made.rename(output / DEFAULT_MODEL)
        return archive.replace(output / archive.name)


def _exported(recipe: Recipe, made: Path, scratch: Path, say: Callable[[str], None]) -> list[str]:
    """Put one proven artefact into the release and return its row of the README's table, and then notes on it."""
    folder = scratch / recipe.name
    begin_s = time.monotonic()
    checkpoint = Path(made.name) / f"{DEFAULT_MODEL}.pt"
    given: list[str | Path] = ["export", checkpoint, "--format", recipe.format, "--precision", recipe.precision]
    given += ["--images", SHOWN, "--output", folder, "--json"]
    given += ["--calibration", SHOWN] if recipe.precision == "int8" else []
    given += ["--bundle"] if recipe.bundle else []
    result = json.loads(_run(scratch, *given))["artefacts"][0]
    path = Path(result["path"])
    if recipe.bundle:
        bundle = Path(result["bundle"])
        (made / "bundles").mkdir(exist_ok=True)
        bundle.rename(made / "bundles" / recipe.bundle)
        bundle.with_name(f"{bundle.name}.zip").unlink()
    (made / "reports").mkdir(exist_ok=True)
    for report in folder.glob(f"{path.name}.parity.*"):
        report.rename(made / "reports" / report.name)
    path.rename(made / path.name)
    figures = {stage["name"]: stage["figures"] for stage in result["parity"]["stages"]}["result"]
    iou, score = (figures[name]["value"] for name in ("mean_iou", "mean_score_difference"))
    size = f"{result['bytes'] / 1e6:.1f} MB"
    say(f"{path.name}: {size}, mean IoU {iou:.4f}, after {time.monotonic() - begin_s:.0f} s")
    row = f"| `{path.name}` | {recipe.use} | {size} | {iou:.4f} | {score:.4f} |"
    return [row, *(f"`{path.name}`: {note}" for note in result["notes"])]


def _run(folder: Path, *given: str | Path) -> str:
    """Run a command of streamvision in a folder, in a process of its own, and return what it printed."""
    command = [sys.executable, "-m", "streamvision", *map(str, given)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"streamvision {' '.join(command[3:5])} was not done in {TIMEOUT_S:.0f} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BuildError(f"streamvision {' '.join(command[3:])} failed: {last}")
    return done.stdout


def _write_texts(made: Path, equality: Equality, artefacts: Sequence[Sequence[str]]) -> None:
    card = (MODELS / f"{DEFAULT_MODEL}.md").read_text(encoding="utf-8")
    version = importlib.metadata.version("streamvision-edge")
    text = _README.format(
        name=DEFAULT_MODEL,
        version=version,
        rows="\n".join(row for row, *_ in artefacts),
        notes="\n\n".join(n for _, *notes in artefacts for n in notes),
        **vars(equality),
    )
    (made / "README.md").write_text(text, encoding="utf-8")
    (made / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    shutil.copyfile(MODELS / "LICENSE-weights.txt", made / "LICENSE-weights.txt")
    shutil.copyfile(ROOT / "LICENSE", made / "LICENSE-decoders.txt")
    (made / "LICENSE.txt").write_text(_agpl(), encoding="utf-8")
    files = sorted(path for path in made.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(made).as_posix()}\n" for file in files
    ]
    (made / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _agpl() -> str:
    """Return the licence's text as ultralytics, whose weights these were, brings it."""
    files: Any = importlib.metadata.files("ultralytics") or ()
    for file in files:
        if file.name == "LICENSE":
            text = file.read_text(encoding="utf-8")
            if "GNU AFFERO GENERAL PUBLIC LICENSE" in text:
                return str(text)
    raise BuildError("the package ultralytics brings no text of the AGPL; install it anew from PyPI")


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder.parent).as_posix(), ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, file.read_bytes())


def main() -> int:
    """Build the release; the exit code is 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR", help="by default dist/ here")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="photographs of streets, which reports show; by default drawn scenes"
    )
    parser.add_argument(
        "--pictures", type=int, default=PICTURES, help="how many of them batch normalisation is measured on"
    )
    parser.add_argument("--only", metavar="A,B", help=f"of {', '.join(recipe.name for recipe in RECIPES)}")
    given = parser.parse_args()
    begin_s = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - begin_s:6.1f} s] {text}\n")

    only = [word for word in given.only.split(",") if word] if given.only is not None else None
    if unknown := sorted(set(only or ()) - {recipe.name for recipe in RECIPES}):
        parser.error(f"{', '.join(unknown)} is none of {', '.join(recipe.name for recipe in RECIPES)}")
    # So that the scratch folder and the export at work go, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        archive = build(given.output, images=given.images, only=only, pictures=given.pictures, say=say)
    except BuildError as error:
        sys.stderr.write(f"artefacts: {error}\n")
        return 1
    sys.stdout.write(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
