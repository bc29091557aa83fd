"""Tries every task in every format: ``python tools/task_matrix.py RESULTS.jsonl --images DIR [--weights FILE.pt]``.

Each model goes through ``streamvision export`` and its gate with fixed random weights, one process for each, and each
artefact's verdict is appended to the results, which a second run goes on from. ``--table`` prints them as Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMATS = ("onnx", "openvino", "tflite", "coreml")
SEED = 1
TIMEOUT_S = 900.0
PASSED = "passed"


@dataclass(frozen=True)
class Model:
    """One line of the table."""

    task: str
    """As the model card names it."""
    name: str
    """What ``streamvision export`` is given, with random weights."""
    side_px: int | None = 320
    """``--imgsz``; ``None`` for the model's own."""


MODELS = (
    Model("detect", "yolov8n.yaml"),
    Model("detect", "yolo11n.yaml"),
    Model("detect", "yolo26n.yaml"),
    Model("detect", "yolov5n.yaml"),
    Model("detect", "yolov8n-rtdetr.yaml"),
    Model("detect", "ssdlite320_mobilenet_v3_large"),
    Model("detect", "retinanet_resnet50_fpn"),
    Model("detect", "fasterrcnn_resnet50_fpn"),
    Model("segment", "yolov8n-seg.yaml"),
    Model("segment", "yolo26n-seg.yaml"),
    Model("segment", "maskrcnn_resnet50_fpn"),
    Model("pose", "yolov8n-pose.yaml"),
    Model("pose", "yolo26n-pose.yaml"),
    Model("pose", "keypointrcnn_resnet50_fpn"),
    Model("obb", "yolo11n-obb.yaml"),
    Model("obb", "yolo26n-obb.yaml"),
    Model("semantic", "deeplabv3_mobilenet_v3_large"),
    Model("semantic", "yolo26n-sem.yaml"),
    Model("semantic", "unet"),
    Model("semantic", "smp/unet@mobilenet_v2"),
    Model("semantic", "smp/deeplabv3@mobilenet_v2"),
    Model("semantic", "smp/deeplabv3plus@mobilenet_v2"),
    Model("depth", "yolo26n-depth.yaml"),
    Model("classify", "yolov8n-cls.yaml", None),
    Model("classify", "mobilenet_v3_small", None),
    Model("classify", "resnet18", None),
    Model("classify", "efficientnet_b0", None),
    Model("classify", "swin_t", None),
    Model("classify", "vit_b_16", None),
    Model("classify", "lenet", None),
    Model("classify", "small_xception", None),
    Model("classify", "timm/xception", None),
    Model("classify", "timm/convnext_atto", None),
)
"""The lightest of each family."""


def main() -> None:
    """Try what has no result yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--images", type=Path, help="pictures that the gate compares on")
    parser.add_argument("--max-images", type=int, default=4)
    parser.add_argument("--weights", type=Path, help="a detector with real weights (.pt), tried as well")
    parser.add_argument("--only", default="", help="part of the names of the models to try")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--table", action="store_true", help="print the results as Markdown and try nothing")
    given = parser.parse_args()
    if given.table:
        sys.stdout.write(table(read_results(given.results)) + "\n")
        return
    models = [Model("detect", str(given.weights), None)] if given.weights else []
    for model in (*models, *MODELS):
        known = {(row["model"], row["format"]) for row in read_results(given.results)}
        missing = [format for format in given.formats.split(",") if (Path(model.name).name, format) not in known]
        if given.only in model.name and missing:
            rows = tried(model, missing, given.images, given.max_images)
            with given.results.open("a", encoding="utf-8") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in rows)


def tried(model: Model, formats: list[str], images: Path | None, max_images: int) -> list[dict[str, Any]]:
    """Return one row for each format: the verdict of the command, or how it failed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "streamvision", "export", model.name, "--format", ",".join(formats)]
        command += ["--output", folder, "--max-images", str(max_images), "--json"]
        command += ["--images", str(images)] if images else []
        command += ["--imgsz", str(model.side_px)] if model.side_px else []
        command += [] if Path(model.name).is_file() else ["--random-weights", str(SEED)]
        about: dict[str, Any] = {"task": model.task, "model": Path(model.name).name, "side_px": model.side_px}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
            artefacts = json.loads(done.stdout)["artefacts"]
        except subprocess.TimeoutExpired:
            return [about | {"format": format, "sentence": f"not done in {TIMEOUT_S:.0f} s"} for format in formats]
        except (json.JSONDecodeError, KeyError):
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return [
                about | {"format": format, "sentence": f"exit code {done.returncode}: {last}"} for format in formats
            ]
    return [about | _row(artefact) for artefact in artefacts]


def _row(artefact: dict[str, Any]) -> dict[str, Any]:
    stages = {stage["name"]: stage["figures"] for stage in artefact["parity"]["stages"]}
    figures = {name: figure["value"] for name, figure in stages.get("result", {}).items() if isinstance(figure, dict)}
    return {
        "format": artefact["format"],
        "precision": artefact["precision"],
        "sentence": artefact["error"] or PASSED,
        "seconds": artefact["seconds"],
        "bytes": artefact["bytes"],
        "figures": figures,
    }


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the rows so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table of models by format; failures are numbered, their sentences follow."""
    verdicts = {(row["task"], row["model"], row["format"]): row for row in rows}
    lines = ["| task | model | " + " | ".join(FORMATS) + " |", "|---" * (2 + len(FORMATS)) + "|"]
    sentences: list[str] = []
    for task, model in dict.fromkeys((row["task"], row["model"]) for row in rows):
        cells = []
        for format in FORMATS:
            row = verdicts.get((task, model, format))
            cells.append("-" if row is None else _cell(row, sentences))
        lines.append(f"| {task} | {model} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1))])


def _cell(row: dict[str, Any], sentences: list[str]) -> str:
    if row["sentence"] == PASSED:
        return f"{PASSED} ({row['precision']})"
    reason = row["sentence"].partition(": ")[2] or row["sentence"]  # without the file's name
    if reason not in sentences:
        sentences.append(reason)
    return f"no [{sentences.index(reason) + 1}]"


if __name__ == "__main__":
    main()
