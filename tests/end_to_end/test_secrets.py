"""The real command with secrets in variables and files: none of them is seen anywhere, however odd it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from support.command_line import called, command

SECRETS = {
    "rtsp": "p@ss/wo#rd?x=1",
    "http": "quo\"te'd $$ü",
    "tcp": "a b;c&d|e",
    "token": "Zk4_plain-token",
    "gst": "gst-pass!word",
}
SOURCES = {
    "rtsp": "rtsp://admin:${RTSP_PASSWORD}@127.0.0.1:9/live",
    "http": "http://admin:${file:SECRET}@127.0.0.1:9/video.mjpg",
    "tcp": "tcp://${CREDENTIALS_OF_TCP}@127.0.0.1:9",
    "token": "http://127.0.0.1:9/${TOKEN_OF_CAMERA}/snap.jpg?apikey=${TOKEN_OF_CAMERA}",
}
PATHS = [
    "",
    "api/streams",
    "metrics",
    "readyz",
    "api/openapi.json",
    "streams/rtsp",
    "api/streams/none",
    "streams/rtsp/snapshot.jpg",
]


@pytest.mark.parametrize("workers", [1, 2])
def test_secrets_are_seen_nowhere(tiny: Path, tmp_path: Path, workers: int) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRETS["http"] + "\n")
    stage = tmp_path / "telling.py"
    stage.write_text(
        "class Telling:\n"
        "    def __init__(self, key):\n        self.key = key\n"
        "    def __call__(self, result):\n        raise RuntimeError(f'refused: {self.key!r}, {self.key}')\n"
    )
    streams = [{"id": name, "source": source.replace("SECRET", str(secret))} for name, source in SOURCES.items()]
    config = tmp_path / "config.json"
    document = {
        "model": {"path": str(tiny)},
        "streams": [*streams, {"id": "drawn", "source": "synthetic:boxes?fps=10&size=320x240"}],
        "stages": [{"path": f"{stage}:Telling", "options": {"key": "${KEY_OF_STAGE}"}}],
        "serve": {"port": 0}, "workers": workers, "outputs": {"detections": str(tmp_path / "d.jsonl")},
    }  # fmt: skip
    config.write_text(json.dumps(document))
    environ = {
        "RTSP_PASSWORD": SECRETS["rtsp"], "CREDENTIALS_OF_TCP": f"admin:{SECRETS['tcp']}",
        "TOKEN_OF_CAMERA": SECRETS["token"], "KEY_OF_STAGE": SECRETS["gst"],
    }  # fmt: skip
    log = tmp_path / "log.txt"
    arguments = command("-vv", "run", "--config", config, "--json")
    with log.open("w") as stderr:
        run = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **environ}
        )
    try:
        page = _page(log, run)
        deadline_s = time.monotonic() + 60
        while "refused" not in _read(page + "api/streams") or log.read_text().count("tried again in") < 4:
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(0.2)
        seen = [_read(page + path) for path in PATHS]
        me = psutil.Process(run.pid)
        seen += [" ".join(one.cmdline()) for one in (me, *me.children(recursive=True))]
        assert len(me.children()) == (workers if workers > 1 else 0)
        run.terminate()
        stdout, _ = run.communicate(timeout=60)
    finally:
        run.kill()
    seen += [stdout, log.read_text(), (tmp_path / "d.jsonl").read_text()]
    assert "127.0.0.1:9" in log.read_text()
    for name, one in SECRETS.items():
        for form in {one, quote(one, safe=""), quote(one), json.dumps(one)[1:-1], repr(one)[1:-1]}:
            for text in seen:
                assert form not in text, (name, form, text)


def test_an_error_in_the_configuration_shows_no_secret(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "top;se'cret")
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps({"model": {"path": str(tiny)}, "streams": [{"source": "a.mp4", "loop": "${ADMIN_PASSWORD}"}]})
    )
    done = called("run", "--config", config, "--json")
    assert "streams.0.loop" in done.sentence()
    assert "top;se" not in done.stderr + done.stdout


def test_a_variable_that_is_not_set_is_one_sentence(tiny: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"model: {{path: {tiny}}}\nstreams:\n  - source: rtsp://admin:${{CAM_PASSWORD}}@cam/\n")
    sentence = called("run", "--config", config).sentence()
    assert sentence.endswith(
        "config.yaml: streams.0.source: the environment has no variable CAM_PASSWORD; set it, or write a default "
        "behind :- in the reference"
    )


def test_references_work_on_the_command_line_and_leave_names_of_files_alone(
    tiny: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "a$$b${X}.mp4"
    odd.symlink_to(video)
    monkeypatch.setenv("FILMS", str(tmp_path))
    for source in (str(odd), "${FILMS}/a$$$$b$${X}.mp4"):
        (stream,) = called("run", "--source", source, "--model", tiny, "--max-frames", "1", "--json").report["streams"]
        assert stream["frames_done"] == 1


def test_a_crash_is_told_without_secrets(tmp_path: Path) -> None:
    probe = (
        "import sys, threading; from streamvision.cli import main as cli\n"
        "from streamvision.core.redaction import remember_secrets; remember_secrets(['open-sesame'])\n"
        "def broken(given):\n    raise RuntimeError('rtsp://a:hunter2@cam/ open-sesame')\n"
        "cli._run = broken\n"
        "def other():\n    raise RuntimeError('http://a:hunter3@cam/')\n"
        "cli.configure(cli.LogSettings()); cli.report_crashes()\n"
        "t = threading.Thread(target=other); t.start(); t.join()\n"
        "cli.main(['doctor'])\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("Traceback (most recent call last)") == 2
    assert "RuntimeError: rtsp://***@cam/ ***" in done.stderr
    assert "hunter" not in done.stderr


def _page(log: Path, run: subprocess.Popen[str]) -> str:
    deadline_s = time.monotonic() + 90
    while "Watch at" not in log.read_text():
        assert time.monotonic() < deadline_s and run.poll() is None, log.read_text()
        time.sleep(0.1)
    return log.read_text().split("Watch at ")[1].split()[0]


def _read(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            return str(response.headers) + response.read().decode()
    except urllib.error.HTTPError as error:
        return str(error.headers) + error.read().decode()
