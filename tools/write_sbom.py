"""Writes the bill of materials of an installation, CycloneDX as JSON, checked against the schema: ``make sbom``.

All packages are listed with version, licence and package URL, and the model that ships, whose licence is its own.
The same installation gives the same file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from streamvision.models import ShippedModel, shipped_models

ROOT = Path(__file__).resolve().parents[1]
SPECIFICATION = SchemaVersion.V1_6
INSTALL_TIMEOUT_S = 1800.0
"""Longest time that packages may take to come."""
DESCRIBE_TIMEOUT_S = 300.0


def install(extras: str, folder: Path) -> Path:
    """Install this project with ``extras`` into an environment of its own, without pip; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=DESCRIBE_TIMEOUT_S)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", f"{ROOT}[{extras}]"]
    subprocess.run(pip, check=True, timeout=INSTALL_TIMEOUT_S)
    return python


def describe(python: Path) -> dict[str, Any]:
    """Return the bill of materials of an environment."""
    command = [
        sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", ROOT / "pyproject.toml",
        "--mc-type", "application", "--spec-version", SPECIFICATION.to_version(), "--output-format", "JSON",
        "--output-reproducible", "--no-validate", python,
    ]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=DESCRIBE_TIMEOUT_S)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def model_component(model: ShippedModel) -> dict[str, Any]:
    """Return what stands for a model that ships in the package."""
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{model.name}",
        "name": model.name,
        "description": f"finds {model.finds}",
        "licenses": [{"license": {"id": model.licence}}],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(model.path.read_bytes()).hexdigest()}],
    }


def with_models(document: dict[str, Any]) -> dict[str, Any]:
    """Return a bill of materials with the models that ship, on which the application depends."""
    models = [model_component(model) for model in shipped_models().values()]
    root = document["metadata"]["component"]["bom-ref"]
    dependencies = [
        {**one, "dependsOn": sorted({*one.get("dependsOn", []), *(model["bom-ref"] for model in models)})}
        if one["ref"] == root
        else one
        for one in document["dependencies"]
    ]
    more = [{"ref": model["bom-ref"]} for model in models]
    return {**document, "components": [*document["components"], *models], "dependencies": [*dependencies, *more]}


def main() -> None:
    """Write the file and print its path."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extras", nargs="?", default="cpu", help="extras that are installed, such as cpu,mqtt")
    parser.add_argument("--python", type=Path, help="describe the environment of this Python, and install nothing")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "sbom", metavar="DIR")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        document = with_models(describe(given.python or install(given.extras, Path(scratch) / "installed")))
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if fault := JsonStrictValidator(SPECIFICATION).validate_str(text):
        sys.exit(f"The bill of materials is not what CycloneDX {SPECIFICATION.to_version()} allows: {fault}")
    given.output.mkdir(parents=True, exist_ok=True)
    path = given.output / f"streamvision-edge-{given.extras.replace(',', '-')}.cdx.json"
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
