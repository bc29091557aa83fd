"""The version of the package, which reports and metrics carry."""

__version__ = "0.1.0"
