"""Which Chromium the browser tests drive."""

from __future__ import annotations

import shutil

_NAMES = ("/usr/lib/chromium/chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
"""The one without windows where it is installed: the same engine, for less than half of the processor time a page."""
