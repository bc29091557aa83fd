"""Encoded video on its way to those who watch: the cameras' own packets, or pictures encoded here."""
