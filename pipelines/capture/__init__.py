"""Capture: from a URI to decoded frames, by the policy that fits the kind of source."""
