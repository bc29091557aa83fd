"""Keeps what was recorded: files in folders by time, an index of them, and how long each is kept."""
