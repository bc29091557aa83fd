"""The identities that a service has seen: written down, kept within bounds, found again."""
