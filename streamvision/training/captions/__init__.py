"""Trains networks that describe pictures in sentences."""
