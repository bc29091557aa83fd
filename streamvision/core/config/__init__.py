"""Everything that can be set: one section a file; ``app`` is a whole run."""
