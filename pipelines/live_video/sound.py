"""Sound as browsers take it: AAC, Opus, and the G.711 of cameras."""

from __future__ import annotations

from pipelines.capture.packets import EncodedTrack
from pipelines.codecs import adts
from streamvision.core.live_video import SoundFormat

_G711 = {"pcm_mulaw": "ulaw", "pcm_alaw": "alaw"}
_MOST_CHANNELS = 8
_OPUS_HZ = 48_000


class SoundTrack:
    """The sound of one connection.

    Args:
        track: what the source says of it.
    """

    def __init__(self, track: EncodedTrack) -> None:
        self._track = track
        self.format = self._described(b"")
        """What a decoder must know; ``None`` where that is not known yet, or browsers cannot decode it."""

    def prepare(self, data: bytes) -> bytes:
        """Return a packet as browsers take it."""
        if self._track.codec != "aac":
            return data
        if self.format is None and adts.has_header(data):
            self.format = self._described(data)
        return adts.without_header(data)

    def _described(self, packet: bytes) -> SoundFormat | None:
        track = self._track
        rate_hz, channels, config = track.sample_rate_hz, track.channels, b""
        if track.codec == "aac":
            config = track.extradata or (adts.audio_config(packet) if packet else b"")
            codec = _aac(config)
        elif track.codec == "opus":
            codec, rate_hz = "opus", _OPUS_HZ
            config = track.extradata if track.extradata.startswith(b"OpusHead") else b""
        else:
            codec = _G711.get(track.codec, "")
        if packet:
            rate_hz, channels = adts.rate_and_channels(packet)
        if not codec or rate_hz <= 0 or not 1 <= channels <= _MOST_CHANNELS:
            return None
        return SoundFormat(codec, rate_hz, channels, config)


def _aac(config: bytes) -> str:
    """Return the name of AAC by its AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1; RFC 6381)."""
    if len(config) < 2:
        return ""
    kind = config[0] >> 3
    if kind == 31:
        kind = 32 + ((config[0] & 7) << 3 | config[1] >> 5)
    return f"mp4a.40.{kind}" if kind else ""
