"""The process of one step of one line: ``python -m streamvision.bench.formats.child JOB.json RESULT.json``.

What it found is ``{"found": {...}}``, and what could not be done ``{"error": "one sentence"}``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import StreamVisionError
from streamvision.inference.backends.base import Backend

Work = Literal["convert", "speed", "accuracy"]


@dataclass(frozen=True)
class Job:
    """What one process does; plain values, so that it can be written to a file."""

    work: Work
    """Which step."""
    model: str
    """The file: the source to convert, or what is measured."""
    is_checkpoint: bool = False
    """Whether it is trained weights that torch executes."""
    format: str = ""
    """For ``convert``: the export format."""
    made_in: str = "fp32"
    """For ``convert``: the export's precision."""
    output: str = ""
    """For ``convert``: the folder."""
    force: bool = False
    """For ``convert``: whether what stands in the way is replaced."""
    backend: str = "auto"
    """The runtime that executes it."""
    device: str = "auto"
    """Where."""
    precision: str = "auto"
    """In which arithmetic."""
    seconds: float = 4.0
    """For ``speed``: how long it is measured."""
    size_px: tuple[int, int] | None = None
    """Width and height of the input; ``None``: the model's own."""
    data: str | None = None
    """Labelled pictures."""
    data_format: str | None = None
    """Their format; ``None``: by their files."""
    calibration: str | None = None
    """Pictures for int8."""
    images: str | None = None
    """Pictures that are compared on; ``None``: the others."""
    max_images: int = 16
    """Most pictures that are compared on."""
    head: str | None = None
    """Layout of the outputs, where the file does not say it."""
    names: tuple[str, ...] | None = None
    """Class names that override the model's."""
    input: dict[str, Any] = field(default_factory=dict)
    """How pictures are fed, where the file does not say it."""
    trust_checkpoint: bool = False
    """Whether a checkpoint's own code may run."""

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))


def convert(job: Job) -> dict[str, Any]:
    """Export the source to one format and precision, through the gate."""
    from exporters.base import ExportOptions
    from exporters.export import Exporter, requests_for
    from exporters.parity.gate import Gate
    from exporters.parity.inputs import library_reference
    from exporters.targets.registry import TARGETS

    options = ExportOptions(size_px=_size(job), calibration=_path(job.calibration))
    source, pictures = _source(job), _pictures(job)
    gate = Gate(source, pictures, reference=library_reference(source))
    exporter = Exporter(source, gate, pictures, Path(job.output), force=job.force)
    precision: Any = job.made_in
    (result,) = exporter.run(requests_for([TARGETS.get(job.format)], [precision], options))
    return result.to_json()


def speed(job: Job) -> dict[str, Any]:
    """Measure latency, throughput and memory with one picture."""
    from streamvision.bench.model import bench_model

    picture = _pictures(job).pictures[0].load()
    backend = _torch_backend(job)
    config = ModelConfig(path=Path(job.model), side_px=None if backend else _side_px(job), **_settings(job))
    return bench_model(config, picture, seconds=job.seconds, backend=backend).to_json()


def accuracy(job: Job) -> dict[str, Any]:
    """Measure mAP on labelled pictures by the rules of ``eval detect``."""
    from streamvision.evaluation.evaluate import evaluate
    from streamvision.evaluation.model import open_model

    dataset = _dataset(job)
    loaded = _torch_backend(job)
    side_px = None if loaded else _side_px(job)
    with open_model(Path(job.model), side_px=side_px, loaded=loaded, **_settings(job)) as model:
        found = evaluate(model, dataset)
    return {"map50_95": found.figures.map50_95, "map50": found.figures.map50, "images": found.images}


def _source(job: Job) -> Any:
    from streamvision.checkpoints import open_source

    return open_source(
        job.model,
        names=job.names,
        head=job.head,
        size_px=_size(job),
        fed=job.input,
        trust_checkpoint=job.trust_checkpoint,
    )


def _torch_backend(job: Job) -> Backend | None:
    """Return trained weights in torch, fed as their exports are; ``None`` for files of other runtimes."""
    if not job.is_checkpoint:
        return None
    source = _source(job)
    own = source.card.input
    backend: Backend = source.backend(size_px=(own.width_px, own.height_px), device=job.device)
    return backend


def _settings(job: Job) -> dict[str, Any]:
    if job.is_checkpoint:
        return {}
    given = {"head": job.head, "names": job.names, "backend": job.backend, "device": job.device}
    fed = {"input": validate(ModelInputConfig, job.input, origin="--input")} if job.input else {}
    return {**given, "precision": job.precision, **fed}


def _pictures(job: Job) -> Any:
    from exporters.pictures import gate_pictures

    dataset = _dataset(job) if job.data and not job.images else None
    return gate_pictures(
        images=_path(job.images),
        dataset=dataset,
        data=_path(job.data),
        calibration=_path(job.calibration),
        count=job.max_images,
    )


def _dataset(job: Job) -> Any:
    from streamvision.datasets import read_dataset
    from streamvision.datasets.measured_part import choose_split

    assert job.data is not None
    format: Any = job.data_format
    return choose_split(read_dataset(Path(job.data), format=format, option="--data-format"), None)[0]


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _size(job: Job) -> tuple[int, int] | None:
    return (job.size_px[0], job.size_px[1]) if job.size_px else None


def _side_px(job: Job) -> int | None:
    return max(job.size_px) if job.size_px else None


def main(arguments: list[str]) -> None:
    """Do the job and write what was found."""
    job_file, result_file = map(Path, arguments)
    given = json.loads(job_file.read_text(encoding="utf-8"))
    if given["names"]:
        given["names"] = tuple(given["names"])
    job = Job(**given)
    try:
        document: dict[str, Any] = {"found": {"convert": convert, "speed": speed, "accuracy": accuracy}[job.work](job)}
    except StreamVisionError as error:
        document = {"error": " ".join(str(error).split())}
    except Exception as error:  # converters and runtimes raise whatever they like
        document = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:600]}
    part = result_file.with_suffix(".part")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(result_file)


if __name__ == "__main__":
    main(sys.argv[1:])
