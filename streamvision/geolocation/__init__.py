"""Objects of the world, from their boxes over the camera's positions: placed, with an uncertainty, and merged."""
