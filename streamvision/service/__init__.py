"""A service that is left running: streams that come and go, settings, counts and events that outlive a restart."""
