"""A run on a file tells a real server of every event that it writes down, in order, before it ends."""

from __future__ import annotations

import json
from pathlib import Path

from support.command_line import streamvision
from support.event_receiver import EventReceiver
from support.serving import EVERYWHERE, write_config
from support.tiny_detector import tiny_detector


def test_a_run_tells_what_it_writes_down(tmp_path: Path) -> None:
    receiver = EventReceiver()
    source = "synthetic:boxes?fps=20&size=160x120&frames=80&realtime=0"
    with receiver.listening():
        config = write_config(
            tmp_path / "run.yaml",
            tiny_detector(tmp_path / "tiny.onnx"),
            {"source": source, "id": "gate", "policy": "file"},
            analytics={"zones": [EVERYWHERE]},
            notify={"targets": {"hook": {"kind": "webhook", "url": receiver.url}}, "rules": [{"name": "all"}]},
        )
        events = tmp_path / "e.jsonl"
        finished = streamvision("run", "--config", config, "--events", events, "--state", tmp_path / "state")
    assert finished.code == 0, finished.stderr
    written = [json.loads(line)["id"] for line in events.read_text().splitlines()]
    assert written and receiver.ids == written
