"""Python's face: ``streamvision.stream`` and what it gives."""

from streamvision.core.packages import check_packages

check_packages()
