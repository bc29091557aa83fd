"""A service whose models come from a store."""
