"""``run --blur``: the video, the pictures of events and those of identities show nothing private."""

import av
import cv2
import numpy as np
import pytest

from support.command_line import called
from support.fixed_networks import bright_cell_detector

BOX = slice(96, 128), slice(64, 96)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[BOX] = np.where(np.arange(32) // 4 % 2, 255, 150)[None, :, None]
    for index in range(12):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture)
    return folder


@pytest.mark.parametrize("options", [(), ("--blur",)])
def test_nothing_private_is_kept(film, tmp_path, options):
    model = bright_cell_detector(tmp_path / "plates.onnx")
    blur = (*options, "--blur-model", str(model)) if options else ()
    outputs = ("--record", str(tmp_path / "r.mp4"), "--table", str(tmp_path / "t.csv"), "--overwrite")
    done = called("run", str(film), "--model", str(model), *outputs, *blur, "--json")
    assert done.code == 0, done.stderr
    assert done.report["streams"][0]["frames_done"] == 12
    with av.open(str(tmp_path / "r.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    crops = [cv2.imread(str(path)) for path in (tmp_path / "t.crops").rglob("*.jpg")]
    assert len(frames) == 12 and crops
    inner = [frame[100:124, 68:92] for frame in frames]
    sharp = [float(np.abs(np.diff(one.astype(float), n=2, axis=1)).mean()) for one in (*inner, *crops)]
    assert max(sharp) < 8 if options else min(sharp) > 12
