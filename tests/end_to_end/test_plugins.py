"""Another package adds a source kind, a head, a frame stage and a sink by entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.tiny_detector import tiny_detector

MODULE = """
import json
from pathlib import Path

import numpy as np

from pipelines.capture.source import Captured, SourceKind
from pipelines.outputs.registry import SinkPlugin
from pipelines.stages.base import FrameStage
from streamvision.core.config.section import Section
from streamvision.core.picture import BgrPicture
from streamvision.core.registry import Plugin
from streamvision.inference.heads.registry import HeadPlugin
from streamvision.inference.heads.yolo_detect import YoloV8Head


class Grey:
    expected_frames = 3
    paced = False

    def __init__(self, spec, *, config, drops):
        self._level, self._left = int(spec.uri), 3

    def open(self):
        pass

    def read(self):
        if not self._left:
            return None
        self._left -= 1
        return Captured(BgrPicture(np.full((90, 160, 3), self._level, np.uint8)), (2 - self._left) / 10, 0.0)

    def close(self):
        pass


class HalfScore(YoloV8Head):
    def decode(self, outputs, **settings):
        found = super().decode(outputs, **settings)
        for one in found:
            one.score[:] = 0.5
        return found


class MarkSettings(Section):
    text: str = "seen"


class Mark(FrameStage):
    name = "mark"

    def __init__(self, context):
        self._text = context.options.text

    def process(self, result):
        result.stage_events += ({"stage": "mark", "name": self._text, "track_id": None, "values": {}},)


class CountSettings(Section):
    path: Path


class Count:
    def __init__(self, context):
        self._context, self._frames = context, 0

    def write(self, rendered):
        self._frames += 1

    def close(self):
        self._context.options.path.write_text(json.dumps({self._context.stream_id: self._frames}))


GREY = SourceKind(name="grey", summary="grey pictures", factory=Grey, accepts="grey:LEVEL", example="grey:90")
HEAD = HeadPlugin(name="half_score", summary="all scores are 0.5", factory=HalfScore, task="detect")
MARK = Plugin(name="mark", summary="an event on each frame", factory=Mark, config=MarkSettings)
COUNT = Plugin(name="count", summary="counts frames", factory=Count, config=CountSettings)
"""
ENTRY_POINTS = """
[streamvision.sources]
grey = their_plugins:GREY
[streamvision.heads]
half_score = their_plugins:HEAD
[streamvision.frame_stages]
mark = their_plugins:MARK
[streamvision.sinks]
count = their_plugins:COUNT
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder as ``pip install --target`` leaves it."""
    folder = tmp_path / "site"
    facts = folder / "their_plugins-1.0.dist-info"
    facts.mkdir(parents=True)
    (folder / "their_plugins.py").write_text(MODULE, encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: their-plugins\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    return folder


def python(package: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(package), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_another_package_brings_a_source_a_head_a_stage_and_a_sink(package: Path, tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    counted = tmp_path / "counted.json"
    config = tmp_path / "run.yaml"
    config.write_text(
        textwrap.dedent(
            f"""
            model: {{path: {model}, head: half_score, score: 0.1}}
            tracker: {{name: none}}
            streams: [{{source: "grey:90", id: wall, policy: file}}]
            stages: [{{name: mark, options: {{text: here}}}}]
            outputs: {{detections: {tmp_path}/d.jsonl, sinks: [{{name: count, options: {{path: {counted}}}}}]}}
            """
        ),
        encoding="utf-8",
    )
    done = python(package, "-m", "streamvision", "run", "--config", str(config), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (status,) = json.loads(done.stdout)["streams"]
    assert (status["state"], status["frames_done"]) == ("ended", 3)
    lines = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert [[event["name"] for event in line["stage_events"]] for line in lines] == [["here"]] * 3
    assert {found["score"] for line in lines for found in line["objects"]} == {0.5}
    assert json.loads(counted.read_text()) == {"wall": 3}


WRONG = [
    ("stages: [{name: mark, options: {txt: a}}]", "unknown key 'txt': did you mean 'text'?"),
    ("stages: [{name: marks}]", "'marks' is no frame stage: did you mean 'mark'?"),
    ("outputs: {sinks: [{name: counts}]}", "'counts' is no sink: did you mean 'count'?"),
]
ONE_AFTER_THE_OTHER = """
import sys
from streamvision.cli.main import main
for config in sys.argv[1:]:
    try:
        main(["run", "--config", config])
    except SystemExit as error:
        print(error.code)
"""


def test_what_is_wrong_with_their_settings_is_said_in_a_sentence(package: Path, tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    configs = [tmp_path / f"{number}.yaml" for number in range(len(WRONG))]
    for config, (change, _) in zip(configs, WRONG, strict=True):
        text = f"model: {{path: {model}}}\nstreams: [{{source: 'grey:90'}}]\n{change}\n"
        config.write_text(text, encoding="utf-8")
    done = python(package, "-c", ONE_AFTER_THE_OTHER, *map(str, configs), cwd=tmp_path)
    assert done.stdout.split() == ["1"] * len(WRONG), done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("streamvision: ")]
    assert len(said) == len(WRONG), done.stderr
    assert all(words in line for line, (_, words) in zip(said, WRONG, strict=True)), said
    assert "Traceback" not in done.stderr
