"""Folders from which model servers serve an artefact: Triton's model repository, and MLServer's."""

from exporters.repository.write import Repository, write_repository

__all__ = ["Repository", "write_repository"]
