"""Writes the bundle: a folder, and the same as a zip."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from exporters.base import Target, UnverifiedArtifact
from exporters.bundle.constants import model_spec
from exporters.bundle.golden import GoldenVectors, drawn_picture, record
from exporters.bundle.golden_files import write_golden
from exporters.bundle.reading import GoldenTolerance, Reading, reading_of, tolerance_of, with_numbers
from exporters.bundle.texts import describe
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ExportError
from streamvision.core.files import writing
from streamvision.evaluation.predictions import read_bgr
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model_card import ModelCard

_MANIFEST = "bundle.json"
_DECODERS = {
    "android": ("Decoder.kt", "Answers.kt", "Boxes.kt", "Oriented.kt", "Maps.kt", "SelfTest.kt"),
    "ios": ("Decoder.swift", "Answers.swift", "Boxes.swift", "Oriented.swift", "Maps.swift", "SelfTest.swift"),
    "web": ("decoder.mjs", "answers.mjs", "boxes.mjs", "oriented.mjs", "maps.mjs", "self_test.mjs"),
}
"""By folder of the bundle, the sources that are the same for every model, whatever its task."""


@dataclass(frozen=True)
class Bundle:
    """What was written."""

    folder: Path
    """The bundle."""
    archive: Path
    """The same as a zip file, beside the folder."""
    objects: int
    """How many objects the golden vectors have; 0 for models that judge the picture as a whole."""
    found: str
    """What the golden vectors show, such as ``12 objects``."""


def make_bundle(
    artefact: Path,
    folder: Path,
    *,
    backend: Backend,
    card: ModelCard,
    picture: Path | None = None,
    score: float | None = None,
) -> Bundle:
    """Put an artefact and all that an app needs for it into a folder and a zip beside it.

    Args:
        artefact: the model's file, or its folder for formats that are one; an OpenVINO ``.xml`` brings its ``.bin``.
        folder: where the bundle goes: new, empty, or an older bundle, which is replaced.
        backend: the artefact, loaded; the golden vectors are what it really returns. It stays open.
        card: the artefact's card.
        picture: what the golden vectors show; by default a frame of the drawn drive.
        score: lowest score of an object; by default the runtime's own.

    Raises:
        ExportError: when the decoders cannot read this model, the picture shows nothing, or the folder holds
            something else.
        SourceError: when the picture cannot be read.
        OutputError: when the folder cannot be written.
    """
    config = ModelConfig(path=artefact) if score is None else ModelConfig(path=artefact, score=score)
    reading = reading_of(card, config)
    tolerance = tolerance_of(backend)
    # Apps feed pictures of one size, one at a time, whatever else the artefact would take.
    card = with_numbers(card.with_input(dynamic_size=False, dynamic_batch=False, own_size=False, batch=1), backend)
    _check_replaceable(folder)
    vectors = record(
        backend,
        card,
        drawn_picture() if picture is None else read_bgr(picture),
        path=artefact,
        score=config.score,
    )
    with writing(f"the bundle to {folder}", instead="give another folder"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".bundle-") as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            _write(made, artefact, backend, card, reading, tolerance, vectors)
            archive = folder.with_name(f"{folder.name}.zip")
            packed = shutil.make_archive(str(Path(scratch) / "packed"), "zip", scratch, folder.name)
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
            Path(packed).replace(archive)
    return Bundle(folder, archive, len(vectors.found.detections), vectors.in_words(card.names))


def _write(
    made: Path,
    artefact: Path,
    backend: Backend,
    card: ModelCard,
    reading: Reading,
    tolerance: GoldenTolerance,
    vectors: GoldenVectors,
) -> None:
    model = _copy_artefact(artefact, made)
    (made / "card.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (made / "labels.txt").write_text("".join(f"{name}\n" for name in card.names), encoding="utf-8")
    manifest = {
        "artefact": model,
        "card": "card.json",
        "labels": "labels.txt",
        "reading": asdict(reading),
        "golden": write_golden(made, vectors, card, input_name=backend.input.name) | {"tolerance": asdict(tolerance)},
    }
    (made / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    shapes = {name: output.shape for name, output in vectors.outputs.items()}
    size = vectors.bgr.shape[1::-1]
    for name, sources in _DECODERS.items():
        (made / name).mkdir()
        for source in sources:
            text = (resources.files("exporters.bundle") / "decoders" / source).read_text(encoding="utf-8")
            (made / name / source).write_text(text, encoding="utf-8")
    for file in ("android/ModelSpec.kt", "ios/ModelSpec.swift"):
        language: Any = file.rpartition(".")[2]
        (made / file).write_text(
            model_spec(language, card, reading, tolerance, shapes, size, vectors.made_px), encoding="utf-8"
        )
    (made / "README.md").write_text(describe(model, card, reading, tolerance, vectors), encoding="utf-8")


def _copy_artefact(artefact: Path, made: Path) -> str:
    """Copy the model as ``model`` with its own ending, so that apps need not know its name, and return that."""
    target = made / f"model{artefact.suffix}"
    if artefact.suffix == ".xml":
        shutil.copyfile(artefact.with_suffix(".bin"), made / "model.bin")
    elif artefact.is_dir() and artefact.suffix != ".mlpackage":  # a folder as OpenVINO models come in
        files = sorted(artefact.glob("*.xml"))
        if len(files) != 1:
            raise ExportError(f"{artefact} holds {len(files)} .xml files; give one model")
        return _copy_artefact(files[0], made)
    (shutil.copytree if artefact.is_dir() else shutil.copyfile)(artefact, target)
    return target.name


def _check_replaceable(folder: Path) -> None:
    if folder.exists() and not (folder / _MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportError(f"{folder} holds something else than a bundle; give a new or empty folder")


_ENDING = "-bundle"


def bundle_exported(artifact: UnverifiedArtifact, target: Target, *, picture: Path | None = None) -> Bundle:
    """Put a proven artefact into a bundle beside it, named after it.

    Formats that this machine cannot run, such as Core ML, are executed by what the gate has compared.

    Args:
        artifact: the proven file, in its place.
        target: what made it.
        picture: what the golden vectors show; by default a frame of the drawn drive.

    Raises:
        ExportError: as :func:`exporters.bundle.make_bundle`.
        OutputError: as there.
    """
    backend = target.open(artifact)
    try:
        card = read_card(backend, path=artifact.path)
        folder = artifact.path.with_name(f"{artifact.path.name}{_ENDING}")
        return make_bundle(artifact.path, folder, backend=backend, card=card, picture=picture)
    finally:
        backend.close()
