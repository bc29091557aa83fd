"""Does the age of a frame stay bounded when the network is far too slow? A live source against a slowed model.

    python benchmarks/overload.py --model yolo.onnx --source rtsp://127.0.0.1:8554/live --seconds 600

Each call into the network is stretched to ``1 / --model-fps`` seconds. Every ten seconds the run notes age and memory;
the summary is one JSON document on stdout. What to look for: ``age_s.p99`` far below a second, ``rss_mb`` flat, and
drops that account for every frame that was not processed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click
import psutil
from numpy.typing import NDArray

from pipelines.engine import Pipeline
from streamvision.core.config.app import parse_config
from streamvision.inference.backends import open_backend
from streamvision.inference.model import Model

NOTE_EVERY_S = 10.0


class SlowedBackend:
    """A backend whose every call takes at least ``seconds_per_call``."""

    def __init__(self, backend: Any, seconds_per_call: float) -> None:
        self._backend = backend
        self._seconds_per_call = seconds_per_call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Execute, then wait until the call has taken its time."""
        end_s = time.monotonic() + self._seconds_per_call
        outputs = self._backend.run(tensor)
        time.sleep(max(end_s - time.monotonic(), 0))
        return outputs  # type: ignore[no-any-return]


@click.command(help=__doc__)
@click.option("--model", required=True, type=Path)
@click.option(
    "--source", "sources", multiple=True, default=("synthetic:boxes?fps=25&size=1280x720",), show_default=True
)
@click.option("--model-fps", default=5.0, show_default=True, help="Calls into the network per second.")
@click.option("--seconds", default=600.0, show_default=True)
def overload(model: Path, sources: tuple[str, ...], model_fps: float, seconds: float) -> None:
    """Run the overloaded pipeline and report."""
    document = {"model": {"path": model}, "streams": [{"source": source} for source in sources]}
    config = parse_config(document, origin="benchmark")
    slowed = SlowedBackend(open_backend(model), 1 / model_fps)
    pipeline = Pipeline(config, model=Model.open(config.model, backend=slowed))
    process = psutil.Process()
    notes: list[dict[str, float]] = []
    begin_s = time.monotonic()
    with pipeline:
        for channel in pipeline.view.channels.values():
            channel.add_viewer()  # as if somebody watched: every frame is drawn and encoded
        while (elapsed_s := time.monotonic() - begin_s) < seconds and not pipeline.wait(NOTE_EVERY_S):
            status = pipeline.statuses()[0]
            note = {"seconds": round(elapsed_s), "rss_mb": round(process.memory_info().rss / 2**20, 1)}
            note |= {f"age_{name}_s": value for name, value in (status.age_s or {}).items()}
            notes.append(note)
            print(note, file=sys.stderr)
        statuses = [status.to_json() for status in pipeline.statuses()]
    print(json.dumps({"model_fps": model_fps, "streams": statuses, "notes": notes, "failures": pipeline.failures()}))


if __name__ == "__main__":
    overload()
