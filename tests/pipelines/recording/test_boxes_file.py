"""What was found, beside a recorded file, where another model takes over within it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.recording.boxes_file import BoxesFile, FoundObjects
from pipelines.recording.recorded_boxes import recorded_boxes
from pipelines.recording.segment_store import boxes_path
from streamvision.core.detections import Detections


def found(class_id: int, names: tuple[str, ...]) -> FoundObjects:
    box = np.array([[8.0, 6.0, 40.0, 30.0]], np.float32)
    return FoundObjects(
        100.0, Detections(box, np.array([0.9], np.float32), np.array([class_id], np.int32)), (160, 120), names
    )


def test_classes_that_a_new_model_brings_have_their_names(tmp_path: Path) -> None:
    segment = tmp_path / "30-00.250Z.continuous.mp4"
    file = BoxesFile(boxes_path(segment), stream="door", start_unix_s=1.0)
    file.write(0.0, found(1, ("cat", "dog")))
    file.write(0.2, found(2, ("cat", "dog", "fox")))
    file.write(0.4, found(0, ("cat", "dog", "fox")))
    file.close()
    frames = list(recorded_boxes(segment))
    assert [[one.class_name for one in frame.objects] for frame in frames] == [["dog"], ["fox"], ["cat"]]
    assert boxes_path(segment).read_text().count("names") == 2, "they are told where they change"
