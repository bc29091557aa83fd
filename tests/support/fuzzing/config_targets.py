"""The configuration: of a run, of a training, of the analytics."""

from __future__ import annotations

import json
import random
from pathlib import Path

from streamvision.core.config.app import load_config, parse_analytics, parse_config
from streamvision.core.config.merging import join_options, parse_address
from streamvision.core.errors import StreamVisionError
from streamvision.core.reading import parse_json
from streamvision.training.recipe import load_recipe
from support.fuzzing.mutation import NAMES, Files, dump_yaml, mutate_bytes, mutate_document, odd_value
from support.fuzzing.target import TOKENS, Target

ROOT = Path(__file__).resolve().parents[3]
ANALYTICS = {
    "lines": [{"name": "door", "points": [[0.5, 0.0], [0.5, 1.0]], "directions": ["west", "east"]}],
    "zones": [{"name": "hall", "points": [[0, 0.5], [0.5, 0.5], [0.5, 1]], "crowd": 3, "heading_deg": 90.0}],
    "speed": {"picture": [[0, 0], [1, 0], [1, 1], [0, 1]], "ground_m": [[0, 0], [9, 0], [9, 9], [0, 9]]},
    "heat_map": {},
}


def _seeds() -> list[Files]:
    files = sorted((ROOT / "configs").glob("*.yaml"))
    return [{"config.yaml": file.read_bytes()} for file in files if not file.name.startswith("train-")]


def _recipes() -> list[Files]:
    return [{"recipe.yaml": file.read_bytes()} for file in sorted((ROOT / "configs").glob("train-*.yaml"))]


def _made(rng: random.Random, files: Files) -> Files:
    """Change the document half of the time, and the text for the rest."""
    (name, content), *_ = files.items()
    if rng.random() < 0.6:
        import yaml

        document = yaml.safe_load(content)
        for _ in range(rng.choice((1, 1, 2, 5))):
            document = mutate_document(rng, document)
        try:
            return {name: dump_yaml(document).encode("utf-8", "surrogatepass")}
        except RecursionError:
            return {name: b"[" * 5000}
    for _ in range(rng.choice((1, 1, 2, 5))):
        content = mutate_bytes(rng, content, TOKENS[".yaml"])
    return {name: content}


def _run(folder: Path, rng: random.Random) -> None:
    parse_config(load_config(folder / "config.yaml"), origin=str(folder / "config.yaml"))


def _run_recipe(folder: Path, rng: random.Random) -> None:
    load_recipe(folder / "recipe.yaml", {})


def _run_analytics(folder: Path, rng: random.Random) -> None:
    parse_analytics(parse_json((folder / "a.json").read_bytes()), origin=str(folder / "a.json"))


def _analytics_case(rng: random.Random, files: Files) -> Files:
    document = mutate_document(rng, json.loads(files["a.json"]))
    try:
        content = json.dumps(document).encode()
        parse_json(content)
    except (RecursionError, ValueError):
        content = b"{}"
    return {"a.json": content}


def _run_options(folder: Path, rng: random.Random) -> list[str]:
    said = []
    document = {"model": {"path": "m.onnx"}, "streams": [{"source": "a.mp4"}]}
    names = ["serve", "tracker", "source", "input", "model", "analytics", "outputs", "stages", "mot", *NAMES]
    options = {rng.choice(names): odd_value(rng) for _ in range(2)}
    try:
        parse_config(join_options(document, options), origin="command line")
    except StreamVisionError as error:
        said.append(str(error))
    try:
        parse_address(rng.choice((*NAMES, "[::1]:80", "1" * 5000, "a:" + "9" * 5000, ":", "[::1", "::1%lo")))
    except StreamVisionError as error:
        said.append(str(error))
    return said


CONFIGURATION = [
    Target(name="config", group="configuration", seeds=_seeds, make=_made, run=_run),
    Target(name="recipe", group="configuration", seeds=_recipes, make=_made, run=_run_recipe),
    Target(
        name="analytics-config",
        group="configuration",
        seeds=lambda: [{"a.json": json.dumps(ANALYTICS).encode()}],
        make=_analytics_case,
        run=_run_analytics,
    ),
    Target(name="options", group="configuration", seeds=lambda: [{}], make=lambda _, files: files, run=_run_options),
]
