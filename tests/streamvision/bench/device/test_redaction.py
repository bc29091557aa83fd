"""What tells of people and places does not get into a report, wherever it stands."""

from __future__ import annotations

import json

import pytest

from streamvision.bench.device.redaction import ReportRedactor

SECRET = [
    "/home/anke/models/yolo.onnx cannot be read",
    "open('/home/anke'): permission denied",
    "~/anke/private/key.pem",
    "rtsp://admin:tiger@camera-7.lan.example:554/stream refused",
    "https://nas.example/share?token=tiger",
    "no route to 192.168.17.4",
    "no route to 192.168.17.4:8554.",
    "connect to fe80::1ff:fe23:4567:890a failed, and to ::ffff:10.1.2.3 too",
    "interface 02:42:ac:11:00:02 is down",
    "GPU-8f9a3f3c-1d2e-4b5a-9c8d-7e6f5a4b3c2d fell off the bus",
    "Serial Number: 1420123456789, serial no 0323216129961",
    "mail anke@example.org",
    "password=tiger",
    "user anke on edge-box-17 started it",
]
HIDDEN = ("anke", "tiger", "camera-7", "nas.example", "192.168", "fe80", "10.1.2.3", "02:42", "8f9a3f3c", "142012",
          "032321", "edge-box-17", "private")  # fmt: skip


@pytest.mark.parametrize("text", SECRET)
def test_texts(text: str) -> None:
    shown = ReportRedactor(["anke", "edge-box-17"]).text(text)
    assert not [word for word in HIDDEN if word in shown], shown


def test_the_names_of_this_machine_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "berta")
    monkeypatch.setenv("HOSTNAME", "barn-cam")
    assert "berta" not in ReportRedactor().text("berta@barn-cam:~$") and "barn-cam" not in ReportRedactor().text(
        "barn-cam"
    )


def test_documents_are_gone_through_to_their_keys_and_ends() -> None:
    document = {"anke": [{"deep": ("/home/anke/x", 3, None, True, 1.5)}], "n": 10**3}
    shown = ReportRedactor(["anke"]).document(document)
    assert "anke" not in json.dumps(shown)
    assert shown["n"] == 1000 and shown["***"][0]["deep"][1:] == [3, None, True, 1.5]
    nested: list[object] = []
    for _ in range(100):
        nested = [nested, "tiger" * 5000]
    assert len(json.dumps(ReportRedactor().document(nested))) < 100_000


@pytest.mark.parametrize(
    "text",
    [
        "opencv-python-headless 4.11.0.86, loaded as 4.11.0",
        "PyAV 16.0.1 with libavcodec 62.11.100: h264, hevc",
        "/usr/lib/x86_64-linux-gnu/libcudnn.so.9 is missing",
        "pip install --extra-index-url https://pypi.jetson-ai-lab.io/jp6/cu126 'streamvision-edge[jetson]'",
        "NVIDIA Jetson AGX Orin Developer Kit, power mode MODE_15W_6CORE",
        "12 of 16 frames/s at 12:34:56, equal within the limits",
        "see https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html)",
        "CUDA 12.6.77, cuDNN 9.3.0; TensorRT 10.3.0",
    ],
)
def test_what_a_maintainer_needs_stays(text: str) -> None:
    assert ReportRedactor(["anke"]).text(text) == text
