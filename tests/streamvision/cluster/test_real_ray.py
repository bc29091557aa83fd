"""Streams and files on machines of a real Ray, one of which is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from support import ray_machines
from support.command_line import running, streamvision
from support.free_ports import free_port
from support.ray_machines import RayMachine
from support.red_box_film import red_box_film
from support.serving import BOXES, until
from support.tiny_detector import tiny_detector

WITHIN_S = 240.0
SLOW_BOXES = BOXES.replace("fps=20", "fps=4")


class Page:
    """The page of a service, as programs see it."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def streams(self) -> dict[str, dict[str, Any]]:
        status, answer = self.ask("GET", "/api/streams")
        assert status == 200, answer
        return {stream["id"]: stream for stream in json.loads(answer)["streams"]}

    def live(self) -> set[str]:
        return {name for name, one in self.streams().items() if one["state"] == "live" and one["frames_done"]}


@pytest.fixture(scope="module")
def north() -> Iterator[RayMachine]:
    """The machine that all clusters of this module begin with, and that none of its tests ends."""
    if (reason := ray_machines.unavailable()) is not None:
        pytest.skip(reason)
    with RayMachine("north", labels="site=north") as machine:
        yield machine


@contextmanager
def serving(folder: Path, address: str, *ids: str) -> Iterator[Page]:
    port, config, log = free_port(), folder / "cameras.json", folder / "log.txt"
    model = {"path": str(tiny_detector(folder / "tiny.onnx")), "threads": 1}
    streams = [{"id": name, "source": SLOW_BOXES} for name in ids]
    outputs = {"detections": str(folder / "found.jsonl")}
    cluster = {"address": address, "lease_s": 10}
    document = {"model": model, "streams": streams, "outputs": outputs, "cluster": cluster}
    config.write_text(json.dumps(document))
    command = ("serve", "--config", config, "--state", folder / "state", "--serve", f"127.0.0.1:{port}", "-v")
    with (
        log.open("w") as errors,
        running(*command, stdout=subprocess.DEVNULL, stderr=errors) as process,
    ):
        until(lambda: "Watch at " in log.read_text() or process.poll() is not None, "the page is there", WITHIN_S)
        assert process.poll() is None, log.read_text()
        yield Page(port)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.mark.slow
def test_streams_of_a_machine_that_is_killed_go_on_elsewhere(north: RayMachine, tmp_path: Path) -> None:
    with (
        RayMachine("south", north.address, labels="site=south") as south,
        serving(tmp_path, north.address, "a", "b") as page,
    ):
        until(lambda: page.live() == {"a", "b"}, "both are live", WITHIN_S)
        assert {stream["node"] for stream in page.streams().values()} == {"north", "south"}
        bound = {"id": "bound", "source": SLOW_BOXES, "node_labels": {"site": "south"}}
        status, answer = page.ask("POST", "/api/streams", bound)
        assert status == 201, answer
        until(lambda: page.live() == {"a", "b", "bound"}, "the third is live", WITHIN_S)
        places = {name: stream["node"] for name, stream in page.streams().items()}
        assert places["bound"] == "south", "the label was not heeded"
        status, answer = page.ask("PATCH", "/api/streams/a", {"classes": ["no-such-class"]})
        assert status == 400 and b"no-such-class" in answer, "what a node refuses is refused here"
        status, jpeg = page.ask("GET", "/streams/bound/snapshot.jpg")
        assert status == 200
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (120, 160, 3)  # type: ignore[union-attr]

        (moving,) = [name for name in ("a", "b") if places[name] == "south"]
        (staying,) = [name for name in ("a", "b") if places[name] == "north"]
        south.kill()
        until(lambda: page.streams()[moving]["node"] == "north", "it is given to the other", WITHIN_S)
        until(lambda: moving in page.live(), "it is live there", WITHIN_S)
        lonely = page.streams()["bound"]
        assert (lonely["node"], lonely["state"]) == (None, "connecting") and "site=south" in lonely["reason"]
        done = page.streams()[staying]["frames_done"]
        until(lambda: page.streams()[staying]["frames_done"] > done, "the other goes on", WITHIN_S)
        assert page.ask("DELETE", f"/api/streams/{moving}")[0] == 204
        assert moving not in page.streams()
    lines = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    frames = [line["frame"] for line in lines if line["stream"] == staying]
    assert frames == list(range(frames[0], frames[0] + len(frames))), "the stream that stayed lost frames"
    begun = [line["frame"] for line in lines if line["stream"] == moving]
    again = next(number for number, frame in enumerate(begun) if number and frame < begun[number - 1])
    for part in (begun[:again], begun[again:]):
        assert part == sorted(set(part)), "a frame came twice, or from two machines at once"


@pytest.mark.slow
def test_files_are_worked_on_by_a_cluster_once(north: RayMachine, tmp_path: Path) -> None:
    from ray._raylet import GcsClient

    films = [red_box_film(tmp_path / f"{name}.mp4", frames=6) for name in "ab"]
    model, output = tiny_detector(tmp_path / "tiny.onnx"), tmp_path / "found"
    (tmp_path / "c.mp4").write_text("no film")
    inputs = [word for film in (*films, tmp_path / "c.mp4") for word in ("--input", str(film))]
    command = ("run", "{input}", "--model", model, "--detections", "{output}/found.jsonl", "--json")
    words = ("batch", "--cluster", north.address, *inputs, "--output", output, "--json", *command)
    first = streamvision(*words)
    again = streamvision(*words)
    jobs = str(GcsClient(address=north.address).get_all_job_info())
    assert (first.code, first.report["done"], first.report["done_before"]) == (1, 2, 0), first.stderr
    assert list(first.report["failures"]) == [str(tmp_path / "c.mp4")]
    assert (again.code, again.report["done"], again.report["done_before"]) == (1, 2, 2), again.stderr
    assert "streamvision" in jobs and str(output) not in jobs, "Ray shows command lines, and with them passwords"
    for film in films:
        lines = (output / film.name / "found.jsonl").read_text().splitlines()
        assert [json.loads(line)["frame"] for line in lines] == list(range(6))
        assert json.loads((output / film.name / "batch.json").read_text())["output"]["streams"][0]["frames_done"] == 6


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    before_s = time.monotonic()
    ran = streamvision(
        "serve", "--model", model, "--state", tmp_path / "state", "--cluster", f"127.0.0.1:{free_port()}"
    )
    assert ran.code == 1
    sentence = ran.sentence()
    assert ("cluster" in sentence and "ray start" in sentence) or "not installed" in sentence
    assert time.monotonic() - before_s < WITHIN_S
