"""Everything that FFmpeg reads, through PyAV: files, pipes, RTSP, films over HTTP, V4L2 cameras."""
