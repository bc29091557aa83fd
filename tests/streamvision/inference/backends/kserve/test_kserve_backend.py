"""Models on a real Triton and a real MLServer, against the same files in this process."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters.repository import write_repository
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import DeviceError, ModelAwayError, ModelError
from streamvision.core.model_location import model_location
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.kserve.backend import KserveBackend
from streamvision.inference.model import Model
from support.model_servers import MlServer, ModelServer, Triton
from support.nginx import proxied
from support.tiny_detector import tiny_detector, tiny_pictures

pytest.importorskip("tritonclient.grpc")
PROTOCOLS = ("http", "grpc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("servers")
    tiny_detector(folder / "single.onnx", dynamic=False)
    tiny_detector(folder / "joined.onnx", seed=1)
    return folder


@pytest.fixture(scope="module")
def triton(folder: Path) -> Iterator[ModelServer]:
    for name in ("single", "joined"):
        write_repository(folder / f"{name}.onnx", folder / "triton", platform="python")
    with Triton(folder / "triton", folder / "triton-scratch") as server:
        yield server


@pytest.fixture(scope="module")
def mlserver(folder: Path) -> Iterator[ModelServer]:
    for name in ("single", "joined"):
        write_repository(folder / f"{name}.onnx", folder / "mlserver", server="mlserver")
    with MlServer(folder / "mlserver", folder / "mlserver-scratch") as server:
        yield server


def opened(server: ModelServer, name: str, protocol: str, **settings: Any) -> KserveBackend:
    backend = open_backend(model_location(server.address(name, protocol)), requests=None, **settings)
    assert isinstance(backend, KserveBackend)
    return backend


def pictures(count: int) -> list[BgrPicture]:
    random = np.random.default_rng(3)
    return [BgrPicture(random.integers(0, 255, (48, 64, 3), np.uint8)) for _ in range(count)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("which", ["triton", "mlserver"])
def test_a_served_model_finds_what_the_file_finds(
    which: str, protocol: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    server: ModelServer = request.getfixturevalue(which)
    for name in ("single", "joined"):
        here = ModelConfig(path=folder / f"{name}.onnx", score=0.3)
        there = ModelConfig(path=server.address(name, protocol), score=0.3)
        with Model.open(here) as local, Model.open(there) as remote:
            assert remote.card == local.card, "the card came along"
            assert remote.describe().startswith(f"{name}: yolo_v8, 3 classes, 64x64, kserve on 127.0.0.1:")
            for one, other in zip(local.detect(pictures(9)), remote.detect(pictures(9)), strict=True):
                assert len(one) and one.box_xyxy_px.tobytes() == other.box_xyxy_px.tobytes()
                assert one.score.tobytes() == other.score.tobytes()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_calls_that_a_server_joins_each_get_their_own_answer(triton: ModelServer, folder: Path, protocol: str) -> None:
    backend, local = opened(triton, "joined", protocol), open_backend(folder / "joined.onnx")
    assert (backend.requests, backend.max_batch, backend.useful_batch) == (8, 8, 1)
    tensors = tiny_pictures(24)[:, None]
    with ThreadPoolExecutor(8) as threads:
        outputs = list(threads.map(lambda tensor: backend.run(tensor)[0], tensors))
    for tensor, output in zip(tensors, outputs, strict=True):
        np.testing.assert_allclose(output, local.run(tensor)[0], rtol=1e-4, atol=1e-3)
    together = backend.run(tiny_pictures(19))[0]
    np.testing.assert_allclose(together, local.run(tiny_pictures(19))[0], rtol=1e-4, atol=1e-3)
    backend.close()
    backend.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tensors_go_through_shared_memory_which_is_given_back(triton: ModelServer, protocol: str) -> None:
    before = {path.name for path in Path("/dev/shm").iterdir()}
    backend = opened(triton, "joined", protocol)
    transport, sent = backend._engine, []
    infer = transport.infer

    def watched(inputs: Any, outputs: Any, timeout_s: float) -> Any:
        sent.append((inputs, outputs))
        return infer(inputs, outputs, timeout_s)

    transport.infer = watched
    for count in (1, 5, 2):
        backend.run(tiny_pictures(count))
    assert all(one.part is not None for inputs, outputs in sent for one in (*inputs, *outputs))
    assert {path.name for path in Path("/dev/shm").iterdir()} - before
    backend.close()
    assert not {path.name for path in Path("/dev/shm").iterdir()} - before


def test_a_server_that_refuses_shared_memory_is_used_without(
    folder: Path, triton: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    closed = "--http-restricted-api=shared-memory:admin=secret"
    with Triton(folder / "triton", folder / "closed-scratch", closed) as server:
        backend, other = opened(server, "single", "http"), opened(triton, "single", "http")
        with caplog.at_level(logging.WARNING):
            outputs = [backend.run(tensor) for tensor in tiny_pictures(3)[:, None]]
        assert [other.run(tensor)[0].tobytes() for tensor in tiny_pictures(3)[:, None]] == [
            o[0].tobytes() for o in outputs
        ]
        (line,) = [record.getMessage() for record in caplog.records]
        assert "tensors go through the connection, since shared memory is refused" in line
        backend.close()
        other.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_was_killed_is_used_again(folder: Path, tmp_path: Path, protocol: str) -> None:
    write_repository(folder / "single.onnx", tmp_path / "models", platform="python")
    tensor = tiny_pictures(1)
    with Triton(tmp_path / "models", tmp_path / "scratch") as server:
        backend = opened(server, "single", protocol)
        before = backend.run(tensor)[0]
        server.kill()
        for _ in range(2):
            with pytest.raises(ModelAwayError, match=r"127\.0\.0\.1:\d+/single: the server does not answer \("):
                backend.run(tensor)
        server.start()
        assert back_again(backend, tensor).tobytes() == before.tobytes()
        if protocol == "grpc":
            backend.close()
            return
        server.kill()
        config = tmp_path / "models" / "single" / "config.pbtxt"
        config.write_text(config.read_text().replace("c0", "other"))
        server.start()
        with pytest.raises(ModelError, match="is another model than it was"):
            back_again(backend, tensor)
        backend.close()


def back_again(backend: KserveBackend, tensor: np.ndarray) -> np.ndarray:
    deadline_s = time.monotonic() + 60
    while True:
        try:
            return backend.run(tensor)[0]
        except ModelAwayError:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)


def test_a_token_is_sent_and_a_wrong_one_is_refused_and_not_shown(triton: ModelServer, tmp_path: Path) -> None:
    asked = 'if ($http_authorization != "Bearer right-token") { return 401; }'
    with proxied(triton.http_port, tmp_path, path="/", more=asked) as address:
        host = address.partition("//")[2].rstrip("/")
        backend = open_backend(model_location(f"kserve://right-token@{host}/single"))
        assert backend.run(tiny_pictures(1))[0].shape == (1, 7, 84)
        backend.close()
        with pytest.raises(ModelError, match=r"the server answers HTTP status 401; give a model that") as caught:
            open_backend(model_location(f"kserve://wrong-token@{host}/single"))
        assert "wrong-token" not in str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_not_there_is_one_sentence(triton: ModelServer, protocol: str) -> None:
    with pytest.raises(ModelError, match=r"unknown model.*; give a model that is loaded there") as caught:
        opened(triton, "no-such-model", protocol)
    assert not isinstance(caught.value, ModelAwayError)
    with pytest.raises(DeviceError, match="executes where and how its server says"):
        opened(triton, "single", protocol, device="cuda")
    swapped = triton.address("single", protocol).replace(str(triton.http_port), "PORT")
    swapped = swapped.replace(str(triton.grpc_port), str(triton.http_port)).replace("PORT", str(triton.grpc_port))
    with pytest.raises(ModelError, match=r"gRPC port|does not answer"):
        open_backend(model_location(swapped), call_timeout_s=5)
