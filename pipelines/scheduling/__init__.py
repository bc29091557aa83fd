"""Between capture and the network: frame buffers, the batcher, and the order of results."""
