"""An output that fails says so, is tried again, and is never called whole."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.outputs import output as output_module
from pipelines.outputs.mp4 import Mp4Sink
from pipelines.outputs.output import Output
from pipelines.outputs.outputs import open_sinks
from pipelines.outputs.sink import SinkContext
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame

NOISE = np.random.default_rng(0).integers(0, 255, (180, 320, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, so that a test does not take the time of a real fault."""
    monkeypatch.setattr(output_module, "FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(output_module, "RECOVERED_S", 0.5)


def rendered(index: int) -> RenderedFrame:
    picture = BgrPicture(NOISE)
    result = Result(Frame("gate", index, index / 25, 0.0, picture), Detections.empty())
    return RenderedFrame(result, draw=picture.to_canvas, encode=lambda canvas: b"")


def opened(**files: Path) -> Output:
    (output,) = open_sinks(OutputsConfig.model_validate(files), [SinkContext("gate", True, ("car",))])["gate"]
    return output


def write_until(output: Output, condition: Callable[[], Any], *, begin: int = 0) -> int:
    """Write 50 frames a second until the condition holds; return how many."""
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s, output.status()
        output.write(rendered(begin))
        begin += 1
        time.sleep(0.02)
    return begin


def test_lines_go_on_when_their_folder_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    output = opened(detections=folder / "d.jsonl")
    assert output.status().state == "writing"
    Path(folder).rename(tmp_path / "gone")
    (tmp_path / "gone" / "d.jsonl").unlink()
    output._sink.close()  # type: ignore[union-attr]
    output._sink = None
    begin = write_until(output, lambda: output.status().failures)
    status = output.status()
    assert (status.state, status.name, status.target) == ("failing", "detections", str(folder / "d.jsonl"))
    assert "No such file" in status.reason
    folder.mkdir()
    write_until(output, lambda: output.status().state == "writing", begin=begin)
    output.close()
    assert (folder / "d.jsonl").read_text().count("\n") > 10
    assert output.status().lost["failing"] > 0
    assert len(output.failures) == 1, "what is missing stays missing"


def test_a_full_device_fails_again_and_again_and_is_told_once() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    output = opened(detections=Path("/dev/full"))
    count = write_until(output, lambda: output.status().failures >= 3)
    assert output.status().state == "failing"
    assert output.status().lost == {"failing": count}
    assert output.failures == [output.status().reason]
    output.close()


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


LIMITED = """
    import resource, sys, time
    from pathlib import Path
    import numpy as np
    from test_output import frames_in, opened, write_until
    import pipelines.outputs.output
    pipelines.outputs.output.FIRST_RETRY_S, pipelines.outputs.output.RECOVERED_S = 0.2, 1.5
    path = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, resource.RLIM_INFINITY))
    output = opened(record=path)
    begin = write_until(output, lambda: output.status().failures)
    assert output.status().state == "failing"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    begin = write_until(output, lambda: output.status().state == "writing", begin=begin)
    frames = write_until(output, lambda: path.stat().st_size > 900_000, begin=begin)
    output.close()
    assert output.status().state == "closed"
    recorded = sum(frames_in(one) for one in path.parent.iterdir())
    assert recorded + output.status().lost["failing"] == frames, (recorded, output.status())
    print(output.failures)
"""


def test_a_recording_goes_on_in_a_new_file_and_both_play(tmp_path: Path) -> None:
    """A limit of file sizes behaves like a disk that is full, and has room again."""
    path = tmp_path / "v.mp4"
    program = [sys.executable, "-c", textwrap.dedent(LIMITED), str(path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, env=_environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert "cannot write" in done.stdout
    old, new = sorted(tmp_path.iterdir())
    assert new == path
    assert all(frames_in(video) >= 20 for video in (old, new))


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}


ENDING = """
    import resource, sys
    from pathlib import Path
    from pipelines.outputs.mp4 import Mp4Sink
    from test_output import rendered
    from streamvision.core.telemetry import DropCounter
    drops = DropCounter()
    sink = Mp4Sink(Path(sys.argv[1]), drops=drops)
    for index in range(30):
        sink.write(rendered(index))
    written = Path(sys.argv[1]).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (written + 1000, written + 1000))
    try:
        sink.close()
    except OSError as error:
        print(error, drops.by_cause())
"""


def test_a_disk_that_is_full_at_the_very_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    program = [sys.executable, "-c", textwrap.dedent(ENDING), str(path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, env=_environment(), check=False)
    assert "cannot write" in done.stdout, done.stderr
    assert "{'failing': 5}" in done.stdout
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 25, "whole fragments stay, half of one does not"


def test_a_recorder_that_wrote_nothing_leaves_no_file(tmp_path: Path) -> None:
    sink = Mp4Sink(tmp_path / "v.mp4")
    sink.close()
    assert not list(tmp_path.iterdir())


def test_a_sink_without_a_second_chance_stays_failing() -> None:
    class Broken:
        def write(self, rendered: RenderedFrame) -> None:
            raise SystemExit("over")

        def close(self) -> None:
            raise ZeroDivisionError

    output = Output("own", Broken())
    for index in range(3):
        output.write(rendered(index))
    output.close()
    assert output.status().state == "failing"
    assert output.status().lost == {"failing": 3}
    assert output.failures == ["an output failed: SystemExit('over')"]
