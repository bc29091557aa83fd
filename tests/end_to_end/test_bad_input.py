"""Bad input: one clear sentence and a non-zero exit, never a traceback, and nothing hangs."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from streamvision.cli import session
from support.command_line import called, running, streamvision


def test_a_missing_file(model: Path) -> None:
    done = streamvision("run", "--source", "/nowhere/none.mp4", "--model", model, "--json")
    assert done.code == 1
    assert "/nowhere/none.mp4" in done.sentence()
    assert "none.mp4" in json.loads(done.stdout)["error"]


def test_an_unknown_scheme(model: Path) -> None:
    done = called("run", "--source", "gopher://x/y", "--model", model)
    assert done.code == 1
    assert "rtsp://" in done.sentence()


def test_no_log_shows_a_password_and_no_reason_is_endless(model: Path, tmp_path: Path) -> None:
    class Camera(StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline().strip():
                sequence = b"1"
                while header := self.rfile.readline().strip():
                    if header.lower().startswith(b"cseq:"):
                        sequence = header.partition(b":")[2].strip()
                status = b"200 OK" if line.startswith(b"OPTIONS") else b"503 " + b"auth-" * 700
                self.wfile.write(b"RTSP/1.0 " + status + b"\r\nCSeq: " + sequence + b"\r\n\r\n")

    with ThreadingTCPServer(("127.0.0.1", 0), Camera) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        host = f"127.0.0.1:{server.server_address[1]}"
        log = tmp_path / "log.txt"
        source = f"rtsp://admin:p@ss/word hunter2@{host}/live?token=hunter2"
        arguments = ["-vv", "run", "--source", source, "--model", model]
        with log.open("w") as stderr, running(*arguments, stderr=stderr) as process:
            deadline_s = time.monotonic() + 60
            while "cannot be opened" not in log.read_text() and process.poll() is None:
                assert time.monotonic() < deadline_s, log.read_text()
                time.sleep(0.05)
            process.terminate()
            process.wait(60)
        server.shutdown()
    text = log.read_text()
    assert f"rtsp://***@{host}/live" in text
    assert not any(secret in text for secret in ("hunter2", "ss/word", "p@ss"))
    assert max(map(len, text.splitlines())) < 2200


def test_a_source_that_is_no_video(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "notes.mp4"
    file.write_text("this is not a video\n" * 50)
    monkeypatch.setattr(session, "POLL_S", 0.0)
    done = called("run", "--source", file, "--model", model)
    assert done.code == 1
    assert "notes.mp4" in done.sentence()
    assert done.stderr.count("notes.mp4") == 1, "said once, however often it is looked"


def test_a_file_that_is_no_model(video: Path, tmp_path: Path) -> None:
    file = tmp_path / "text.onnx"
    file.write_text("this is not a model")
    done = called("run", "--source", video, "--model", file)
    assert done.code == 1
    assert "text.onnx" in done.sentence()


def test_a_training_checkpoint_must_be_exported_first(video: Path, data_dir: Path) -> None:
    done = called("run", "--source", video, "--model", data_dir / "models" / "yolov8n_coco.pt")
    assert done.code == 1
    assert "export" in done.sentence()


@pytest.mark.reference
def test_a_model_with_an_unknown_head(video: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx builds the test's model")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("GlobalAveragePool", ["images"], ["odd"])]
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("images", kind, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("odd", kind, [1, 3, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "odd.onnx")
    done = called("run", "--source", video, "--model", tmp_path / "odd.onnx")
    assert done.code == 1
    assert "--head" in done.sentence()


def test_a_device_that_is_not_there_is_not_silently_replaced(video: Path, model: Path) -> None:
    done = called("run", "--source", video, "--model", model, "--device", "cuda")
    assert done.code == 1
    assert "cuda" in done.sentence().lower()


def test_a_port_in_use(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        address = f"127.0.0.1:{port}"
        done = called("run", "--source", "synthetic:boxes", "--model", model, "--serve", address)
        unread = called("run", "--source", "synthetic:boxes", "--model", "absent.onnx", "--serve", address)
    assert done.code == unread.code == 1
    assert str(port) in done.sentence()
    assert unread.sentence() == done.sentence(), "said before the model is looked at"


def test_an_output_that_cannot_be_written(video: Path, model: Path, tmp_path: Path) -> None:
    done = called("run", "--source", video, "--model", model, "--detections", tmp_path / "no" / "folder" / "d.jsonl")
    assert done.code == 1
    assert "d.jsonl" in done.sentence()


def test_an_unknown_key_in_a_config(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("model: {path: m.onnx}\nstreams: [{source: a.mp4}]\nsevre: {}\n")
    done = called("run", "--config", file)
    assert done.code == 1
    assert "did you mean 'serve'" in done.sentence()


def test_a_class_that_the_model_does_not_have(video: Path, model: Path) -> None:
    done = called("run", "--source", video, "--model", model, "--class", "carr")
    assert done.code == 1
    assert "car" in done.sentence()


@pytest.mark.gstreamer
def test_a_wrong_password_is_said_and_not_shown(data_dir: Path, model: Path) -> None:
    from support.rtsp_server import RtspServer

    with RtspServer(data_dir / "videos" / "car-detection.mp4", users={"admin": "right-one"}) as server:
        url = f"rtsp://admin:wrong-one@127.0.0.1:{server.port}/live"
        done = called("run", "--source", url, "--model", model, "--json")
    assert done.code == 1
    assert "password" in done.sentence()
    assert "wrong-one" not in done.stdout + done.stderr
