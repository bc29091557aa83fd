"""A camera that drives now: its packets become clips, the receiver's fixes a file beside each of them."""
