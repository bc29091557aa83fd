"""Annotated streams for other programs: as HLS, and as RTSP."""

from __future__ import annotations

from pipelines.encoding.encoder_kinds import AUTO
from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.restream.hls import HlsVideos
from streamvision.core.live import LiveView


def offer_videos(view: LiveView, *, encoder: str = AUTO) -> StreamEncoders:
    """Let the page's server have the videos of all streams, which are encoded while somebody reads them.

    Args:
        view: the running pipeline; before the server is made.
        encoder: FFmpeg's name of the encoder, or ``auto``: the first that works.
    """
    encoders = StreamEncoders(view, encoder)
    view.videos = HlsVideos(view, encoders)
    return encoders
