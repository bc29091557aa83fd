"""Publish: where results go. Each sink is told of every result, in order, and closed once."""
