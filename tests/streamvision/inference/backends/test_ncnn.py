"""NCNN: the right numbers, whatever threads there are, and damaged files as one sentence instead of a crash."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.ncnn_param import input_shapes, is_int8, read_param, write_param
from streamvision.inference.backends.probe import NCNN_PARAM, computes_right
from support.ncnn_files import ncnn_model

UNSIZED = NCNN_PARAM.replace(b" 0=8 1=8 2=3", b"")


@pytest.fixture
def needs_ncnn() -> None:
    pytest.importorskip("ncnn")


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((8, 8, 3), np.float32)


def nchw(picture_hwc: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture_hwc.transpose(2, 0, 1)[None])


@pytest.mark.usefixtures("needs_ncnn")
def test_it_computes_the_right_numbers_from_the_file_and_from_its_folder(tmp_path: Path) -> None:
    path = ncnn_model(tmp_path / "tiny", task="detect", names={0: "cat"})
    for given in (path, path.parent):
        backend = open_backend(given)
        assert (backend.name, backend.device, backend.precision) == ("ncnn", "cpu", "fp32")
        assert (backend.input.shape, backend.outputs[0].shape) == ((1, 3, 8, 8), (1, 1, 8, 8))
        assert (backend.input.name, backend.outputs[0].name) == ("x", "y")
        assert backend.metadata == {"task": "detect", "names": '{"0": "cat"}'}
        assert computes_right(backend.run(nchw(picture())), picture())


@pytest.mark.usefixtures("needs_ncnn")
def test_calls_at_a_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    backend = open_backend(ncnn_model(tmp_path), requests=4)
    assert backend.requests == 4
    wrong: list[int] = []

    def work(seed: int) -> None:
        given = picture(seed)
        wrong.extend(seed for _ in range(50) if not computes_right(backend.run(nchw(given)), given))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.usefixtures("needs_ncnn")
def test_what_it_does_not_compute_in_is_refused(tmp_path: Path) -> None:
    path = ncnn_model(tmp_path)
    assert open_backend(path, precision="bf16").precision == "bf16"
    with pytest.raises(DeviceError, match="not in int8"):
        open_backend(path, precision="int8")
    with pytest.raises(DeviceError, match="--device cpu"):
        open_backend(path, device="cuda")


@pytest.mark.usefixtures("needs_ncnn")
def test_the_size_may_stand_in_the_metadata_of_ultralytics(tmp_path: Path) -> None:
    said = {"names": {0: "cat"}, "stride": 8, "imgsz": [8, 16]}
    backend = open_backend(ncnn_model(tmp_path / "said", param=UNSIZED, **said))
    assert backend.input.shape == (1, 3, 8, 16)
    with pytest.raises(ModelError, match="says how large its input is"):
        open_backend(ncnn_model(tmp_path / "unsaid", param=UNSIZED))


@pytest.mark.usefixtures("needs_ncnn")
@pytest.mark.parametrize(
    ("param", "weights", "message"),
    [
        (NCNN_PARAM, None, "there is no model.ncnn.bin"),
        (NCNN_PARAM, b"\0\0\0\0", "is damaged, or not the weights of model.ncnn.param"),
        (NCNN_PARAM.replace(b"Convolution", b"Revolution"), bytes(16), "has no layer for Revolution"),
        (NCNN_PARAM.replace(b"7767517", b"1234567"), bytes(16), "does not begin with 7767517"),
        (NCNN_PARAM.replace(b"2 2\n", b"2000000000 2\n"), bytes(16), "not as many layers and blobs as it says"),
        (NCNN_PARAM.replace(b"1 1 x y", b"1 1 z y"), bytes(16), "y reads z, which no layer before it makes"),
        (NCNN_PARAM.replace(b"1 1 x y", b"9 9 x y"), bytes(16), "line 4 is no layer"),
        (NCNN_PARAM.replace(b"6=3", b"6=three"), bytes(16), "line 4 is no layer"),
        (NCNN_PARAM.replace(b" x 0=8", b" " + b"x" * 300 + b" 0=8"), bytes(16), "line 3 is no layer"),
        (NCNN_PARAM.replace(b"0=8", b"0=800000"), bytes(16), "says how large its input is"),
        (b"7767517\n0 0\n", bytes(16), "is damaged"),
        (b"\xff\xff", bytes(16), "give an NCNN .param file"),
    ],
)
def test_a_damaged_model_is_one_sentence(tmp_path: Path, param: bytes, weights: bytes | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_backend(ncnn_model(tmp_path, param=param, weights=weights))


def test_a_folder_with_two_models_is_refused(tmp_path: Path) -> None:
    ncnn_model(tmp_path)
    (tmp_path / "other.param").write_bytes(NCNN_PARAM)
    with pytest.raises(ModelError, match=r"a folder with 2 \.xml or \.param files"):
        open_backend(tmp_path)


def test_layers_are_written_as_they_were_read(tmp_path: Path) -> None:
    layers = read_param(ncnn_model(tmp_path))
    assert input_shapes(layers) == {"x": (3, 8, 8)}
    assert not is_int8(layers)
    write_param(layers, tmp_path / "again.param")
    assert read_param(tmp_path / "again.param") == layers
    quantised = ncnn_model(tmp_path / "int8", param=NCNN_PARAM.replace(b"6=3", b"6=3 8=2"))
    assert is_int8(read_param(quantised))
