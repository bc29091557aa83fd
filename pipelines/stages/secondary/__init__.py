"""Second looks: models on the crops of objects, batched over all streams and remembered by identity."""
