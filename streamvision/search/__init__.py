"""Finding an object again: the tracklets of recordings with their embeddings, and the search among them."""
