"""Files that are a list of others: playlists on disk are read to their end, and none is followed in a circle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.capture.registry import create_reader, parse_source
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.dashcam.headers import read_header
from support.capturing import capturing, take, write_video

SEGMENT = "#EXTINF:1,\nsegment.ts\n"
HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_video(tmp_path / "segment.ts", sizes=[(64, 48)], frames=25)
    return tmp_path


@pytest.mark.parametrize("segments", [1, 5])
@pytest.mark.parametrize("end", ["#EXT-X-ENDLIST\n", ""])
def test_a_playlist_on_disk_is_read_from_its_beginning_to_its_end(folder: Path, segments: int, end: str) -> None:
    playlist = folder / "film.m3u8"
    playlist.write_text(HEAD + SEGMENT * segments + end)
    with capturing(playlist) as capture:
        assert len(take(capture)) == 25 * segments


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100\nlist.m3u8\n",
        HEAD + SEGMENT + '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="list.m3u8"\n',
    ],
)
def test_a_playlist_of_playlists_on_disk_is_refused(folder: Path, text: str) -> None:
    path = folder / "list.m3u8"
    path.write_text(text)
    reader = create_reader(parse_source(str(path)), config=StreamConfig(source=str(path)))
    with pytest.raises(SourceError, match="is a list of playlists"):
        reader.open()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts", "clip.mkv"])
@pytest.mark.parametrize("named", ["{name}", "segment.ts"])
def test_a_list_of_files_opens_none_of_them(folder: Path, name: str, named: str) -> None:
    path = folder / name
    path.write_text(f"ffconcat version 1.0\nfile {named.format(name=name)}\n")
    reader = create_reader(parse_source(str(path)), config=StreamConfig(source=str(path)))
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SourceError, match=r"is no video"):
        reader.open()
    assert read_header(path).duration_s is None
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_a_list_of_files_on_the_standard_input_opens_none_of_them(folder: Path) -> None:
    probe = subprocess.run(
        [sys.executable, "-m", "streamvision", "probe", "-"],
        input=b"ffconcat version 1.0\nfile segment.ts\n",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
        capture_output=True,
        timeout=120,
    )
    assert probe.returncode != 0
    assert b"gives no video" in probe.stderr
