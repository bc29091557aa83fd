"""User code behind the tracker: in threads of its own, with a time budget."""
