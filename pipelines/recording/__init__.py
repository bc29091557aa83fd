"""Recording of the cameras' own packets, as they came."""
