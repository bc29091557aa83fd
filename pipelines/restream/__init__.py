"""Annotated streams for other programs: as HLS, and as RTSP."""

from __future__ import annotations

from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.restream.hls import HlsVideos
from streamvision.core.live import LiveView


def offer_videos(view: LiveView) -> StreamEncoders:
    """Let the page's server have the videos of all streams, which are encoded while somebody reads them.

    Args:
        view: the running pipeline; before the server is made.
    """
    encoders = StreamEncoders(view)
    view.videos = HlsVideos(view, encoders)
    return encoders
