"""Positions in files beside a video: logs of sentences, GPX, subtitles, and the logs of a whole card."""
