"""One file per output layout: raw tensors in, candidate boxes out."""
