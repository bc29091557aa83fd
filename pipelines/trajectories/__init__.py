"""Whole trajectories of a recording, once it has ended: pieces of one object joined, gaps filled, paths smoothed."""
