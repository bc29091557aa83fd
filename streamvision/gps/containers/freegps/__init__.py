"""``freeGPS`` blocks: one fix in a block of its own between the pictures, in the layouts of many makers of cameras."""
