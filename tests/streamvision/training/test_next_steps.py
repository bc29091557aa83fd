"""The end of a run: its picture of results, and commands that work as they are printed."""

from __future__ import annotations

import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.command_line import called

pytest.importorskip("torch")
pytest.importorskip("torchvision")

pytestmark = [pytest.mark.slow, pytest.mark.reference]


def test_the_printed_commands_show_the_model_at_work_and_export_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for level, name in ((60, "dark ones"), (200, "light ones")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            blocks = rng.integers(level - 50, level + 50, (6, 8, 3), dtype=np.uint8)
            picture = cv2.resize(blocks, (48, 36), interpolation=cv2.INTER_NEAREST)
            cv2.imwrite(str(tmp_path / "data" / name / f"{number}.png"), picture)
    done = called(
        *("train", "--data", tmp_path / "data", "--model", "squeezenet1_1", "--imgsz", "32", "--batch", "4"),
        *("--epochs", "1", "--threads", "1", "--val-share", "0.3", "--balance", "class-weights", "--mixup", "0.5"),
        *("--project", tmp_path, "--name", "run", "--json"),
    )
    assert done.code == 0, done.stderr
    picture = cv2.imread(done.report["results"])
    assert picture.shape[0] > 400
    assert picture.shape[1] > 1000
    shows, exports = done.report["next"]
    assert shows in done.stderr
    assert "augment:\n  mixup: 0.5\n" in (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")
    assert shlex.split(exports)[:3] == ["streamvision", "export", str(tmp_path / "run" / "weights" / "best.pt")]
    ran = called(*shlex.split(shows)[1:])
    assert ran.code == 0, ran.stderr
    assert (tmp_path / "run" / "held-out.mp4").stat().st_size > 0
    exported = called(*shlex.split(exports)[1:], "--json")
    assert exported.code == 0, exported.stderr
    (artefact,) = exported.report["artefacts"]
    assert artefact["parity"]["passed"]
    assert Path(artefact["path"]).exists()
