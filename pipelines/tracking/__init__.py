"""Tracking: identities over time, one tracker instance per stream."""
