"""The bundle: an artefact with all that an app needs to use it right, and the vectors that prove it does."""

from exporters.bundle.build import Bundle, bundle_exported, make_bundle

__all__ = ["Bundle", "bundle_exported", "make_bundle"]
