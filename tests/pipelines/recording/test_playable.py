"""Recorded files as a real Chromium plays them, whole and through Media Source Extensions."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from pipelines.recording.media import RecordedFile, media_type, playable
from streamvision.core.recordings import RecordingAbsentError
from support.browser import fresh_page
from support.recorded_files import numbers_of, write_recording

CASES = {
    "as recorded": {"codec": "libx264", "sound": "aac"},
    "without sound": {"codec": "libx264", "sound": None},
    "b-frames and G.711": {"codec": "libx264", "sound": "pcm_alaw", "b_frames": 2},
    "HEVC": {"codec": "libx265", "sound": "aac"},
    "MJPEG and G.711": {"codec": "mjpeg", "sound": "pcm_mulaw"},
}
_PLAY = """async ([type, content]) => {
    const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
    if (!MediaSource.isTypeSupported(type)) return {error: 'not supported: ' + type};
    const video = document.createElement('video');
    video.muted = true;
    document.body.append(video);
    const source = new MediaSource();
    video.src = URL.createObjectURL(source);
    await new Promise(done => source.addEventListener('sourceopen', done, {once: true}));
    const buffer = source.addSourceBuffer(type);
    for (let at = 0; at < bytes.length; at += 20000) {
        const ended = new Promise(done => buffer.addEventListener('updateend', done, {once: true}));
        buffer.appendBuffer(bytes.subarray(at, at + 20000));
        await ended;
        if (video.error) return {error: video.error.message};
    }
    source.endOfStream();
    const ranges = Array.from({length: buffer.buffered.length}, (_, i) => [buffer.buffered.start(i),
        buffer.buffered.end(i)]);
    const canvas = document.createElement('canvas');
    const numbers = [];
    for (const at of [0.5, 1.5]) {
        // A callback may still tell of the picture from before the seek.
        const shown = new Promise(done => {
            const look = (_, frame) =>
                Math.abs(frame.mediaTime - at) < 0.2 ? done() : video.requestVideoFrameCallback(look);
            video.requestVideoFrameCallback(look);
        });
        video.currentTime = at;
        await shown;
        [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
        const drawing = canvas.getContext('2d');
        drawing.drawImage(video, 0, 0);
        let number = 0;
        for (let bit = 0; bit < 12; bit++) {
            const pixel = drawing.getImageData((bit + 0.5) * canvas.width / 12, canvas.height / 4, 1, 1).data;
            number |= (pixel[0] > 125) << bit;
        }
        numbers.push(number);
    }
    return {ranges, numbers, heard: video.webkitAudioDecodedByteCount, error: video.error && video.error.message};
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser) as page:
        page.goto("about:blank")
        yield page


def content_of(file: RecordedFile) -> bytes:
    played = playable(file)
    return played.read_bytes() if isinstance(played, Path) else b"".join(played)


@pytest.mark.browser
@pytest.mark.parametrize("case", CASES)
def test_chromium_plays_it_through_media_source_extensions(tmp_path: Path, page: Page, case: str) -> None:
    given: Any = CASES[case]
    file = write_recording(tmp_path, count=75, **given)
    kind = media_type(file)
    assert ("mp4a.40.2" in kind) == (given["sound"] is not None)
    told = page.evaluate(_PLAY, [kind, base64.b64encode(content_of(file)).decode()])
    assert told["error"] is None
    ((begin_s, end_s),) = told["ranges"]
    assert begin_s < 0.2 and 2.7 < end_s < 3.4
    assert [abs(number - shown) <= 3 for number, shown in zip(told["numbers"], (12, 37), strict=True)] == [True] * 2


def test_what_browsers_play_is_the_file_itself_even_when_it_was_renamed(tmp_path: Path) -> None:
    file = write_recording(tmp_path)
    assert playable(file) == file.path
    renamed = file.path.rename(file.path.with_name(file.path.name.replace("continuous", "kept")))
    assert playable(file) == renamed


def test_pictures_stay_the_cameras_own_where_only_the_sound_is_encoded(tmp_path: Path) -> None:
    file = write_recording(tmp_path, sound="pcm_alaw")
    out = tmp_path / "out.mp4"
    out.write_bytes(content_of(file))
    assert numbers_of(out) == list(range(50))
    assert media_type(file).startswith('video/mp4; codecs="avc1.64')


def test_a_file_that_is_cut_short_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    file = write_recording(tmp_path, sound="pcm_alaw", gop=10)
    file.path.write_bytes(file.path.read_bytes()[: file.recording.size_bytes * 2 // 3])
    out = tmp_path / "out.mp4"
    out.write_bytes(content_of(file))
    numbers = numbers_of(out)
    assert numbers == list(range(len(numbers))) and len(numbers) > 15


@pytest.mark.parametrize("content", [None, b"", b"#EXTM3U\nfile:///etc/hostname\n"])
def test_what_is_not_there_or_no_video_is_said_at_once(tmp_path: Path, content: bytes | None) -> None:
    file = write_recording(tmp_path)
    file.path.unlink()
    if content is not None:
        file.path.write_bytes(content)
    for ask in (playable, media_type):
        with pytest.raises(RecordingAbsentError, match="nothing was recorded of door"):
            ask(file)
