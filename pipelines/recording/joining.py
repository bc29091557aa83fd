"""Recorded files joined to one, which is handed on in pieces while it is made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from pipelines.recording.joined_times import JoinedTimes
from pipelines.recording.pieces import PiecesFile, takes
from pipelines.recording.recorded_file import OpenedFile, RecordedFile, opened
from pipelines.recording.tracks import AacTrack, CopiedTrack, Draw, DrawnTrack, Track
from streamvision.core.recordings import RecordedSpan


class Output:
    """The file that is made.

    Args:
        pieces: what it is written to.
        video: its pictures.
        audio: its sound, if it is to have some.
    """

    def __init__(self, pieces: PiecesFile, video: Track, audio: Track | None) -> None:
        self.pieces = pieces
        self._tracks: dict[bool, Track] = {True: video, **({False: audio} if audio is not None else {})}
        self._times = JoinedTimes()
        pieces.begin()

    def add(self, file: RecordedFile, source: OpenedFile, since_s: float, until_s: float) -> Iterator[bytes]:
        """Take what a file holds of a time, and yield what is complete."""
        self._times.begin_file()
        for track in self._tracks.values():
            track.begin_file(file, source)
        for found in source.packets(since_s, until_s):
            taking, times_s = self._tracks.get(found.is_video), self._times.of(found)
            if taking is not None and times_s is not None:
                taking.write(found, *times_s)
                yield from self.pieces.take()
        for track in self._tracks.values():
            track.end_file()


class Maker(Protocol):
    """Begins the file that is made of others."""

    def __call__(self, source: OpenedFile, files: Sequence[RecordedFile]) -> Output:
        """Return it.

        Args:
            source: the first file that can be read.
            files: all of them.
        """


def joined(files: Sequence[RecordedFile], span: RecordedSpan, begin: Maker) -> Iterator[bytes]:
    """Yield the pieces of one file of what was recorded in a span; nothing where there is no picture in it."""
    output: Output | None = None
    try:
        for file in files:
            with opened(file) as source:
                if source is None:
                    continue
                output = output or begin(source, files)
                start_s = file.recording.start_unix_s
                yield from output.add(file, source, span.since_unix_s - start_s, span.until_unix_s - start_s)
    finally:
        if output is not None:
            output.pieces.close()
    if output is not None:
        yield from output.pieces.take()


def copied(source: OpenedFile, files: Sequence[RecordedFile]) -> Output:
    """Begin a file of the camera's own packets."""
    with _sounding(source, files) as sounding:
        codec = sounding.sound[0] if sounding is not None and sounding.sound is not None else None
        fits_mp4 = takes("mp4", source.video_codec) and (codec is None or takes("mp4", codec))
        form = "mp4" if fits_mp4 else "mov"
        pieces = PiecesFile(form)
        video = CopiedTrack(pieces.container, source, is_video=True)
        audio = None
        if sounding is not None and codec is not None and takes(form, codec):
            audio = CopiedTrack(pieces.container, sounding, is_video=False)
        return Output(pieces, video, audio)


def drawn(draw: Draw) -> Maker:
    """Return what begins a file whose pictures are drawn anew and whose sound is AAC."""

    def begin(source: OpenedFile, files: Sequence[RecordedFile]) -> Output:
        pieces = PiecesFile("mp4")
        video = DrawnTrack(pieces.container, source, draw)
        return Output(pieces, video, _aac(pieces, source, files))

    return begin


def with_aac(source: OpenedFile, files: Sequence[RecordedFile]) -> Output:
    """Begin a file of the camera's own pictures with sound as AAC."""
    pieces = PiecesFile("mp4")
    video = CopiedTrack(pieces.container, source, is_video=True)
    return Output(pieces, video, _aac(pieces, source, files))


def _aac(pieces: PiecesFile, source: OpenedFile, files: Sequence[RecordedFile]) -> AacTrack | None:
    with _sounding(source, files) as sounding:
        if sounding is None or sounding.sound is None:
            return None
        return AacTrack(pieces.container, sounding.sound[2])


@contextlib.contextmanager
def _sounding(source: OpenedFile, files: Sequence[RecordedFile]) -> Iterator[OpenedFile | None]:
    """Return the first file that has sound, as long as it is asked; ``None`` where none has."""
    with contextlib.ExitStack() as stack:
        silent = source.audio is None
        other = next((file for file in files if file.recording.has_sound), None) if silent else None
        yield source if not silent else stack.enter_context(opened(other)) if other is not None else None
