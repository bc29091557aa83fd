"""A whole service that follows a store: a model comes, is proven and takes over while its stream runs, and stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from support.artifact_stores import folder_publisher
from support.red_box_film import red_box_detector, red_box_film
from support.serve_process import Process, serve
from support.serving import until

pytest.importorskip("minisign", reason="py-minisign is not installed: pip install 'streamvision-edge[fleet]'")

WITHIN_S = 200.0


def model_of(process: Process) -> dict[str, Any]:
    models = {one["name"]: one for one in process.ask("GET", "/api/fleet")[1]["models"]}
    return models.get("default", {"state": "not published"})


def frames_done(process: Process) -> int:
    return sum(stream["frames_done"] for stream in process.ask("GET", "/api/streams")[1]["streams"])


@pytest.mark.slow
def test_a_model_comes_takes_over_and_is_there_again(tmp_path: Path) -> None:
    publisher = folder_publisher(tmp_path)
    film = red_box_film(tmp_path / "film.mp4", frames=50)
    begun = red_box_detector(tmp_path / "begun.onnx", score=0.9)
    config = {
        "model": {"path": str(begun), "threads": 1},
        "streams": [{"id": "gate", "source": str(film), "realtime": True, "loop": True, "policy": "live"}],
        "fleet": {
            "store": publisher.store.place,
            "public_key": publisher.public_key,
            "every_s": 5,
            "replace": {"shadow_s": 0.5, "shadow_share": 1.0, "pictures": 3, "min_objects": 3},
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    arguments = ("--config", tmp_path / "config.json", "--state", tmp_path / "state")

    with serve(*arguments) as process:
        until(lambda: frames_done(process) > 0, "it runs")
        assert process.ask("GET", "/api/fleet")[1]["number"] is None
        publisher.push({"default": red_box_detector(tmp_path / "new.onnx", score=0.8, side_px=96)})
        assert process.ask("POST", "/api/fleet/check", {})[0] == 204
        until(lambda: model_of(process)["state"] in ("running", "refused"), "it takes over", WITHIN_S)
        assert model_of(process)["state"] == "running", model_of(process)
        before = frames_done(process)
        until(lambda: frames_done(process) > before, "the stream goes on")

        publisher.push({"default": red_box_detector(tmp_path / "bad.onnx", found="cat")})
        process.ask("POST", "/api/fleet/check", {})
        until(lambda: model_of(process)["state"] == "refused", "what finds something else is refused", WITHIN_S)
        outcomes = tmp_path / "state" / "fleet" / "outcomes.json"
        until(lambda: outcomes.exists() and '"refused"' in outcomes.read_text(), "that is written down")
        process.process.send_signal(signal.SIGKILL)
        process.process.wait(60)

    shutil.rmtree(publisher.store.place)
    with serve(*arguments) as process:
        until(lambda: frames_done(process) > 0, "it runs again")
        status = process.ask("GET", "/api/fleet")[1]
        assert (status["number"], model_of(process)["state"]) == (2, "refused")
        until(lambda: process.ask("GET", "/api/fleet")[1]["fault"] is not None, "the store is missed")
        assert process.ask("GET", "/readyz")[0] == 200, "a store that is away makes nothing less ready"
        faults = process.ask("GET", "/api/streams")[1]["faults"]
        assert "goes on with manifest 2" in " ".join(faults)
        (running,) = [one for one in process.ask("GET", "/api/models")[1]["models"] if one["name"] in (None, "default")]
        assert Path(running["path"]).name == "new.onnx"
        assert running["path"].startswith(os.fspath(tmp_path / "state" / "fleet" / "models"))
        assert process.stop() == 0
